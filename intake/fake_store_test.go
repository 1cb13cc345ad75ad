package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"topupq/topup"
)

var errAway = fmt.Errorf("%w: test", topup.ErrUnavailable)

// fakeStore is the part of a topup.Store that the intake uses, in memory. down makes calls fail by name; lost makes
// them take effect and fail all the same.
type fakeStore struct {
	remembered map[topup.ID]*topup.Topup
	mu         sync.Mutex
	topups     map[topup.ID]*topup.Topup
	order      []topup.ID
	batches    map[topup.BatchID]*topup.Batch
	merchants  map[topup.MerchantID]*topup.Merchant
	lookups    map[string]*topup.Lookup
	bulks      map[string]*topup.LookupBatch
	seen       map[string]bool
	orders     map[string]*topup.Redelivery
	notes      []topup.ProviderCallback
	reports    map[topup.ID]topup.SMSReport
	byNumber   map[string]topup.ID
	calls      map[string]int
	pauses     map[string]topup.Pause
	recovered  time.Time
	down       func(call string, n int) error
	lost       func(call string, n int) error
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		topups: map[topup.ID]*topup.Topup{}, batches: map[topup.BatchID]*topup.Batch{},
		merchants: map[topup.MerchantID]*topup.Merchant{}, lookups: map[string]*topup.Lookup{}, calls: map[string]int{}, pauses: map[string]topup.Pause{},
		bulks: map[string]*topup.LookupBatch{}, seen: map[string]bool{}, orders: map[string]*topup.Redelivery{}, reports: map[topup.ID]topup.SMSReport{}, byNumber: map[string]topup.ID{},
	}
}

// begin counts the call and returns its failure before and after it takes effect. The lock is held.
func (f *fakeStore) begin(call string) (before, after error) {
	f.calls[call]++
	if f.down != nil {
		before = f.down(call, f.calls[call])
	}
	if f.lost != nil {
		after = f.lost(call, f.calls[call])
	}
	return before, after
}

func copyTopup(t *topup.Topup) *topup.Topup {
	c := *t
	c.History, c.Callbacks = slices.Clone(t.History), slices.Clone(t.Callbacks)
	c.Metadata = maps.Clone(t.Metadata)
	return &c
}

func (f *fakeStore) Create(ctx context.Context, ts []*topup.Topup) ([]topup.Created, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, after := f.begin("Create")
	if before != nil {
		return nil, before
	}
	out := make([]topup.Created, len(ts))
	for i, t := range ts {
		if t.State != topup.Accepted || !t.ID.Valid() {
			return nil, errors.New("fake store: not an accepted top-up")
		}
		if old, ok := f.topups[t.ID]; ok {
			out[i].Existing = copyTopup(old)
			continue
		}
		if left, ok := f.remembered[t.ID]; ok {
			out[i].Existing = copyTopup(left)
			continue
		}
		f.topups[t.ID] = copyTopup(t)
		f.order = append(f.order, t.ID)
	}
	return out, errors.Join(after, ctx.Err())
}

func (f *fakeStore) Get(_ context.Context, id topup.ID) (*topup.Topup, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err, _ := f.begin("Get"); err != nil {
		return nil, err
	}
	t, ok := f.topups[id]
	if !ok {
		return nil, topup.ErrNotFound
	}
	return copyTopup(t), nil
}

func (f *fakeStore) GetMany(_ context.Context, ids []topup.ID) ([]*topup.Topup, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err, _ := f.begin("GetMany"); err != nil {
		return nil, err
	}
	out := make([]*topup.Topup, len(ids))
	for i, id := range ids {
		if t, ok := f.topups[id]; ok {
			out[i] = copyTopup(t)
		}
	}
	return out, nil
}

func (f *fakeStore) Update(_ context.Context, id topup.ID, change func(*topup.Topup) error) (*topup.Topup, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err, _ := f.begin("Update"); err != nil {
		return nil, err
	}
	old, ok := f.topups[id]
	if !ok {
		return nil, topup.ErrNotFound
	}
	t := copyTopup(old)
	if err := change(t); err != nil {
		return copyTopup(old), err
	}
	f.topups[id] = t
	return copyTopup(t), nil
}

func (f *fakeStore) List(_ context.Context, q topup.Query) (topup.Page, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err, _ := f.begin("List"); err != nil {
		return topup.Page{}, err
	}
	from := 0
	if q.Cursor != "" {
		n, err := strconv.Atoi(q.Cursor)
		if err != nil {
			return topup.Page{}, topup.ErrCursor
		}
		from = n
	}
	order := slices.Clone(f.order)
	if q.Batch == "" {
		slices.Reverse(order)
	} else {
		slices.SortStableFunc(order, func(a, b topup.ID) int { return f.topups[a].Line - f.topups[b].Line })
	}
	var page topup.Page
	for i := from; i < len(order); i++ {
		t := f.topups[order[i]]
		if t == nil || !fakeMatch(q, t) {
			continue
		}
		if len(page.Topups) == q.Limit {
			page.Next = strconv.Itoa(i)
			break
		}
		page.Topups = append(page.Topups, copyTopup(t))
	}
	return page, nil
}

func fakeMatch(q topup.Query, t *topup.Topup) bool {
	return t.Merchant == q.Merchant && (q.Batch == "" || t.Batch == q.Batch) &&
		(q.Recipient == "" || t.Recipient == q.Recipient) &&
		(len(q.States) == 0 || slices.Contains(q.States, t.State)) &&
		(q.From.IsZero() || !t.CreatedAt.Before(q.From)) && (q.To.IsZero() || t.CreatedAt.Before(q.To)) &&
		(q.Match == nil || q.Match(t))
}

