package redisstore

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

const (
	defaultLimit  = 100
	maxLimit      = 1000
	defaultWindow = 35 * 24 * time.Hour
	// fetch is how many rows of a shard are read at a time; maxExamined bounds the rows read for one page.
	fetch       = 48
	maxExamined = 20000
)

func formatMillis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// List implements topup.Ledger.
func (s *Store) List(ctx context.Context, q topup.Query) (topup.Page, error) {
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	q.Limit = min(q.Limit, maxLimit)
	if q.Recipient != "" {
		return s.listNumber(ctx, q)
	}
	if q.Batch != "" {
		return s.listBatch(ctx, q)
	}
	return s.listDays(ctx, q)
}

func matches(q topup.Query, t *topup.Topup) bool {
	switch {
	case q.Merchant != "" && t.Merchant != q.Merchant,
		q.Batch != "" && t.Batch != q.Batch,
		q.Recipient != "" && t.Recipient != q.Recipient,
		len(q.States) > 0 && !slices.Contains(q.States, t.State),
		!q.From.IsZero() && t.CreatedAt.Before(q.From),
		!q.To.IsZero() && !t.CreatedAt.Before(q.To):
		return false
	}
	return q.Match == nil || q.Match(t)
}

// merge reads one list per shard side by side in one order.
type merge struct {
	s    *Store
	keys [shards]string
	// pos is the next position to read, counted from the head; size is the length of the list.
	pos, size [shards]int64
	// up reads from the head, else from the tail.
	up     bool
	before func(a, b *topup.Topup) bool
	buf    [shards][]*topup.Topup
	// taken counts what was handed out of each buffer, to know where to go on.
	examined int
}

func (m *merge) load(ctx context.Context) error {
	pipe := m.s.rdb.Pipeline()
	cmds := make([]*redis.IntCmd, shards)
	for i, k := range m.keys {
		cmds[i] = pipe.LLen(ctx, k)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return unavailable(err)
	}
	for i, c := range cmds {
		m.size[i] = c.Val()
	}
	return nil
}

// fill reads on in every shard whose buffer is empty. Positions are those of the first buffered row.
func (m *merge) fill(ctx context.Context) error {
	pipe := m.s.rdb.Pipeline()
	cmds := map[int]*redis.StringSliceCmd{}
	for i := range m.keys {
		if len(m.buf[i]) > 0 || m.pos[i] >= m.size[i] {
			continue
		}
		from, to := m.pos[i], min(m.pos[i]+fetch, m.size[i])-1
		if !m.up { // position n from the tail
			from, to = m.size[i]-1-to, m.size[i]-1-m.pos[i]
		}
		cmds[i] = pipe.LRange(ctx, m.keys[i], from, to)
	}
	if len(cmds) == 0 {
		return nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return unavailable(err)
	}
	var ids []topup.ID
	for _, i := range sortedInts(cmds) {
		for _, id := range cmds[i].Val() {
			ids = append(ids, topup.ID(id))
		}
	}
	rows, err := m.s.GetMany(ctx, ids)
	if err != nil {
		return err
	}
	for _, i := range sortedInts(cmds) {
		n := len(cmds[i].Val())
		m.buf[i] = rows[:n:n]
		rows = rows[n:]
		if !m.up {
			slices.Reverse(m.buf[i])
		}
	}
	return nil
}

// next is the next row in order, nil at the end. Rows without a record are passed over.
func (m *merge) next(ctx context.Context) (*topup.Topup, error) {
	for {
		if err := m.fill(ctx); err != nil {
			return nil, err
		}
		best := -1
		for i := range m.buf {
			for len(m.buf[i]) > 0 && m.buf[i][0] == nil {
				m.take(i)
			}
			if len(m.buf[i]) > 0 && (best < 0 || m.before(m.buf[i][0], m.buf[best][0])) {
				best = i
			}
		}
		if m.hungry() {
			continue
		}
		if best < 0 {
			return nil, nil
		}
		return m.take(best), nil
	}
}

// hungry reports whether a shard has more rows but none buffered, so that the order is not known yet.
func (m *merge) hungry() bool {
	for i := range m.buf {
		if len(m.buf[i]) == 0 && m.pos[i] < m.size[i] {
			return true
		}
	}
	return false
}

func (m *merge) take(i int) *topup.Topup {
	t := m.buf[i][0]
	m.buf[i] = m.buf[i][1:]
	m.pos[i]++
	m.examined++
	return t
}

