package clients

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"topupq/clients/reloadly"
	"topupq/topup"
)

const (
	// reloadlyMargin widens a window of the report: the clock that it reads dates on is not known for sure.
	reloadlyMargin = 24 * time.Hour
	// reloadlyFew orders are asked for singly: looking for their pages would take as many calls.
	reloadlyFew = 2
	// reloadlyYield is how many orders a page must show on average, once reloadlyPatience pages were read, for it to
	// be better to read on than to ask singly.
	reloadlyYield    = 2
	reloadlyPatience = 4
	// reloadlyBarren pages in a row that show nothing end it then: the few that are left are cheaper to ask for singly.
	reloadlyBarren = 2
)

// CheckMany asks for many orders at once by reading the pages of the report on which they stand, 500 rows a call. Pages
// are found by transaction ID, or by the time of sending where that is not known. Orders that it does not find are not
// in the map: a page proves no absence. A failure that a page shows is asked for once more by our reference, since
// another row might contradict it. With an error the map holds what was learned before it.
func (r *Reloadly) CheckMany(ctx context.Context, refs []topup.Ref) (map[topup.ID]topup.Outcome, error) {
	s := newReloadlySearch(refs, r.report)
	if len(s.wanted) <= reloadlyFew {
		return r.checkEach(ctx, s.wanted)
	}
	for s.worth() {
		page := s.next()
		if page == 0 {
			break
		}
		if err := r.readReport(ctx, s, page); err != nil {
			return s.learned(), err
		}
	}
	learned := s.learned()
	for _, id := range s.failures() {
		if err := topup.Spend(ctx); err != nil {
			return learned, err
		}
		out, err := r.checkReport(ctx, s.wanted[id])
		if err != nil {
			return learned, err
		}
		if out.Answer != topup.Absent {
			learned[id] = out
		}
	}
	return learned, nil
}

// readReport reads one page.
func (r *Reloadly) readReport(ctx context.Context, s *reloadlySearch, page int) error {
	if err := topup.Spend(ctx); err != nil {
		return err
	}
	p, err := r.api.TransactionsPage(ctx, s.window, page, reloadly.MaxReportSize)
	if err != nil {
		return fmt.Errorf("read reloadly's report: %w", err)
	}
	s.take(page, p)
	if span, some := spanOf(p.Content); some {
		r.report.learn(s.window.Start, page, span, len(p.Content) >= reloadly.MaxReportSize, p.TotalPages)
	}
	return nil
}

func (r *Reloadly) checkEach(ctx context.Context, wanted map[topup.ID]topup.Ref) (map[topup.ID]topup.Outcome, error) {
	learned := map[topup.ID]topup.Outcome{}
	for id, ref := range wanted {
		if err := topup.Spend(ctx); err != nil {
			return learned, err
		}
		out, err := r.Check(ctx, ref)
		if err != nil {
			return learned, err
		}
		learned[id] = out
	}
	return learned, nil
}

// reloadlyTarget is one order that is looked for: by its transaction, or with id 0 by the time of its sending.
type reloadlyTarget struct {
	ref topup.ID
	id  int64
	at  time.Time
}

// reloadlySearch is one reading of the report.
type reloadlySearch struct {
	wanted map[topup.ID]topup.Ref
	window reloadly.ReportFilter
	// targets are those not found yet: first those whose transaction is known, oldest first, then those of which only the
	// time is, since the pages of the others may well show them.
	targets []reloadlyTarget
	rows    map[topup.ID][]reloadly.Transaction
	// pages are the spans known, read the pages that this search has read, total how many there are.
	pages map[int]reloadlySpan
	read  map[int]bool
	total int
	found int
	// barren counts the last pages in a row that showed nothing new.
	barren int
}

func newReloadlySearch(refs []topup.Ref, index *reloadlyIndex) *reloadlySearch {
	s := &reloadlySearch{wanted: map[topup.ID]topup.Ref{}, rows: map[topup.ID][]reloadly.Transaction{}, read: map[int]bool{}}
	var first, last time.Time
	for _, ref := range refs {
		if ref.SentAt.IsZero() {
			continue
		}
		id, err := strconv.ParseInt(ref.TransactionID, 10, 64)
		if err != nil || id < 0 {
			id = 0
		}
		s.wanted[ref.Reference] = ref
		s.targets = append(s.targets, reloadlyTarget{ref.Reference, id, ref.SentAt})
		if first.IsZero() || ref.SentAt.Before(first) {
			first = ref.SentAt
		}
		if ref.SentAt.After(last) {
			last = ref.SentAt
		}
	}
	slices.SortFunc(s.targets, func(a, b reloadlyTarget) int {
		return cmp.Or(cmp.Compare(min(b.id, 1), min(a.id, 1)), a.at.Compare(b.at), cmp.Compare(a.id, b.id))
	})
	// Whole days, so that the pages of one search are those of the next.
	const day = 24 * time.Hour
	s.window = reloadly.ReportFilter{Start: first.UTC().Truncate(day).Add(-reloadlyMargin), End: last.UTC().Truncate(day).Add(day + reloadlyMargin)}
	s.pages, s.total = index.known(s.window.Start)
	return s
}