func (f *fakeStore) CreateBatch(_ context.Context, b *topup.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err, _ := f.begin("CreateBatch"); err != nil {
		return err
	}
	c := *b
	f.batches[b.ID] = &c
	return nil
}

func (f *fakeStore) GetBatch(_ context.Context, id topup.BatchID) (*topup.Batch, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err, _ := f.begin("GetBatch"); err != nil {
		return nil, err
	}
	b, ok := f.batches[id]
	if !ok {
		return nil, topup.ErrNotFound
	}
	c := *b
	c.States, c.Requested, c.Succeeded = map[topup.State]int64{}, map[string]topup.Money{}, map[string]topup.Money{}
	for _, t := range f.topups {
		if t.Batch == id {
			c.States[t.State]++
			sum := c.Requested[t.Amount.Currency]
			c.Requested[t.Amount.Currency] = topup.Money{Amount: sum.Amount.Add(t.Amount.Amount), Currency: t.Amount.Currency}
		}
	}
	return &c, nil
}

func (f *fakeStore) UpdateBatch(_ context.Context, id topup.BatchID, change func(*topup.Batch) error) (*topup.Batch, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err, _ := f.begin("UpdateBatch"); err != nil {
		return nil, err
	}
	b, ok := f.batches[id]
	if !ok {
		return nil, topup.ErrNotFound
	}
	c := *b
	if err := change(&c); err != nil {
		if errors.Is(err, topup.ErrUnchanged) {
			return &c, nil
		}
		return nil, err
	}
	f.batches[id] = &c
	out := c
	return &out, nil
}

func (f *fakeStore) SetPause(_ context.Context, s topup.PauseScope, p topup.Pause) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err, _ := f.begin("SetPause"); err != nil {
		return err
	}
	f.pauses[s.String()] = p
	return nil
}

func (f *fakeStore) EndPause(_ context.Context, s topup.PauseScope) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err, _ := f.begin("EndPause"); err != nil {
		return err
	}
	delete(f.pauses, s.String())
	return nil
}

func (f *fakeStore) PutMerchant(_ context.Context, m *topup.Merchant) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err, _ := f.begin("PutMerchant"); err != nil {
		return err
	}
	if old, ok := f.merchants[m.ID]; ok && old.Rev != m.Rev {
		return topup.ErrContention
	}
	c := *m
	c.Rev++
	f.merchants[m.ID] = &c
	return nil
}

func (f *fakeStore) GetMerchant(_ context.Context, id topup.MerchantID) (*topup.Merchant, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err, _ := f.begin("GetMerchant"); err != nil {
		return nil, err
	}
	m, ok := f.merchants[id]
	if !ok {
		return nil, topup.ErrNotFound
	}
	c := *m
	return &c, nil
}

func (f *fakeStore) MerchantByKey(_ context.Context, hash string) (*topup.Merchant, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err, _ := f.begin("MerchantByKey"); err != nil {
		return nil, err
	}
	for _, m := range f.merchants {
		if slices.ContainsFunc(m.Keys, func(k topup.APIKey) bool { return k.Hash == hash }) {
			c := *m
			return &c, nil
		}
	}
	return nil, topup.ErrNotFound
}

func (f *fakeStore) PutLookup(_ context.Context, l *topup.Lookup, _ time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err, _ := f.begin("PutLookup"); err != nil {
		return err
	}
	c := *l
	f.lookups[l.ID] = &c
	return nil
}

func (f *fakeStore) GetLookup(_ context.Context, id string) (*topup.Lookup, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err, _ := f.begin("GetLookup"); err != nil {
		return nil, err
	}
	l, ok := f.lookups[id]
	if !ok {
		return nil, topup.ErrNotFound
	}
	c := *l
	return &c, nil
}

func (f *fakeStore) Recovered(context.Context) (time.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err, _ := f.begin("Recovered")
	return f.recovered, err
}

func (f *fakeStore) Ping(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err, _ := f.begin("Ping")
	return err
}

// count is how many top-ups there are.
func (f *fakeStore) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.topups)
}

// Remembered tells of what remembered holds.
func (f *fakeStore) Remembered(_ context.Context, id topup.ID) (*topup.Topup, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if left, ok := f.remembered[id]; ok {
		return copyTopup(left), nil
	}
	return nil, topup.ErrNotFound
}

// GetDay says that a day has left the ledger where anything is remembered.
func (f *fakeStore) GetDay(_ context.Context, _ topup.ProviderName, _, _ string) (json.RawMessage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.remembered) == 0 {
		return nil, topup.ErrNotFound
	}
	return json.RawMessage(`{}`), nil
}

// EachLate calls do for a merchant's top-ups that have moved in [from, to) long after they were made.
func (f *fakeStore) EachLate(_ context.Context, m topup.MerchantID, from, to time.Time, do func(*topup.Topup) error) error {
	f.mu.Lock()
	var late []*topup.Topup
	for _, id := range f.order {
		t, there := f.topups[id]
		if !there {
			continue
		}
		for _, move := range t.History {
			if t.Merchant == m && !move.At.Before(from) && move.At.Before(to) && move.At.Sub(t.CreatedAt) >= topup.LateAfter {
				late = append(late, copyTopup(t))
			}
		}
	}
	f.mu.Unlock()
	for _, t := range late {
		if err := do(t); err != nil {
			return err
		}
	}
	return nil
}
