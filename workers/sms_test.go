package workers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

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
	// stale are numbers that the provider would not recognise, texted the references of texts that it knows.
	stale, texted map[topup.ID]bool
	// owed are the texts that are owed, and since when.
	owed map[topup.ID]time.Time
	// forgets makes SMSSent fail: the text went out and nobody noted it.
	forgets bool
}

func newPhone() *phone {
	return &phone{
		number: map[topup.ID]int32{}, sent: map[topup.ID]bool{}, stale: map[topup.ID]bool{}, texted: map[topup.ID]bool{},
		owed: map[topup.ID]time.Time{}, fail: func() error { return nil },
	}
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

func (p *phone) Texted(_ context.Context, ref string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.texted[topup.ID(ref)], p.fail()
}

func (p *phone) SMSDedup(_ context.Context, id topup.ID, _ time.Time) (topup.SMS, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.number[id]; !ok {
		p.next++
		p.number[id] = p.next
	}
	return topup.SMS{Number: p.number[id], Sent: p.sent[id], Stale: p.stale[id]}, nil
}

func (p *phone) SMSRenumber(_ context.Context, id topup.ID, _ time.Time) (topup.SMS, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	p.number[id], p.stale[id] = p.next, false
	return topup.SMS{Number: p.next}, nil
}

func (p *phone) SMSSent(_ context.Context, id topup.ID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.forgets {
		return fmt.Errorf("note: %w", topup.ErrUnavailable)
	}
	p.sent[id] = true
	delete(p.owed, id)
	return nil
}

func (p *phone) OweSMS(_ context.Context, id topup.ID, at time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.forgets {
		return fmt.Errorf("note: %w", topup.ErrUnavailable)
	}
	p.owed[id] = at
	return nil
}

func (p *phone) PutOffSMS(ctx context.Context, id topup.ID, until time.Time) error {
	return p.OweSMS(ctx, id, until)
}

func (p *phone) SettleSMS(_ context.Context, id topup.ID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.owed, id)
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
	return NewSMS(SMSConfig{
		Store: m, Ledger: p, Texter: p, Keyring: smsKeyring(t), Log: zap.NewNop(), Now: func() time.Time { return textTime },
		Dial: func(network string, pin topup.Secret) (topup.Secret, bool) {
			return "*141*" + pin + "#", network == "MTN"
		},
	})
}

var textTime = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)

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

// TestPINTextOfANetwork: a network that is known has the one code to dial, one without a code the PIN alone.
func TestPINTextOfANetwork(t *testing.T) {
	t.Parallel()
	for network, want := range map[string]string{
		"MTN":           "Airtime voucher 2.00 ZAR, PIN 0000000011180837. To load it dial *141*0000000011180837#",
		"Virgin Mobile": "Airtime voucher 2.00 ZAR, PIN 0000000011180837",
	} {
		m, p := newMemory(), newPhone()
		id := voucher(t, m, func(r *topup.Topup) { r.Network = network })
		check(t, smsWorker(t, m, p).ProcessTask(t.Context(), smsTask(id)))
		if len(p.texts) != 1 || p.texts[0].body != want {
			t.Errorf("%s: %+v", network, p.texts)
		}
	}
}

// TestOldTextIsReadBack: a number that the provider would not recognise is not used again before the provider was
// asked whether the text is there.
func TestOldTextIsReadBack(t *testing.T) {
	t.Parallel()
	for _, texted := range []bool{true, false} {
		m, p := newMemory(), newPhone()
		id := voucher(t, m, nil)
		p.number[id], p.next, p.stale[id], p.texted[id] = 7, 7, true, texted
		check(t, smsWorker(t, m, p).ProcessTask(t.Context(), smsTask(id)))
		if !p.sent[id] || len(p.texts) != map[bool]int{true: 0, false: 1}[texted] {
			t.Errorf("texted before %v: %d texts, sent %v", texted, len(p.texts), p.sent[id])
		}
		if !texted && p.texts[0].number != 8 {
			t.Errorf("sent again under number %d", p.texts[0].number)
		}
	}
	m, p := newMemory(), newPhone()
	id := voucher(t, m, nil)
	p.stale[id], p.fail = true, func() error { return refusal{true} }
	if err := smsWorker(t, m, p).ProcessTask(t.Context(), smsTask(id)); err == nil || len(p.texts) != 0 || p.sent[id] {
		t.Errorf("not read back: %v, %d texts", err, len(p.texts))
	}
}

func TestNothingToText(t *testing.T) {
	t.Parallel()
	soon := textTime.Add(textWait)
	cases := map[string]struct {
		change func(*topup.Topup)
		owed   time.Time
	}{
		"no SMS asked for":       {func(r *topup.Topup) { r.Product.DeliverPIN = "" }, time.Time{}},
		"pinless":                {func(r *topup.Topup) { r.Product.Recharge = topup.RechargePinless }, time.Time{}},
		"PIN never known":        {func(r *topup.Topup) { r.PIN, r.DueAt = nil, time.Time{} }, time.Time{}},
		"PIN not known yet":      {func(r *topup.Topup) { r.PIN, r.DueAt = nil, textTime.Add(time.Hour) }, textTime.Add(time.Hour)},
		"PIN void":               {func(r *topup.Topup) { r.PINVoid = true }, time.Time{}},
		"not delivered yet":      {func(r *topup.Topup) { r.State, r.DueAt = topup.Unknown, textTime }, soon},
		"a person has to decide": {func(r *topup.Topup) { r.State, r.DueAt = topup.Unresolved, time.Time{} }, soon},
		"held for two hours": {func(r *topup.Topup) {
			r.State, r.DueAt, r.CreatedAt = topup.Held, time.Time{}, textTime.Add(-2*time.Hour)
		}, textTime.Add(30 * time.Minute)},
		"failed":     {func(r *topup.Topup) { r.State = topup.Failed }, time.Time{}},
		"taken back": {func(r *topup.Topup) { r.State = topup.Reversed }, time.Time{}},
	}
	for name, k := range cases {
		m, p := newMemory(), newPhone()
		id := voucher(t, m, k.change)
		check(t, p.OweSMS(t.Context(), id, textTime))
		check(t, smsWorker(t, m, p).ProcessTask(t.Context(), smsTask(id)))
		if len(p.texts) != 0 || p.next != 0 {
			t.Errorf("%s: %d texts, %d numbers taken", name, len(p.texts), p.next)
		}
		if !p.owed[id].Equal(k.owed) {
			t.Errorf("%s: owed from %v, want %v", name, p.owed[id], k.owed)
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
		check(t, p.OweSMS(t.Context(), id, textTime))
		err := smsWorker(t, m, p).ProcessTask(t.Context(), smsTask(id))
		if err == nil || errors.Is(err, asynq.SkipRetry) != k.final || strings.Contains(err.Error(), "11180837") {
			t.Errorf("%s: %v", k.name, err)
		}
		if _, owed := p.owed[id]; owed == k.final {
			t.Errorf("%s: still rung for: %v", k.name, owed)
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
