package scheduler

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/shopspring/decimal"
	"go.uber.org/zap"

	"topupq/topup"
	"topupq/topup/redisstore"
)

// desk is a scheduler over an embedded store, on a clock of its own, that nobody rings for.
type desk struct {
	t     *testing.T
	redis *miniredis.Miniredis
	store *redisstore.Store
	s     *Scheduler
	now   time.Time
}

type deaf struct{}

func (deaf) SendsAgain(context.Context, topup.ProviderName, []topup.Due) error { return nil }
func (deaf) Checks(context.Context, topup.ProviderName, []topup.Due) error     { return nil }
func (deaf) ChecksDue(context.Context, topup.ProviderName, int) error          { return nil }
func (deaf) Callbacks(context.Context, []string) error                         { return nil }
func (deaf) Waiting(context.Context, string) (int, error)                      { return 0, nil }

func newDesk(t *testing.T) *desk {
	t.Helper()
	server := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	d := &desk{t: t, redis: server, store: redisstore.Open(rdb, redisstore.Options{}), now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
	t.Cleanup(d.store.Close)
	name := func(p topup.ProviderName) string { return string(p) }
	s, err := New(Config{
		Store: d.store, Bell: deaf{}, Log: zap.NewNop(), Holder: "me", SubmitQueue: name, CheckQueue: name,
		Now: func() time.Time { return d.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	d.s = s
	return d
}

// batch creates a batch with n rows that is not sealed.
func (d *desk) batch(n int) (topup.BatchID, []topup.ID) {
	d.t.Helper()
	id := topup.NewBatchID()
	if err := d.store.CreateBatch(d.t.Context(), &topup.Batch{ID: id, Merchant: "merx", CreatedAt: d.now}); err != nil {
		d.t.Fatal(err)
	}
	var ids []topup.ID
	for i := range n {
		x := &topup.Topup{
			ID: topup.NewID("merx", string(id)+strings.Repeat("x", i)), Merchant: "merx", Batch: id, Line: i + 1, Reference: "r", Recipient: "+27831234567",
			Country: "ZA", Amount: topup.Money{Amount: decimal.New(2, 0), Currency: "ZAR"}, Provider: topup.AAT,
		}
		if err := x.Accept(topup.ActorIntake, d.now); err != nil {
			d.t.Fatal(err)
		}
		if _, err := d.store.Create(d.t.Context(), []*topup.Topup{x}); err != nil {
			d.t.Fatal(err)
		}
		ids = append(ids, x.ID)
	}
	return id, ids
}

func (d *desk) cancel(ids ...topup.ID) {
	d.t.Helper()
	for _, id := range ids {
		if _, err := d.store.Update(d.t.Context(), id, func(x *topup.Topup) error { return x.Cancel(topup.ActorMerchant, "", d.now) }); err != nil {
			d.t.Fatal(err)
		}
	}
}

// watch looks every half minute for so long.
func (d *desk) watch(long time.Duration) {
	d.t.Helper()
	for end := d.now.Add(long); d.now.Before(end); d.now = d.now.Add(30 * time.Second) {
		if err := d.s.batches(d.t.Context()); err != nil {
			d.t.Error(err)
		}
	}
}

func (d *desk) get(id topup.BatchID) *topup.Batch {
	d.t.Helper()
	b, err := d.store.GetBatch(d.t.Context(), id)
	if err != nil {
		d.t.Fatal(err)
	}
	return b
}

// TestBatchThatWasLeft has the intake die in the middle of an upload: the rows it had taken make the batch.
func TestBatchThatWasLeft(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id, rows := d.batch(20)
	if _, err := d.store.UpdateBatch(t.Context(), id, func(b *topup.Batch) error {
		b.Rows, b.Accepted, b.Duplicates, b.Rejected = 12, 8, 3, 1 // the last counts that the intake wrote
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	d.watch(5 * time.Minute)
	if b := d.get(id); b.Sealed {
		t.Fatalf("sealed too early: %+v", b)
	}
	d.watch(2 * time.Minute)
	if b := d.get(id); !b.Sealed || b.Accepted != 20 || b.Rows != 24 || !b.ClosedAt.IsZero() {
		t.Fatalf("after being left: %+v", b)
	}
	d.cancel(rows...)
	d.watch(time.Minute)
	if b := d.get(id); b.ClosedAt.IsZero() || b.Callback == nil || b.Callback.Type != topup.EventBatchCompleted {
		t.Errorf("after its last row: %+v", b)
	}
}

// TestBatchThatWasLeftWhenAllWasDone has every row closed before anybody finds that the intake is gone.
func TestBatchThatWasLeftWhenAllWasDone(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id, rows := d.batch(5)
	d.cancel(rows...)
	d.watch(8 * time.Minute)
	if b := d.get(id); b.ClosedAt.IsZero() || b.Callback == nil || b.Accepted != 5 {
		t.Errorf("%+v", b)
	}
	if due, err := d.store.DueBatches(t.Context(), d.now.Add(time.Hour), d.now, 10); err != nil || len(due) != 0 {
		t.Errorf("still looked at: %v %v", due, err)
	}
}

// TestBatchThatIsStillRead is touched by its intake, which waits for a slow client.
func TestBatchThatIsStillRead(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id, rows := d.batch(5)
	d.cancel(rows...)
	for range 30 {
		d.watch(time.Minute)
		if _, err := d.store.UpdateBatch(t.Context(), id, func(*topup.Batch) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if b := d.get(id); b.Sealed || !b.ClosedAt.IsZero() {
		t.Errorf("%+v", b)
	}
}

// TestUnreadableBatchHoldsUpNobody has a batch record that cannot be read stand before others in the index.
func TestUnreadableBatchHoldsUpNobody(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for range 40 {
		bad, _ := d.batch(0)
		for _, key := range d.redis.Keys() {
			if strings.HasSuffix(key, "b:"+string(bad)) {
				d.redis.HSet(key, "v", "{")
			}
		}
	}
	var good []topup.BatchID
	for range 10 {
		id, _ := d.batch(0)
		if _, err := d.store.UpdateBatch(t.Context(), id, func(b *topup.Batch) error { b.Sealed = true; return nil }); err != nil {
			t.Fatal(err)
		}
		good = append(good, id)
	}
	d.now = d.now.Add(2 * time.Minute)
	if err := d.s.batches(t.Context()); err == nil {
		t.Error("nobody is told of the unreadable ones")
	}
	for _, id := range good {
		if d.get(id).ClosedAt.IsZero() {
			t.Errorf("%s is not closed", id)
		}
	}
}
