package workers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/hibiken/asynq"
	"go.uber.org/zap"

	"topupq/jobs"
	"topupq/topup"
)

// text is one text message as the provider got it.
type text struct {
	to     topup.MSISDN
	body   string
	number int32
	ref    string
}

// phone is a texter and the ledger of its numbers.
type phone struct {
	mu     sync.Mutex
	texts  []text
	fail   func() error
	next   int32
	number map[topup.ID]int32
	sent   map[topup.ID]bool
	// forgets makes SMSSent fail: the text went out and nobody noted it.
	forgets bool
}

func newPhone() *phone {
	return &phone{number: map[topup.ID]int32{}, sent: map[topup.ID]bool{}, fail: func() error { return nil }}
}

func (p *phone) Text(_ context.Context, to topup.MSISDN, body topup.Secret, number int32, ref string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.fail(); err != nil {
		return err
	}
	p.texts = append(p.texts, text{to, body.Reveal(), number, ref})
	return nil
}

func (p *phone) SMSDedup(_ context.Context, id topup.ID) (int32, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.number[id]; !ok {
		p.next++
		p.number[id] = p.next
	}
	return p.number[id], p.sent[id], nil
}

func (p *phone) SMSSent(_ context.Context, id topup.ID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.forgets {
		return fmt.Errorf("note: %w", topup.ErrUnavailable)
	}
	p.sent[id] = true
	return nil
}

// refusal is a texter's error that says whether a repeat may help.
type refusal struct{ retryable bool }

func (r refusal) Error() string   { return "PIN 0000000011180837 refused" }
func (r refusal) Retryable() bool { return r.retryable }

func smsKeyring(t *testing.T) topup.Keyring {
	t.Helper()
	k, err := topup.ParseKeyring("k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	check(t, err)
	return k
}

// voucher stores a delivered top-up whose PIN is to be texted, changed by f.
func voucher(t *testing.T, m *memory, f func(*topup.Topup)) topup.ID {
	t.Helper()
	r := m.succeeded(t, "mershop", 1)
	r.Product = topup.Product{Recharge: topup.RechargePinned, DeliverPIN: topup.DeliverBySMS}
	check(t, seal(smsKeyring(t), r, "0000000011180837"))
	if f != nil {
		f(r)
	}
	m.put(r)
	return r.ID
}

func smsWorker(t *testing.T, m *memory, p *phone) *SMS {
	t.Helper()
	return NewSMS(SMSConfig{Store: m, Ledger: p, Texter: p, Keyring: smsKeyring(t), Log: zap.NewNop()})
}

func smsTask(id topup.ID) *asynq.Task { return asynq.NewTask(jobs.KindSMS, []byte(id)) }

func TestPINIsTextedOnce(t *testing.T) {
	t.Parallel()
	m, p := newMemory(), newPhone()
	id, s := voucher(t, m, nil), smsWorker(t, m, p)
	for range 3 {
		check(t, s.ProcessTask(t.Context(), smsTask(id)))
	}
	if len(p.texts) != 1 {
		t.Fatalf("%d texts", len(p.texts))
	}
	got := p.texts[0]
	if got.to != "+27831234567" || got.number != 1 || got.ref != string(id) || len(got.ref) > 20 {
		t.Errorf("text to %s, number %d, ref %s", got.to.E164(), got.number, got.ref)
	}
	want := "Airtime voucher 2.00 ZAR, PIN 0000000011180837. To load dial: Vodacom *100*01*PIN#, MTN *141*PIN#, Cell C *102*PIN#, Telkom *188*PIN#"
	if got.body != want || len(got.body) > 160 || strings.ContainsAny(got.body, "{}`") {
		t.Errorf("%d characters: %s", len(got.body), got.body)
	}
}

func TestTextThatWasNotNotedKeepsItsNumber(t *testing.T) {
	t.Parallel()
	m, p := newMemory(), newPhone()
	id, s := voucher(t, m, nil), smsWorker(t, m, p)
	p.forgets = true
	if err := s.ProcessTask(t.Context(), smsTask(id)); !errors.Is(err, errStoreAway) {
		t.Errorf("got %v", err)
	}
	p.forgets = false
	check(t, s.ProcessTask(t.Context(), smsTask(id)))
	if len(p.texts) != 2 || p.texts[0] != p.texts[1] {
		t.Error("the repeat is not the very same text under the same number")
	}
}

func TestNothingToText(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*topup.Topup){
		"no SMS asked for": func(r *topup.Topup) { r.Product.DeliverPIN = "" },
		"pinless":          func(r *topup.Topup) { r.Product.Recharge = topup.RechargePinless },
		"PIN not known":    func(r *topup.Topup) { r.PIN = nil },
		"PIN void":         func(r *topup.Topup) { r.PINVoid = true },
		"not delivered":    func(r *topup.Topup) { r.State = topup.Unknown },
		"taken back":       func(r *topup.Topup) { r.State = topup.Reversed },
	}
	for name, f := range cases {
		m, p := newMemory(), newPhone()
		id := voucher(t, m, f)
		check(t, smsWorker(t, m, p).ProcessTask(t.Context(), smsTask(id)))
		if len(p.texts) != 0 || p.next != 0 {
			t.Errorf("%s: %d texts, %d numbers taken", name, len(p.texts), p.next)
		}
	}
}

func TestTextFails(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		err   error
		final bool
	}{
		{"refused for good", fmt.Errorf("send: %w", refusal{false}), true},
		{"later", refusal{true}, false},
		{"unknown", errors.New("PIN 0000000011180837"), false},
	}
	for _, k := range cases {
		m, p := newMemory(), newPhone()
		id := voucher(t, m, nil)
		before := m.topup(t, id)
		p.fail = func() error { return k.err }
		err := smsWorker(t, m, p).ProcessTask(t.Context(), smsTask(id))
		if err == nil || errors.Is(err, asynq.SkipRetry) != k.final || strings.Contains(err.Error(), "11180837") {
			t.Errorf("%s: %v", k.name, err)
		}
		if after := m.topup(t, id); after.State != before.State || after.Rev != before.Rev {
			t.Errorf("%s: the sale has changed", k.name)
		}
	}
}

func TestPINUnreadable(t *testing.T) {
	t.Parallel()
	m, p := newMemory(), newPhone()
	id := voucher(t, m, func(r *topup.Topup) { r.PIN[len(r.PIN)-1] ^= 1 })
	err := smsWorker(t, m, p).ProcessTask(t.Context(), smsTask(id))
	if !errors.Is(err, asynq.SkipRetry) || len(p.texts) != 0 {
		t.Errorf("got %v, %d texts", err, len(p.texts))
	}
	if err := smsWorker(t, m, p).ProcessTask(t.Context(), smsTask("nonsense")); !errors.Is(err, asynq.SkipRetry) {
		t.Errorf("garbage: %v", err)
	}
}
