package clients

import (
	"sync"
	"time"

	"topupq/clients/reloadly"
)

// reloadlyIndex remembers which transactions stand on which page of the report, so that the page of an order is found
// without reading those before it. The report is oldest first and begins at a fixed time, so rows keep their page; where
// that turns out not to hold, nothing is believed that a page does not show. It is safe for concurrent use.
type reloadlyIndex struct {
	mu sync.Mutex
	// start is the beginning of the report that pages and total are about.
	start time.Time
	pages map[int]reloadlySpan
	total int
}

// reloadlySpan is what stands on a page: its first and last transaction, and their dates.
type reloadlySpan struct {
	firstID, lastID int64
	first, last     time.Time
}

func newReloadlyIndex() *reloadlyIndex { return &reloadlyIndex{pages: map[int]reloadlySpan{}} }

// known returns what is remembered of the report from start.
func (x *reloadlyIndex) known(start time.Time) (pages map[int]reloadlySpan, total int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	pages = map[int]reloadlySpan{}
	if !x.start.Equal(start) {
		return pages, 0
	}
	for n, s := range x.pages {
		pages[n] = s
	}
	return pages, x.total
}

// learn remembers a full page. One that is not full can still grow.
func (x *reloadlyIndex) learn(start time.Time, n int, s reloadlySpan, full bool, total int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if start.Before(x.start) {
		return // a group that straddles midnight must not drive out what today is known
	}
	if !x.start.Equal(start) {
		x.start, x.pages, x.total = start, map[int]reloadlySpan{}, 0
	}
	if full {
		x.pages[n] = s
	}
	x.total = max(x.total, total)
}

// spanOf is what stands on a page, false where it is empty.
func spanOf(rows []reloadly.Transaction) (s reloadlySpan, ok bool) {
	for i := range rows {
		id, at := int64(rows[i].TransactionID), reloadlyDate(&rows[i])
		if !ok || id < s.firstID {
			s.firstID = id
		}
		s.lastID = max(s.lastID, id)
		if !at.IsZero() && (s.first.IsZero() || at.Before(s.first)) {
			s.first = at
		}
		if at.After(s.last) {
			s.last = at
		}
		ok = true
	}
	return s, ok
}

// reloadlyDate is when the transaction was made, zero where that cannot be read.
func reloadlyDate(t *reloadly.Transaction) time.Time {
	at, err := time.Parse(time.DateTime, string(t.TransactionDate))
	if err != nil {
		return time.Time{}
	}
	return at
}

// reloadlyDateSlack is how far the service's clock may be from ours where an order is looked for by its time.
const reloadlyDateSlack = 30 * time.Second

// side tells where a page stands from the target's view: -1 before it, +1 after it, 0 where it should hold it.
func (s reloadlySpan) side(t reloadlyTarget) int {
	switch {
	case t.id > 0 && t.id > s.lastID, t.id == 0 && s.last.Before(t.at.Add(-reloadlyDateSlack)):
		return -1
	case t.id > 0 && t.id < s.firstID, t.id == 0 && s.first.After(t.at.Add(reloadlyDateSlack)):
		return 1
	}
	return 0
}

// off is how far a target that a page should hold by its time lies from the times of that page, 0 for within.
func (s reloadlySpan) off(t reloadlyTarget) time.Duration {
	if t.id > 0 {
		return 0
	}
	return max(s.first.Sub(t.at), t.at.Sub(s.last), 0)
}

// between guesses at which part of the way from the end of s to the beginning of o the target lies, 0 to 1.
func (s reloadlySpan) between(o reloadlySpan, t reloadlyTarget) float64 {
	if t.id > 0 {
		return float64(t.id-s.lastID) / float64(max(o.firstID-s.lastID, 1))
	}
	return float64(t.at.Sub(s.last)) / float64(max(o.first.Sub(s.last), 1))
}
