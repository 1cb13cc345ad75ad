package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"topupq/e2e/harness"
	"topupq/topup"
)

// bulkFile is a CSV of n rows with semicolons, Windows line ends and a byte order mark.
func bulkFile(prefix string, n int) string {
	var b strings.Builder
	b.WriteString("\ufeffreference;recipient;amount;currency\r\n")
	for i := range n {
		fmt.Fprintf(&b, "%s-%d;+2782%07d;\"5.00\";ZAR\r\n", prefix, i, 2_000_000+i)
	}
	return b.String()
}

// TestBulkControlTotals uploads a file that is one row short of what it should be: nothing of it is sent, across a crash
// of every process, until it is sent again whole. The same file once more is all duplicates.
func TestBulkControlTotals(t *testing.T) {
	t.Parallel()
	const n = 60
	s := harness.Start(t, harness.Options{})
	file := bulkFile("ctl", n)
	cut := file[:strings.LastIndex(strings.TrimSpace(file), "\r\n")+2]
	query := fmt.Sprintf("?expect_count=%d&expect_total=ZAR:%d.00", n, n*5)
	var held struct {
		Code    string `json:"code"`
		BatchID string `json:"batch_id"`
	}
	status, body := s.Merchant.Upload(t.Context(), query, cut)
	if err := json.Unmarshal(body, &held); err != nil || status != http.StatusUnprocessableEntity || held.Code != "control_mismatch" {
		t.Fatalf("%d %s %v", status, body, err)
	}
	for _, p := range s.Processes() {
		p.Kill()
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
	}
	first := topup.NewID(s.Merchant.ID, "ctl-0")
	waits := func() bool {
		_, rec, err := s.Merchant.Get(t.Context(), first)
		return err == nil && rec.State == "accepted"
	}
	if err := harness.Poll(t.Context(), 50*time.Millisecond, waits); err != nil {
		t.Fatal(err)
	}
	// Whatever is due is rung for within a second here: a top-up that is handed in now overtakes the withheld rows.
	status, rec, err := s.Merchant.Submit(t.Context(), fairOrder("after", 1))
	if status/100 != 2 || err != nil {
		t.Fatal(status, err)
	}
	state := func(id topup.ID, want string) func() bool {
		return func() bool {
			_, now, err := s.Merchant.Get(t.Context(), id)
			return err == nil && now.State == want
		}
	}
	if err := harness.Poll(t.Context(), 20*time.Millisecond, state(rec.ID, "succeeded")); err != nil {
		t.Fatal(err)
	}
	if !waits() {
		t.Error("a withheld row went its way")
	}
	for round, want := range []string{fmt.Sprintf(`"accepted":1,"duplicates":%d`, n-1), fmt.Sprintf(`"accepted":0,"duplicates":%d`, n)} {
		if status, body := s.Merchant.Upload(t.Context(), query, file); status != http.StatusAccepted || !strings.Contains(string(body), want) {
			t.Fatalf("round %d: %d %s", round, status, body)
		}
	}
	for _, i := range []int{0, n / 2, n - 1} {
		if err := harness.Poll(t.Context(), 20*time.Millisecond, state(topup.NewID(s.Merchant.ID, fmt.Sprint("ctl-", i)), "succeeded")); err != nil {
			t.Fatalf("row %d is not delivered: %v", i, err)
		}
	}
}
