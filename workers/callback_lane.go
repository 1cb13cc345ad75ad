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
	// topup or batch is the record; neither is there while a late record has not been read again.
	topup *topup.Topup
	batch *topup.Batch
	// leasedAt is when the lease was taken; zero for a fresh record, which needs none.
	leasedAt time.Time
	// version is the callback that a fresh record owes.
	version int
}

func (tn *turn) leased() bool { return !tn.leasedAt.IsZero() }

// stale reports whether a record without a lease has waited too long for its turn.
func (tn *turn) stale(now time.Time) bool {
	switch {
	case tn.leased():
		return false
	case tn.topup == nil:
		return true
	}
	cb := tn.topup.NextCallback()
	return cb != nil && now.After(cb.NextAt.Add(freshFor))
}

// debt is the callback that may be sent now in this turn, false when there is none, or not any more.
func (tn *turn) debt(now time.Time) (debt, bool) {
	switch {
	case tn.topup == nil && tn.batch == nil:
		return debt{}, false
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

	mu    sync.Mutex
	queue []*turn
	// late are records whose fresh callback found no room: their turns come when the queue is empty.
	late []topup.ID
	// running are the workers that post or are about to, recording those that write what came of it.
	running   int
	recording int
	closed    bool
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

const (
	// mostLate bounds the late records of a lane, mostRecording the workers that record while others post.
	mostLate      = 1 << 15
	mostRecording = 64
)

// offer queues a turn and starts a worker where fewer than the lane may have are running. False means that the lane
// is full or closed, that the record has a turn, or that the same fresh version was sent a moment ago. Of a fresh
// record that finds the lane full the name is kept.
func (l *lane) offer(tn *turn, start func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.held[tn.id] || !tn.leased() && l.told.has(tn.id, tn.version, l.now()) {
		return false
	}
	if len(l.queue) >= l.size {
		if !tn.leased() && tn.topup != nil && len(l.late) < mostLate {
			l.held[tn.id], l.late = true, append(l.late, tn.topup.ID)
		}
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
	if l.running <= l.mostRunning() {
		if tn := l.pop(); tn != nil {
			return tn
		}
		if len(l.late) > 0 {
			tn := &turn{id: string(l.late[0]), merchant: l.merchant}
			l.late = l.late[1:]
			return tn
		}
	}
	l.running--
	return nil
}

// yield lets another worker post while the caller records, where not too many do that already; the caller calls what
// it returns when it is done.
func (l *lane) yield(start func()) (resume func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.recording >= mostRecording {
		return func() {}
	}
	l.recording++
	l.running--
	if len(l.queue)+len(l.late) > 0 && l.running < l.mostRunning() {
		l.running++
		start()
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.recording--
		l.running++ // perhaps one too many: next ends the caller then
	}
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
	l.queue, l.late = nil, nil
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
