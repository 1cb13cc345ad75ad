package workers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// freshLease is how long the store leaves a fresh callback to the process that recorded it.
const freshLease = 20 * time.Second

// memory is a callbackStore that keeps everything in memory and behaves like the real one: guarded writes, copies in
// and out, leases that end.
type memory struct {
	mu        sync.Mutex
	topups    map[topup.ID]*topup.Topup
	batches   map[topup.BatchID]*topup.Batch
	merchants map[topup.MerchantID]*topup.Merchant
	leases    map[string]time.Time
	// fail, when set, is asked before every call of that name.
	fail   func(op string) error
	writes int
}

func newMemory() *memory {
	return &memory{
		topups: map[topup.ID]*topup.Topup{}, batches: map[topup.BatchID]*topup.Batch{},
		merchants: map[topup.MerchantID]*topup.Merchant{}, leases: map[string]time.Time{},
	}
}

// enter locks the store, or says why the call fails.
func (m *memory) enter(op string) error {
	m.mu.Lock()
	if m.fail != nil {
		if err := m.fail(op); err != nil {
			m.mu.Unlock()
			return err
		}
	}
	return nil
}

func copyTopup(t *topup.Topup) *topup.Topup {
	c := *t
	c.History, c.Incidents = slices.Clip(t.History), nil
	c.Callbacks = slices.Clone(t.Callbacks)
	for i := range c.Callbacks {
		c.Callbacks[i].Attempts = slices.Clone(t.Callbacks[i].Attempts)
	}
	return &c
}

func copyBatch(b *topup.Batch) *topup.Batch {
	c := *b
	if b.Callback != nil {
		cb := *b.Callback
		cb.Attempts = slices.Clone(cb.Attempts)
		c.Callback = &cb
	}
	return &c
}

func copyMerchant(m *topup.Merchant) *topup.Merchant {
	c := *m
	c.Webhook.Secrets = slices.Clone(m.Webhook.Secrets)
	return &c
}

