package workers

import (
	"sync"
	"time"

	"topupq/topup"
)

// turn is one record's place in a lane: a top-up or a batch that owes callbacks.
type turn struct {
	id       string
	merchant topup.MerchantID
	topup    *topup.Topup
	batch    *topup.Batch
	// leasedAt is when the lease was taken; zero for a fresh record, which needs none.
	leasedAt time.Time
	// version is the callback that a fresh record owes.
	version int
}

func (tn *turn) leased() bool { return !tn.leasedAt.IsZero() }

// debt is the callback that may be sent now in this turn, false when there is none, or not any more.
func (tn *turn) debt(now time.Time) (debt, bool) {
	switch {
	case !tn.leased():
		return freshDebt(tn.topup, now)
	case now.Sub(tn.leasedAt) > leaseMargin:
		return debt{}, false
	case tn.batch != nil:
		return batchDebt(tn.batch, now)
	default:
		return topupDebt(tn.topup, now)
	}
}

// lane holds one merchant's turns, and what is known of its endpoint.
type lane struct {
	merchant    topup.MerchantID
	perEndpoint int
	size        int
	now         func() time.Time

	mu      sync.Mutex
	queue   []*turn
	running int
	closed  bool
	// grouped means that events are posted several at a time.
	grouped bool
	// held are the records with a turn waiting or running; told the versions sent lately without a lease.
	held map[string]bool
	told toldLately

	endpointMu sync.Mutex
	endpoint   *endpoint
	// marked is when the merchant's record was last told how its endpoint does.
	marked time.Time
}

func newLane(m topup.MerchantID, cfg CallbacksConfig) *lane {
	return &lane{merchant: m, perEndpoint: cfg.PerEndpoint, size: cfg.Queue, now: cfg.Now, held: map[string]bool{}}
}

// offer queues a turn and starts a worker where fewer than the lane may have are running. False means that the lane
// is full or closed, that the record has a turn, or that the same fresh version was sent a moment ago.
func (l *lane) offer(tn *turn, start func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.held[tn.id] || len(l.queue) >= l.size {
		return false
	}
	if !tn.leased() && l.told.has(tn.id, tn.version, l.now()) {
		return false
	}
	l.held[tn.id] = true
	l.queue = append(l.queue, tn)
	if l.running < l.mostRunning() {
		l.running++
		start()
	}
	return true
}

// mostRunning is how many workers the lane may have. The lock is held.
func (l *lane) mostRunning() int {
	if l.grouped {
		return min(l.perEndpoint, groupLanes)
	}
	return l.perEndpoint
}

func (l *lane) setGrouped(grouped bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.grouped = grouped
}

// another takes one more turn for a worker that has one already, nil where none waits.
func (l *lane) another() *turn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pop()
}

// next takes the turn that waits longest; nil means that the worker is not needed any more.
func (l *lane) next() *turn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 || l.running > l.mostRunning() {
		l.running--
		return nil
	}
	return l.pop()
}

// pop takes the first turn of the queue, nil where none waits. The lock is held.
func (l *lane) pop() *turn {
	if len(l.queue) == 0 {
		l.queue = nil
		return nil
	}
	tn := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	return tn
}

// finish makes room for the record's next turn.
func (l *lane) finish(tn *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, tn.id)
}

// noteTold remembers that a fresh version is being sent.
func (l *lane) noteTold(id string, version int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told.add(id, version, l.now())
}

// close takes nothing more and returns the turns that nobody has begun.
func (l *lane) close() []*turn {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	waiting := l.queue
	l.queue = nil
	return waiting
}

// toldLately remembers which versions were sent in the last freshFor or longer, so that a record which several
// goroutines have in hand is told of once. Two halves take turns, so that it never grows with time.
type toldLately struct {
	young, old map[string]int
	turned     time.Time
}

func (m *toldLately) turn(now time.Time) {
	if now.Sub(m.turned) > freshFor {
		m.old, m.young, m.turned = m.young, map[string]int{}, now
	}
}

func (m *toldLately) add(id string, version int, now time.Time) {
	m.turn(now)
	m.young[id] = version
}

func (m *toldLately) has(id string, version int, now time.Time) bool {
	m.turn(now)
	return m.young[id] >= version || m.old[id] >= version
}
