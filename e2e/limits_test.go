package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"topupq/e2e/harness"
	"topupq/topup"
)

// taken is what an upload came to.
type taken struct {
	BatchID                        string `json:"batch_id"`
	Code                           string `json:"code"`
	Accepted, Duplicates, Rejected int
	Errors                         []struct {
		Line int
		Code string
	}
}

// codes are the refused rows as "line code".
func (r taken) codes() string {
	var out []string
	for _, e := range r.Errors {
		out = append(out, fmt.Sprint(e.Line, " ", e.Code))
	}
	return strings.Join(out, ", ")
}

func upload(ctx context.Context, t *testing.T, m *harness.Merchant, query, csv string, want int) taken {
	t.Helper()
	status, body := m.Upload(ctx, query, csv)
	var r taken
	if err := json.Unmarshal(body, &r); err != nil || status != want {
		t.Fatalf("upload: %d %s %v", status, body, err)
	}
	return r
}

// bounded is a merchant of a running system whose limits an operator has set.
func bounded(ctx context.Context, t *testing.T, s *harness.Stack, flags ...string) *harness.Merchant {
	t.Helper()
	m, err := s.AddMerchant(ctx)
	if err == nil {
		_, err = s.Command(ctx, append([]string{"merchant", "limits", string(m.ID)}, flags...)...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func orderBody(reference, recipient string) string {
	return fmt.Sprintf(`{"reference":%q,"recipient":%q,"amount":"5.00","currency":"ZAR"}`, reference, recipient)
}

// submitOne hands one top-up in and wants a status, with the code of a refusal.
func submitOne(ctx context.Context, t *testing.T, m *harness.Merchant, body string, want int, code string) {
	t.Helper()
	status, header, answer, err := m.Call(ctx, http.MethodPost, "/v1/topups", body)
	if err != nil || status != want || !strings.Contains(string(answer), code) {
		t.Fatalf("%s: %d %s %v, want %d %s", body, status, answer, err, want, code)
	}
	wait, err := strconv.Atoi(header.Get("Retry-After"))
	if (status == http.StatusTooManyRequests) != (err == nil && wait > 0) {
		t.Errorf("%d with Retry-After %q", status, header.Get("Retry-After"))
	}
}

// TestMerchantLimits goes over each limit of a merchant, with single top-ups and in a file: the refusal names the limit,
// and nothing of what was refused is on record or ever reaches the provider.
func TestMerchantLimits(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	ctx := t.Context()
	const same = "+27821110000"
	for name, c := range map[string]struct {
		flags  []string
		status int
		code   string
		// other is the recipient of all but the first.
		other string
	}{
		"rows":          {[]string{"--topups-per-day", "2"}, 429, "day_limit", ""},
		"amount":        {[]string{"--amount-per-day", "ZAR:14.99"}, 429, "day_limit", ""},
		"number rows":   {[]string{"--number-topups-per-day", "2"}, 429, "number_limit", same},
		"number amount": {[]string{"--number-amount-per-day", "ZAR:14.99"}, 429, "number_limit", same},
		"credit":        {[]string{"--credit", "ZAR:14.99"}, 422, "credit_limit", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := bounded(ctx, t, s, c.flags...)
			number := func(i int) string {
				if c.other != "" {
					return c.other
				}
				return fmt.Sprintf("+2782111%04d", i)
			}
			submitOne(ctx, t, m, orderBody("a", number(1)), 202, "")
			submitOne(ctx, t, m, orderBody("b", number(2)), 202, "")
			submitOne(ctx, t, m, orderBody("c", number(3)), c.status, c.code)
			submitOne(ctx, t, m, orderBody("a", number(1)), 200, "")
			r := upload(ctx, t, m, "", "reference,recipient,amount,currency\nb,"+number(2)+",5.00,ZAR\nd,"+number(4)+",5.00,ZAR\n", 202)
			if r.Accepted != 0 || r.Duplicates != 1 || r.codes() != "3 "+c.code {
				t.Errorf("in a file: %+v", r)
			}
			onlyThese(ctx, t, s, m, []string{"a", "b"}, []string{"c", "d"})
		})
	}
}

// TestRequestLimit bounds a merchant's requests: beyond them it is told when to come back, and nothing is recorded.
func TestRequestLimit(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	ctx := t.Context()
	m := bounded(ctx, t, s, "--requests-per-second", "2")
	for i := range 100 {
		reference := fmt.Sprint("burst-", i)
		status, header, _, err := m.Call(ctx, http.MethodPost, "/v1/topups", orderBody(reference, fmt.Sprintf("+2782333%04d", i)))
		if err != nil {
			t.Fatal(err)
		}
		if status != http.StatusTooManyRequests {
			continue
		}
		if header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		within(ctx, t, "another request", func() bool {
			status, _, err = m.Get(ctx, topup.NewID(m.ID, reference))
			return err == nil && status != http.StatusTooManyRequests
		})
		if status != http.StatusNotFound {
			t.Errorf("what was refused is on record: %d", status)
		}
		return
	}
	t.Error("no request was refused")
}

// TestBatchLimits takes the first rows of a file that there is room for; the rest comes with a file of its own.
func TestBatchLimits(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	ctx := t.Context()
	for name, flags := range map[string][]string{"rows": {"--batch-topups", "3"}, "amount": {"--batch-amount", "ZAR:17"}} {
		t.Run(name, func(t *testing.T) {
			m := bounded(ctx, t, s, flags...)
			file := bulkFile("lim", 5)
			if r := upload(ctx, t, m, "", file, 202); r.Accepted != 3 || r.codes() != "5 batch_limit, 6 batch_limit" {
				t.Fatalf("%+v", r)
			}
			onlyThese(ctx, t, s, m, []string{"lim-0", "lim-1", "lim-2"}, []string{"lim-3", "lim-4"})
			if r := upload(ctx, t, m, "", file, 202); r.Accepted != 2 || r.Duplicates != 3 || r.Rejected != 0 {
				t.Errorf("the same file again: %+v", r)
			}
		})
	}
}

// onlyThese waits until some top-ups of a merchant are delivered, and finds nothing of the others: no record, no call.
func onlyThese(ctx context.Context, t *testing.T, s *harness.Stack, m *harness.Merchant, want, refused []string) {
	t.Helper()
	for _, reference := range want {
		id := topup.NewID(m.ID, reference)
		within(ctx, t, reference+" delivered", func() bool {
			_, rec, err := m.Get(ctx, id)
			return err == nil && rec.State == "succeeded"
		})
		if b := s.Sims.Books()[id]; b.Count != 1 {
			t.Errorf("%s is booked %d times", reference, b.Count)
		}
	}
	for _, reference := range refused {
		id := topup.NewID(m.ID, reference)
		if status, _, err := m.Get(ctx, id); status != http.StatusNotFound || err != nil {
			t.Errorf("a record of %s: %d %v", reference, status, err)
		}
		if asks := s.Sims.Asks()[id]; len(asks) > 0 {
			t.Errorf("the provider was called about %s: %+v", reference, asks)
		}
	}
	var list struct{ Data []json.RawMessage }
	_, _, body, err := m.Call(ctx, http.MethodGet, "/v1/topups?state=accepted,succeeded&limit=100", "")
	if err == nil {
		err = json.Unmarshal(body, &list)
	}
	if err != nil || len(list.Data) != len(want) {
		t.Errorf("%d on record, want %d: %v", len(list.Data), len(want), err)
	}
}

// TestCreditOfFailures: what is on its way holds its part of the credit, what was delivered keeps it, and what failed
// gives it back.
func TestCreditOfFailures(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{Env: patientEnv()})
	ctx := t.Context()
	m := bounded(ctx, t, s, "--credit", "ZAR:10")
	bad := topup.NewID(m.ID, "bad")
	s.Sims.Script(topup.AAT, bad, harness.Rule{Fault: "error", Body: "voucher id doesn't exist"})
	arrived, answer := make(chan struct{}), make(chan struct{})
	s.Sims.Watch(func(stage harness.Stage, id topup.ID) {
		if id == bad && stage == harness.Arrived {
			arrived <- struct{}{}
			<-answer
		}
	})
	submitOne(ctx, t, m, orderBody("good", "+27821110001"), 202, "")
	submitOne(ctx, t, m, orderWith("bad", "+27821110002"), 202, "")
	<-arrived
	submitOne(ctx, t, m, orderBody("next", "+27821110003"), 422, "credit_limit")
	close(answer)
	within(ctx, t, "the bad one failed", func() bool {
		_, rec, err := m.Get(ctx, bad)
		return err == nil && rec.State == "failed" && rec.RefundSafe
	})
	submitOne(ctx, t, m, orderBody("next", "+27821110003"), 202, "")
	submitOne(ctx, t, m, orderBody("more", "+27821110004"), 422, "credit_limit")
	onlyThese(ctx, t, s, m, []string{"good", "next"}, []string{"more"})
}

// orderWith names its voucher, so that one refusal of it is the last word.
func orderWith(reference, recipient string) string {
	return strings.TrimSuffix(orderBody(reference, recipient), "}") + `,"product":{"recharge":"pinless","voucher_id":1001}}`
}