func (m *memory) Get(_ context.Context, id topup.ID) (*topup.Topup, error) {
	if err := m.enter("Get"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	t, ok := m.topups[id]
	if !ok {
		return nil, topup.ErrNotFound
	}
	return copyTopup(t), nil
}

func (m *memory) UpdateLoaded(_ context.Context, t *topup.Topup, change func(*topup.Topup) error) (*topup.Topup, error) {
	if err := m.enter("UpdateLoaded"); err != nil {
		return t, err
	}
	defer m.mu.Unlock()
	stored, ok := m.topups[t.ID]
	if !ok {
		return nil, topup.ErrNotFound
	}
	next := copyTopup(stored)
	err := change(next)
	if errors.Is(err, topup.ErrUnchanged) {
		return copyTopup(stored), nil
	}
	if err != nil {
		return copyTopup(stored), err
	}
	next.Rev++
	m.writes++
	m.topups[t.ID] = next
	return copyTopup(next), nil
}

func (m *memory) GetBatch(_ context.Context, id topup.BatchID) (*topup.Batch, error) {
	if err := m.enter("GetBatch"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	b, ok := m.batches[id]
	if !ok {
		return nil, topup.ErrNotFound
	}
	return copyBatch(b), nil
}

func (m *memory) UpdateBatch(_ context.Context, id topup.BatchID, change func(*topup.Batch) error) (*topup.Batch, error) {
	if err := m.enter("UpdateBatch"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	next := copyBatch(m.batches[id])
	if err := change(next); errors.Is(err, topup.ErrUnchanged) {
		return next, nil
	} else if err != nil {
		return next, err
	}
	m.batches[id] = next
	return copyBatch(next), nil
}

func (m *memory) GetMerchant(_ context.Context, id topup.MerchantID) (*topup.Merchant, error) {
	if err := m.enter("GetMerchant"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	merchant, ok := m.merchants[id]
	if !ok {
		return nil, topup.ErrNotFound
	}
	return copyMerchant(merchant), nil
}

func (m *memory) PutMerchant(_ context.Context, merchant *topup.Merchant) error {
	if err := m.enter("PutMerchant"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if old, ok := m.merchants[merchant.ID]; ok && old.Rev != merchant.Rev {
		return topup.ErrContention
	}
	merchant.Rev++
	m.writes++
	m.merchants[merchant.ID] = copyMerchant(merchant)
	return nil
}

func (m *memory) LeaseCallback(_ context.Context, id string, ttl time.Duration) (bool, error) {
	if err := m.enter("LeaseCallback"); err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	if until, ok := m.leases[id]; ok && time.Now().Before(until) {
		return false, nil
	}
	m.leases[id] = time.Now().Add(ttl)
	return true, nil
}

func (m *memory) ReleaseCallback(_ context.Context, id string) error {
	if err := m.enter("ReleaseCallback"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	delete(m.leases, id)
	return nil
}

// leased reports whether somebody holds the lease of a record.
func (m *memory) leased(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.leases[id]
	return ok
}

// due are the records whose callback is due, as the outbox shows them.
func (m *memory) due(now time.Time) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []string
	for id, t := range m.topups {
		if cb := t.NextCallback(); cb != nil && !outboxTime(cb).After(now) {
			ids = append(ids, string(id))
		}
	}
	for id, b := range m.batches {
		if cb := b.Callback; cb != nil && cb.State == topup.CallbackWaiting && !cb.NextAt.After(now) {
			ids = append(ids, string(id))
		}
	}
	slices.Sort(ids)
	return ids
}

// nextDue is when the outbox shows its first record; far ahead when it is empty.
func (m *memory) nextDue() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := time.Now().Add(1000 * time.Hour)
	earliest := func(at time.Time) {
		if at.Before(next) {
			next = at
		}
	}
	for _, t := range m.topups {
		if cb := t.NextCallback(); cb != nil {
			earliest(outboxTime(cb))
		}
	}
	for _, b := range m.batches {
		if cb := b.Callback; cb != nil && cb.State == topup.CallbackWaiting {
			earliest(cb.NextAt)
		}
	}
	return next
}

func outboxTime(cb *topup.Callback) time.Time {
	if len(cb.Attempts) == 0 {
		return cb.NextAt.Add(freshLease)
	}
	return cb.NextAt
}

// topup returns a copy of a record, for looking at.
func (m *memory) topup(t testing.TB, id topup.ID) *topup.Topup {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.topups[id]
	if !ok {
		t.Fatalf("no record %s", id)
	}
	return copyTopup(r)
}

// webhook returns a merchant's settings, for looking at.
func (m *memory) webhook(id topup.MerchantID) topup.Webhook {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.merchants[id].Webhook
}

// setWebhook changes a merchant's settings as the intake would.
func (m *memory) setWebhook(id topup.MerchantID, change func(*topup.Webhook)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := copyMerchant(m.merchants[id])
	change(&c.Webhook)
	c.Rev++
	m.merchants[id] = c
}

// put stores a record and returns a copy.
func (m *memory) put(r *topup.Topup) *topup.Topup {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.topups[r.ID] = copyTopup(r)
	return copyTopup(r)
}

// change applies a transition to a record and returns a copy of what was written.
func (m *memory) change(t testing.TB, id topup.ID, f func(*topup.Topup) error) *topup.Topup {
	t.Helper()
	r, err := m.UpdateLoaded(t.Context(), &topup.Topup{ID: id}, f)
	check(t, err)
	return r
}

// addMerchant stores a merchant whose endpoint is https://<name>.example.com/cb and returns its signing secret.
func (m *memory) addMerchant(t testing.TB, name string, change ...func(*topup.Webhook)) (topup.MerchantID, topup.Secret) {
	t.Helper()
	id, secret := topup.MerchantID("mer"+name), topup.NewWebhookSecret()
	sealed, err := topup.SealWebhookSecret(topup.Keyring{}, id, secret)
	check(t, err)
	hook := topup.Webhook{
		URL: "https://" + name + ".example.com/cb", Format: topup.FormatStandard, CallbackWhen: topup.CallbackOnOutcome,
		Secrets: []topup.WebhookSecret{sealed},
	}
	for _, f := range change {
		f(&hook)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.merchants[id] = &topup.Merchant{ID: id, Name: name, Webhook: hook, Rev: 1}
	return id, secret
}

func callbackPolicy() topup.Policy {
	return topup.Policy{
		Plan:    topup.Plan{Interval: time.Hour, Count: 3, EndOfDay: topup.TimeOfDay(23 * time.Hour), Confirm: topup.ConfirmHourly},
		Timeout: 30 * time.Second, Margin: 5 * time.Second,
	}
}

// sentTopup is a top-up whose paying call is under way.
func sentTopup(t testing.TB, m topup.MerchantID, n int) *topup.Topup {
	t.Helper()
	ref, now := fmt.Sprintf("ord-%d", n), time.Now()
	r := &topup.Topup{
		ID: topup.NewID(m, ref), Merchant: m, Reference: ref, Recipient: "+27831234567", Country: "ZA",
		Amount: topup.Money{Amount: decimal.NewFromInt(2), Currency: "ZAR"}, Provider: topup.AAT,
	}
	check(t, r.Accept(topup.ActorIntake, now))
	check(t, r.BeginSend(callbackPolicy(), 1, now))
	return r
}

// outcomeNow settles a record with an answer to its paying call.
func outcomeNow(a topup.Answer) func(*topup.Topup) error {
	return func(r *topup.Topup) error {
		return r.RecordSend(callbackPolicy(), 1, topup.Outcome{Answer: a, Code: topup.CodeOperatorRefused}, time.Now())
	}
}

// reverseNow takes a success back.
func reverseNow(r *topup.Topup) error {
	for range 2 {
		refused := topup.Outcome{Answer: topup.Refused, Code: topup.CodeProviderRefunded}
		if err := r.RecordCheck(callbackPolicy(), refused, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// succeeded stores a top-up that was just delivered and owes its first callback.
func (m *memory) succeeded(t testing.TB, merchant topup.MerchantID, n int) *topup.Topup {
	t.Helper()
	r := sentTopup(t, merchant, n)
	check(t, outcomeNow(topup.Delivered)(r))
	return m.put(r)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
