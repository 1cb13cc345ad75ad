package workers

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// BrakeStore is what the brake needs of the store.
type BrakeStore interface {
	topup.Outcomes
	AddPause(ctx context.Context, s topup.PauseScope, p topup.Pause) (bool, error)
	UpdateBatch(ctx context.Context, id topup.BatchID, change func(*topup.Batch) error) (*topup.Batch, error)
}

const (
	// canaryLook is how soon a row looks again that waits for the first ones; canaryPatience how long it waits for them:
	// a provider that takes its time to decide holds nobody up.
	canaryLook     = time.Second
	canaryPatience = 20 * time.Second
	// laneIdle is how long an operator's count in a batch is kept without anything new.
	laneIdle = 2 * time.Hour
	// outcomesAtOnce is how many outcomes of an operator are gathered before they are written.
	outcomesAtOnce = 20
	usualAge       = time.Minute
)

// Brake stops the rest of an operator's rows in a batch when its first ones fail more often than is usual. Every worker
// process lets some first rows through, and counts what it sees itself; the pause holds for all of them. It is safe for
// concurrent use; a nil Brake stops nothing.
type Brake struct {
	store    BrakeStore
	canaries int
	now      func() time.Time
	log      *zap.Logger
	notify   func(ctx context.Context, id string)

	mu    sync.Mutex
	lanes map[topup.PauseScope]*brakeLane
	seen  map[string]topup.Failures
	usual map[string]usualRate
}

// brakeLane is one operator's rows in one batch.
type brakeLane struct {
	// first are the rows that went ahead.
	first     map[topup.ID]bool
	since, at time.Time
	seen      topup.Failures
	stopped   bool
}

type usualRate struct {
	topup.Failures
	at time.Time
}

// NewBrake returns a brake that lets so many first rows through, nil for none at all. notify rings for the callback of
// a batch; now nil is time.Now.
func NewBrake(store BrakeStore, canaries int, notify func(ctx context.Context, id string), log *zap.Logger, now func() time.Time) *Brake {
	if canaries <= 0 {
		return nil
	}
	return &Brake{
		store: store, canaries: canaries, notify: notify, log: log, now: ledgerClock(now),
		lanes: map[topup.PauseScope]*brakeLane{}, seen: map[string]topup.Failures{}, usual: map[string]usualRate{},
	}
}

// wait is how long t has to wait for what becomes of its operator's first rows in its batch, 0 for not at all. It is
// asked only where no pause stops t, so a lane that it had stopped was released: that begins anew.
func (b *Brake) wait(t *topup.Topup) time.Duration {
	if b == nil || t.Batch == "" || t.Attempts > 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	l, now := b.lane(t), b.now()
	if l.stopped && now.Sub(l.at) > canaryLook {
		*l = newBrakeLane(now)
	}
	if l.first[t.ID] || len(l.first) < b.canaries {
		l.first[t.ID] = true
		return 0
	}
	decided := 2*l.seen.All >= int64(b.canaries) // the slow half holds nobody up; it still counts
	if l.stopped || (!decided && now.Sub(l.since) < canaryPatience) {
		return canaryLook
	}
	return 0
}

func newBrakeLane(now time.Time) brakeLane {
	return brakeLane{first: map[topup.ID]bool{}, since: now, at: now}
}

// putOff gives the place of a row that went ahead to another one: it is not sent after all for now.
func (b *Brake) putOff(t *topup.Topup) {
	if b == nil || t.Batch == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.lanes[t.BrakeScope()]; l != nil {
		delete(l.first, t.ID)
	}
}

func (b *Brake) lane(t *topup.Topup) *brakeLane {
	scope, now := t.BrakeScope(), b.now()
	l := b.lanes[scope]
	if l == nil {
		for s, old := range b.lanes {
			if now.Sub(old.at) > laneIdle {
				delete(b.lanes, s)
			}
		}
		begun := newBrakeLane(now)
		l = &begun
		b.lanes[scope] = l
	}
	return l
}

// saw counts the outcome of a row, and stops its operator in its batch when too many fail.
func (b *Brake) saw(ctx context.Context, before, t *topup.Topup) {
	if b == nil || before.State.Closed() || !t.State.Closed() {
		return
	}
	if t.SentAt.IsZero() {
		b.putOff(t)
		return
	}
	one := topup.Failures{All: 1}
	if t.State == topup.Failed {
		one.Failed = 1
	}
	usual := b.learn(ctx, t.BrakeKey(), one)
	if t.Batch == "" {
		return
	}
	b.mu.Lock()
	l := b.lane(t)
	l.seen, l.at = l.seen.Add(one), b.now()
	trips, seen := !l.stopped && l.seen.Leaves(usual, int64(b.canaries)), l.seen
	l.stopped = l.stopped || trips
	b.mu.Unlock()
	if trips {
		b.stop(ctx, t, seen)
	}
}

// learn counts an outcome of an operator and returns what is usual for it, as it was known some time ago.
func (b *Brake) learn(ctx context.Context, key string, one topup.Failures) topup.Failures {
	b.mu.Lock()
	known, fresh := b.usual[key], b.now().Sub(b.usual[key].at) < usualAge
	b.seen[key] = b.seen[key].Add(one)
	gathered := b.seen[key]
	if gathered.All >= outcomesAtOnce {
		delete(b.seen, key)
	}
	b.mu.Unlock()
	if !fresh {
		usual, err := b.store.UsualOutcomes(ctx, key)
		if err != nil {
			return known.Failures
		}
		known = usualRate{usual, b.now()}
		b.mu.Lock()
		b.usual[key] = known
		b.mu.Unlock()
	}
	if gathered.All >= outcomesAtOnce {
		if err := b.store.AddOutcomes(ctx, key, gathered); err != nil {
			b.log.Warn("outcomes not counted", zap.String("operator", key), zap.Error(err))
		}
	}
	return known.Failures
}

// stop pauses an operator in a batch, and owes its merchant the event. Of several processes one does; should it die in
// between, the scheduler finds the pause.
func (b *Brake) stop(ctx context.Context, t *topup.Topup, seen topup.Failures) {
	scope, pause := t.BrakeScope(), topup.Pause{Reason: topup.CodeBrake, Actor: topup.ActorWorker, Since: b.now(), Seen: seen}
	added, err := b.store.AddPause(ctx, scope, pause)
	if err == nil && !added {
		return
	}
	if err == nil {
		_, err = b.store.UpdateBatch(ctx, t.Batch, func(rec *topup.Batch) error { return rec.Brake(pause.Braked(t.BrakeKey())) })
	}
	b.log.Error("too many rows of an operator fail; the rest of its batch waits", zap.String("pause", scope.String()),
		zap.Int64("settled", seen.All), zap.Int64("failed", seen.Failed), zap.Error(err))
	if err == nil {
		b.notify(ctx, string(t.Batch))
	}
}
