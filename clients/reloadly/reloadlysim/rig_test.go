package reloadlysim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	sim "topupq/clients/reloadly/reloadlysim"
)

// clock is a settable time whose waits pass at once.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Wait(_ context.Context, d time.Duration) { c.add(d) }

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bench is a running simulator with a plain HTTP client and a token.
type bench struct {
	*testing.T
	*sim.Sim
	clock *clock
	url   string
	token string
}

func newBench(t *testing.T, opt sim.Options) *bench {
	t.Helper()
	b := &bench{T: t, clock: newClock()}
	opt.Now, opt.Wait = b.clock.Now, b.clock.Wait
	b.Sim = sim.New(opt)
	server := httptest.NewServer(b.Sim)
	t.Cleanup(server.Close)
	b.url = server.URL
	b.token = b.newToken()
	return b
}

func (b *bench) newToken() string {
	b.Helper()
	var answer struct {
		Token string `json:"access_token"`
	}
	b.call("POST", "/oauth/token", `{"client_id":"sim-client","client_secret":"sim-secret","grant_type":"client_credentials","audience":"x"}`, &answer)
	return answer.Token
}

// call makes a request, decodes the answer into v if it can, and returns status and body; 0 without an answer.
func (b *bench) call(method, path, body string, v any) (int, string) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.token)
	resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, ""
	}
	if v != nil {
		_ = json.Unmarshal(text, v) // a spoilt answer stays zero
	}
	return resp.StatusCode, string(text)
}

func orderJSON(ref, number string) string {
	return fmt.Sprintf(`{"operatorId":341,"amount":2.5,"useLocalAmount":false,"customIdentifier":%q,"recipientPhone":{"countryCode":"NG","number":%q}}`, ref, number)
}

const number = "2348031234567"

type transaction struct {
	ID     int64  `json:"transactionId"`
	Status string `json:"status"`
	Code   string `json:"errorCode"`
}

func (b *bench) topup(ref, number string) (int, transaction) {
	b.Helper()
	var tr transaction
	status, _ := b.call("POST", "/topups", orderJSON(ref, number), &tr)
	return status, tr
}

func (b *bench) async(ref, number string) (int, transaction) {
	b.Helper()
	var tr transaction
	status, _ := b.call("POST", "/topups-async", orderJSON(ref, number), &tr)
	return status, tr
}

func (b *bench) status(id int64) string {
	b.Helper()
	var tr transaction
	b.call("GET", fmt.Sprintf("/topups/%d/status", id), "", &tr)
	return tr.Status
}

func (b *bench) reported(ref string) int {
	b.Helper()
	var page struct {
		Content []transaction `json:"content"`
	}
	b.call("GET", "/topups/reports/transactions?customIdentifier="+url.QueryEscape(ref), "", &page)
	return len(page.Content)
}

// booking is the ledger's entry for a reference, zero without one.
func (b *bench) booking(ref string) sim.Booking {
	for _, k := range b.Bookings() {
		if k.Reference == ref {
			return k
		}
	}
	return sim.Booking{}
}

func (b *bench) wantBalance(want string) {
	b.Helper()
	if got := b.Balance(); got != want {
		b.Errorf("balance %s, want %s", got, want)
	}
}