// worth reports whether pages show enough of what is wanted.
func (s *reloadlySearch) worth() bool {
	return len(s.read) < reloadlyPatience || (s.found >= reloadlyYield*len(s.read) && s.barren < reloadlyBarren)
}

// next is the page to be read next, 0 when nothing is left that a page could show.
func (s *reloadlySearch) next() int {
	for len(s.targets) > 0 {
		t := s.targets[0]
		if _, found := s.rows[t.ref]; !found {
			if page := s.guess(t); page > 0 {
				return page
			}
		}
		s.targets = s.targets[1:]
	}
	return 0
}

// guess is the page on which t should stand, 0 when every page that can hold it has been read.
func (s *reloadlySearch) guess(t reloadlyTarget) int {
	if s.total == 0 {
		return s.unread(1, 1)
	}
	before, after, seen, near := 0, s.total+1, false, 0
	for n, span := range s.pages {
		switch span.side(t) {
		case -1:
			before = max(before, n)
		case 1:
			after = min(after, n)
		default:
			if !s.read[n] && (near == 0 || span.off(t) < s.pages[near].off(t)) {
				near = n
			}
			seen = true
		}
	}
	if seen {
		return near // 0 where it is not where it should be: hidden, or not there
	}
	low, high := before+1, after-1
	switch {
	case before >= s.total && len(s.read) == 0:
		return low // how many pages there are is remembered from before this order was placed
	case low > high:
		return 0
	case before == 0 && after > s.total: // nothing is known: most questions are about the newest
		return s.unread(s.total, low)
	case after > s.total:
		return s.unread(high, low)
	case before == 0:
		return s.unread(low, high)
	}
	part := s.pages[before].between(s.pages[after], t)
	middle := min(max(low+int(part*float64(high-low+1)), low), high)
	if page := s.unread(middle, high); page > 0 {
		return page
	}
	return s.unread(middle, low)
}

// unread is the first page from one to the other, in either direction, that was not read yet, 0 for none.
func (s *reloadlySearch) unread(from, to int) int {
	step := 1
	if to < from {
		step = -1
	}
	for n := from; ; n += step {
		if n >= 1 && !s.read[n] {
			return n
		}
		if n == to {
			return 0
		}
	}
}

// take keeps the rows of a page that are wanted.
func (s *reloadlySearch) take(page int, p reloadly.Page[reloadly.Transaction]) {
	s.read[page], s.total = true, p.TotalPages
	before := s.found
	defer func() {
		if s.barren++; s.found > before {
			s.barren = 0
		}
	}()
	delete(s.pages, page)
	if span, some := spanOf(p.Content); some {
		s.pages[page] = span
	}
	for _, row := range p.Content {
		id := topup.ID(row.CustomIdentifier)
		if s.wanted[id].Reference == "" {
			continue
		}
		if len(s.rows[id]) == 0 {
			s.found++
		}
		known := func(t reloadly.Transaction) bool { return t.TransactionID == row.TransactionID }
		if !slices.ContainsFunc(s.rows[id], known) { // rows can move between pages meanwhile
			s.rows[id] = append(s.rows[id], row)
		}
	}
}

// learned is what the rows prove, failures left out.
func (s *reloadlySearch) learned() map[topup.ID]topup.Outcome {
	out := map[topup.ID]topup.Outcome{}
	for id, rows := range s.rows {
		if o := reloadlyRows(rows, s.wanted[id]); o.Answer != topup.Refused {
			out[id] = o
		}
	}
	return out
}

// failures are the orders of which the rows show nothing but failures.
func (s *reloadlySearch) failures() []topup.ID {
	var out []topup.ID
	for id, rows := range s.rows {
		if reloadlyRows(rows, s.wanted[id]).Answer == topup.Refused {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}
