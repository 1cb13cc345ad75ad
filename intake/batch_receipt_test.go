package intake_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// told reads a streamed receipt: "line verdict code" per row.
func (r answer) told() []string {
	r.t.Helper()
	var out []string
	for text := range strings.Lines(string(r.body)) {
		var v struct {
			Line              int
			Verdict, Code, ID string
			Problem           *struct{ Code string }
		}
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			r.t.Fatalf("%v in %s", err, text)
		}
		if v.Problem != nil {
			out = append(out, "problem "+v.Problem.Code)
			continue
		}
		if (v.ID == "") != (v.Verdict == "rejected") {
			r.t.Errorf("%s", text)
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%d %s %s", v.Line, v.Verdict, v.Code)))
	}
	return out
}

// TestReceiptPerRow tells the verdict on every row in the order of the file, whatever the verdicts are.
func TestReceiptPerRow(t *testing.T) {
	t.Parallel()
	rows := good("a") + "\nnonsense\n" + good("b") + "\n" + good("a") + "\n" + strings.Replace(good("a"), "5.00", "6", 1) + "\n" + good("c") + "\n"
	want := []string{"1 accepted", "2 rejected malformed", "3 accepted", "4 duplicate", "5 rejected reference_conflict", "6 accepted"}
	for _, chunk := range []int{1, 2, 500} {
		a, _ := newRedisAPIOf(t, chunk)
		r := a.upload(ndjson, rows, "Accept", ndjson).want(202)
		if d := cmp.Diff(want, r.told()); d != "" {
			t.Errorf("chunks of %d: %s", chunk, d)
		}
		if !strings.HasPrefix(r.header.Get("Location"), "/v1/batches/bat") {
			t.Errorf("Location %q", r.header.Get("Location"))
		}
		dry := a.do("POST", "/v1/batches?validate_only=true", rows, "Content-Type", ndjson, "Accept", ndjson).want(200).told()
		if got := strings.Join(dry, ","); !strings.Contains(got, "1 duplicate") || len(dry) != 6 {
			t.Errorf("validation: %s", got)
		}
		mismatch := a.do("POST", "/v1/batches?expect_count=7", rows, "Content-Type", ndjson, "Accept", ndjson).want(202).told()
		if len(mismatch) != 7 || mismatch[6] != "problem control_mismatch" {
			t.Errorf("control totals: %v", mismatch)
		}
		a.upload(ndjson, "", "Accept", ndjson).problem(400, "malformed")
	}
}

// TestReceiptsAsTheyGo gets the verdict on each row before it sends the next one, over a real connection.
func TestReceiptsAsTheyGo(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	srv := httptest.NewServer(a.server.Handler())
	t.Cleanup(srv.Close)
	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/v1/batches", out)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+a.key)
	r.Header.Set("Content-Type", ndjson)
	r.Header.Set("Accept", ndjson)
	go func() { _, _ = io.WriteString(in, good("r0")+"\n") }()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for i := range 5 {
		if i > 0 {
			if _, err := io.WriteString(in, good(fmt.Sprint("r", i))+"\n"); err != nil {
				t.Fatal(err)
			}
		}
		if !lines.Scan() || !strings.Contains(lines.Text(), fmt.Sprintf(`"reference":"r%d","verdict":"accepted"`, i)) {
			t.Fatalf("row %d: %q %v", i, lines.Text(), lines.Err())
		}
	}
	_ = in.Close()
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("after the last row: %q %v", lines.Text(), lines.Err())
	}
	if n := len(a.store.batches); n != 1 || a.store.count() != 5 {
		t.Errorf("%d batches, %d rows", n, a.store.count())
	}
	for _, b := range a.store.batches {
		if !b.Sealed || b.Accepted != 5 {
			t.Errorf("%+v", b)
		}
	}
}
