package workers

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"go.uber.org/zap"

	"topupq/topup"
	"topupq/webhook"
)

// callbackStore is what sending callbacks needs of the store.
type callbackStore interface {
	Get(ctx context.Context, id topup.ID) (*topup.Topup, error)
	UpdateLoaded(ctx context.Context, t *topup.Topup, change func(*topup.Topup) error) (*topup.Topup, error)
	GetBatch(ctx context.Context, id topup.BatchID) (*topup.Batch, error)
	UpdateBatch(ctx context.Context, id topup.BatchID, change func(*topup.Batch) error) (*topup.Batch, error)
	GetMerchant(ctx context.Context, id topup.MerchantID) (*topup.Merchant, error)
	PutMerchant(ctx context.Context, m *topup.Merchant) error
	LeaseCallback(ctx context.Context, id string, ttl time.Duration) (bool, error)
	ReleaseCallback(ctx context.Context, id string) error
}

// poster posts one callback; *webhook.Sender fits.
type poster interface {
	Send(ctx context.Context, m webhook.Message) webhook.Result
	Timeout() time.Duration
}

// CallbacksConfig says how callbacks are sent. Store, Sender and Retries are required.
type CallbacksConfig struct {
	Store  callbackStore
	Sender poster
	// Keyring opens the merchants' signing secrets.
	Keyring topup.Keyring
	// Retries are the waits after each failed attempt; after the last one the callback is failed and kept.
	Retries []time.Duration
	// PerEndpoint bounds the callbacks on their way to one merchant; default 16. Queue bounds those that wait for
	// their turn in this process; default 1024. What does not fit is rung for again by the scheduler.
	PerEndpoint, Queue int
	Log                *zap.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

const (
	defaultPerEndpoint = 16
	defaultQueue       = 1024
	// leaseMargin is the part of a lease in which a send may start; the rest is the send's own timeout. A fresh
	// callback is ours without a lease for freshFor: the store shows it to others only after timeout + leaseMargin.
	leaseMargin = 5 * time.Second
	freshFor    = 2 * time.Second
	// storeTimeout bounds the store calls of one step.
	storeTimeout = 5 * time.Second
)

// Callbacks tells merchants what became of their top-ups and batches. Each merchant has a lane of its own with a
// bounded queue and a bounded number of callbacks on their way, so that a hanging endpoint holds up nobody else.
//
// There are two ways in. Notify is the fast one, for a record that this process has just written. ProcessTask is for
// everything else: the scheduler rings for what the ledger still owes. A callback lost on the way is still owed.
type Callbacks struct {
	cfg CallbacksConfig
	// base ends when Stop runs out of patience; it cuts sends short.
	base   context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.RWMutex
	lanes   map[topup.MerchantID]*lane
	stopped bool
}

// NewCallbacks returns a dispatcher. It starts goroutines as there is work and needs a Stop in the end.
func NewCallbacks(cfg CallbacksConfig) *Callbacks {
	if cfg.PerEndpoint <= 0 {
		cfg.PerEndpoint = defaultPerEndpoint
	}
	if cfg.Queue <= 0 {
		cfg.Queue = defaultQueue
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	c := &Callbacks{cfg: cfg, lanes: map[topup.MerchantID]*lane{}}
	c.base, c.cancel = context.WithCancel(context.Background())
	return c
}

// Notify sends the callback that t owes at once, if it can: t is a record just written by this process, and is only
// read. It never blocks. What has no room, or waits longer than 2 s, is left to the scheduler.
func (c *Callbacks) Notify(t *topup.Topup) {
	if d, ok := freshDebt(t, c.cfg.Now()); ok {
		c.offer(&turn{id: string(t.ID), merchant: t.Merchant, topup: t, version: d.callback.Version})
	}
}

// ProcessTask implements asynq.Handler for the callback queue: its task names a top-up or a batch. It hands over to
// the merchant's lane and returns; where the lane is full the scheduler rings again.
func (c *Callbacks) ProcessTask(ctx context.Context, task *asynq.Task) error {
	return guard(c.cfg.Log, c.process)(ctx, task)
}

func (c *Callbacks) process(ctx context.Context, task *asynq.Task) error {
	id := strings.TrimSpace(string(task.Payload()))
	if !topup.ID(id).Valid() && !strings.HasPrefix(id, "bat") {
		return fmt.Errorf("payload is no ID of a top-up or batch: %w", asynq.SkipRetry)
	}
	tn, err := c.lease(ctx, id)
	if tn == nil || err != nil {
		return err
	}
	if _, due := tn.debt(tn.leasedAt); !due || !c.offer(tn) {
		c.release(id)
	}
	return nil
}

// lease takes a record for this process and reads it; nil without an error where another one has it.
func (c *Callbacks) lease(ctx context.Context, id string) (*turn, error) {
	leasedAt := c.cfg.Now()
	leased, err := c.cfg.Store.LeaseCallback(ctx, id, c.cfg.Sender.Timeout()+leaseMargin)
	if err != nil || !leased {
		return nil, err
	}
	tn, err := c.load(ctx, id, topup.ID(id).Valid())
	if err != nil {
		c.release(id)
		return nil, err
	}
	tn.leasedAt = leasedAt
	return tn, nil
}

func (c *Callbacks) load(ctx context.Context, id string, isTopup bool) (*turn, error) {
	if isTopup {
		t, err := c.cfg.Store.Get(ctx, topup.ID(id))
		if err != nil {
			return nil, fmt.Errorf("load top-up: %w", err)
		}
		return &turn{id: id, merchant: t.Merchant, topup: t}, nil
	}
	b, err := c.cfg.Store.GetBatch(ctx, topup.BatchID(id))
	if err != nil {
		return nil, fmt.Errorf("load batch: %w", err)
	}
	return &turn{id: id, merchant: b.Merchant, batch: b}, nil
}

// offer puts a turn into its merchant's lane, false when there is no room or no need.
func (c *Callbacks) offer(tn *turn) bool {
	c.mu.RLock()
	l, ok := c.lanes[tn.merchant]
	stopped := c.stopped
	c.mu.RUnlock()
	if stopped {
		return false
	}
	if !ok {
		l = c.newLane(tn.merchant)
	}
	return l.offer(tn, func() { c.wg.Go(func() { c.work(l) }) })
}

func (c *Callbacks) newLane(m topup.MerchantID) *lane {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, ok := c.lanes[m]
	if !ok {
		l = newLane(m, c.cfg)
		l.closed = c.stopped
		c.lanes[m] = l
	}
	return l
}

// work takes turns until the lane is empty.
func (c *Callbacks) work(l *lane) {
	for tn := l.next(); tn != nil; tn = l.next() {
		c.take(l, tn)
		l.finish(tn)
	}
}

// take sends what a turn owes and gives its lease back. A record that is not fresh any more is leased first.
func (c *Callbacks) take(l *lane, tn *turn) {
	defer func() {
		if p := recover(); p != nil {
			c.cfg.Log.Error("callback panicked", zap.String("topup", tn.id), zap.String("merchant", string(tn.merchant)), zap.Stack("stack"))
		}
		if tn.leased() {
			c.release(tn.id)
		}
	}()
	if tn.stale(c.cfg.Now()) && !c.refresh(tn) {
		return
	}
	for c.base.Err() == nil {
		d, due := tn.debt(c.cfg.Now())
		if !due || !c.settle(l, tn, d) {
			return
		}
	}
}

// refresh leases a record that waited too long for its turn, false where somebody else has it or it cannot be read.
func (c *Callbacks) refresh(tn *turn) bool {
	ctx, cancel := c.storeContext()
	defer cancel()
	again, err := c.lease(ctx, tn.id)
	if err != nil {
		c.cfg.Log.Warn("late callback waits", zap.String("topup", tn.id), zap.Error(err))
	}
	if again == nil {
		return false
	}
	*tn = *again
	return true
}

// release ends a lease. Where that fails it ends by itself.
func (c *Callbacks) release(id string) {
	ctx, cancel := c.storeContext()
	defer cancel()
	if err := c.cfg.Store.ReleaseCallback(ctx, id); err != nil {
		c.cfg.Log.Warn("callback lease not released", zap.String("topup", id), zap.Error(err))
	}
}

// storeContext is for store calls that are worth more than a quick stop.
func (c *Callbacks) storeContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(c.base), storeTimeout)
}

// Run waits for ctx to end and then stops, giving what is on its way one timeout to arrive.
func (c *Callbacks) Run(ctx context.Context) error {
	<-ctx.Done()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.Sender.Timeout()+leaseMargin)
	defer cancel()
	return c.Stop(drain)
}

// Stop takes nothing more, lets what is on its way arrive until ctx ends, then cuts it short, and waits for all
// goroutines. What was not sent stays owed. It returns the error of ctx when it had to cut. Stop the workers that
// notify first.
func (c *Callbacks) Stop(ctx context.Context) error {
	c.mu.Lock()
	c.stopped = true
	lanes := c.lanes
	c.lanes = map[topup.MerchantID]*lane{}
	c.mu.Unlock()
	for _, l := range lanes {
		for _, tn := range l.close() {
			if tn.leased() {
				c.release(tn.id)
			}
		}
	}
	done := make(chan struct{})
	go func() { c.wg.Wait(); close(done) }()
	defer c.cancel()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		c.cancel()
		<-done
		return fmt.Errorf("stop callbacks: %w", ctx.Err())
	}
}