// cursor is a day (0 for a batch), for each shard the position, and for lists read from the tail the length that
// the positions count from, since lists grow at the tail.
func (m *merge) cursor(day int64) string {
	b := binary.AppendVarint(nil, day)
	for i := range m.pos {
		at := m.pos[i]
		if !m.up {
			at = m.size[i] - m.pos[i]
		}
		b = binary.AppendVarint(b, at)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseCursor(c string) (day int64, at [shards]int64, err error) {
	b, err := base64.RawURLEncoding.DecodeString(c)
	if err != nil {
		return 0, at, topup.ErrCursor
	}
	read := func() int64 {
		v, n := binary.Varint(b)
		if n <= 0 || v < 0 {
			err = topup.ErrCursor
			return 0
		}
		b = b[n:]
		return v
	}
	day = read()
	for i := range at {
		at[i] = read()
	}
	return day, at, err
}

func (s *Store) listBatch(ctx context.Context, q topup.Query) (topup.Page, error) {
	m := &merge{s: s, up: true, before: func(a, b *topup.Topup) bool { return a.Line < b.Line }}
	for i := range m.keys {
		m.keys[i] = batchList(i, q.Batch)
	}
	if err := m.load(ctx); err != nil {
		return topup.Page{}, err
	}
	if q.Cursor != "" {
		_, at, err := parseCursor(q.Cursor)
		if err != nil {
			return topup.Page{}, err
		}
		m.pos = at
	}
	var page topup.Page
	more, err := m.page(ctx, q, &page)
	if more {
		page.Next = m.cursor(0)
	}
	return page, err
}

// page takes matching rows until the page is full; more reports that the lists may hold further ones.
func (m *merge) page(ctx context.Context, q topup.Query, page *topup.Page) (more bool, err error) {
	for len(page.Topups) < q.Limit && m.examined < maxExamined {
		t, err := m.next(ctx)
		if err != nil || t == nil {
			return false, err
		}
		if matches(q, t) {
			page.Topups = append(page.Topups, t)
		}
	}
	for i := range m.pos {
		if m.pos[i] < m.size[i] {
			return true, nil
		}
	}
	return false, nil
}

// listDays walks a merchant's days back from To.
func (s *Store) listDays(ctx context.Context, q topup.Query) (topup.Page, error) {
	to := q.To
	if to.IsZero() {
		to = time.Now().Add(24 * time.Hour)
	}
	from := q.From
	if from.IsZero() {
		from = to.Add(-defaultWindow)
	}
	day := to.UTC().Truncate(24 * time.Hour)
	var at *[shards]int64
	if q.Cursor != "" {
		d, positions, err := parseCursor(q.Cursor)
		if err != nil {
			return topup.Page{}, err
		}
		day, at = time.Unix(d*86400, 0).UTC(), &positions
	}
	var page topup.Page
	for first := from.UTC().Truncate(24 * time.Hour); !day.Before(first); day = day.Add(-24 * time.Hour) {
		m := &merge{s: s, before: func(a, b *topup.Topup) bool { return a.CreatedAt.After(b.CreatedAt) }}
		for i := range m.keys {
			m.keys[i] = dayList(i, q.Merchant, day)
		}
		if err := m.load(ctx); err != nil {
			return page, err
		}
		if at != nil {
			for i := range m.pos {
				m.pos[i] = max(m.size[i]-at[i], 0)
			}
			at = nil
		}
		more, err := m.page(ctx, q, &page)
		if err != nil {
			return page, err
		}
		if len(page.Topups) >= q.Limit || m.examined >= maxExamined {
			if more || day.After(first) {
				page.Next = m.cursor(day.Unix() / 86400)
			}
			return page, nil
		}
	}
	return page, nil
}

// listNumber gathers a number's top-ups from the buckets of its months. Its cursor is an offset.
func (s *Store) listNumber(ctx context.Context, q topup.Query) (topup.Page, error) {
	to := q.To
	if to.IsZero() {
		to = time.Now().Add(24 * time.Hour)
	}
	from := q.From
	if from.IsZero() {
		from = to.Add(-defaultWindow)
	}
	pipe := s.rdb.Pipeline()
	var cmds []*redis.StringSliceCmd
	_, tag := numberList(0, q.Recipient, from)
	for month := firstOfMonth(from); !month.After(to); month = month.AddDate(0, 1, 0) {
		for shard := range shards {
			key, _ := numberList(shard, q.Recipient, month)
			cmds = append(cmds, pipe.LRange(ctx, key, 0, -1))
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return topup.Page{}, unavailable(err)
	}
	var ids []topup.ID
	for _, c := range cmds {
		for _, entry := range c.Val() {
			if id, ours := strings.CutSuffix(entry, tag); ours && len(entry) > numberTag {
				ids = append(ids, topup.ID(id))
			}
		}
	}
	rows, err := s.GetMany(ctx, ids)
	if err != nil {
		return topup.Page{}, err
	}
	rows = slices.DeleteFunc(rows, func(t *topup.Topup) bool { return t == nil || !matches(q, t) })
	slices.SortStableFunc(rows, func(a, b *topup.Topup) int { return b.CreatedAt.Compare(a.CreatedAt) })
	offset := 0
	if q.Cursor != "" {
		if offset, err = strconv.Atoi(q.Cursor); err != nil || offset < 0 {
			return topup.Page{}, topup.ErrCursor
		}
	}
	rows = rows[min(offset, len(rows)):]
	page := topup.Page{Topups: rows[:min(q.Limit, len(rows))]}
	if len(rows) > q.Limit {
		page.Next = strconv.Itoa(offset + q.Limit)
	}
	return page, nil
}

func firstOfMonth(t time.Time) time.Time {
	return time.Date(t.UTC().Year(), t.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
}

func sortedInts[V any](m map[int]V) []int {
	out := make([]int, 0, len(m))
	for i := range m {
		out = append(out, i)
	}
	slices.Sort(out)
	return out
}
