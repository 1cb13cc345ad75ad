package redisstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"topupq/topup"
)

// maxRead bounds one pipeline of reads.
const maxRead = 256

// maxCreateRows bounds one script of Create, so that no command holds Redis for long.
const maxCreateRows = 64

// group is the rows of one Create that one script can take.
type group struct {
	shard    int
	merchant topup.MerchantID
	batch    topup.BatchID
	day      string
}

// Create implements topup.Ledger.
func (s *Store) Create(ctx context.Context, ts []*topup.Topup) ([]topup.Created, error) {
	groups := map[group][]int{}
	for i, t := range ts {
		g := group{shardOf(string(t.ID)), t.Merchant, t.Batch, t.CreatedAt.UTC().Format("20060102")}
		groups[g] = append(groups[g], i)
	}
	out := make([]topup.Created, len(ts))
	eg, ctx := errgroup.WithContext(ctx)
	for g, rows := range groups {
		eg.Go(func() error {
			for part := range slices.Chunk(rows, maxCreateRows) {
				if err := s.createGroup(ctx, g, ts, part, out); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return out, eg.Wait()
}

func (s *Store) createGroup(ctx context.Context, g group, ts []*topup.Topup, rows []int, out []topup.Created) error {
	first := ts[rows[0]]
	keys := make([]string, 0, 6+3*len(rows))
	keys = append(keys, dayList(g.shard, g.merchant, first.CreatedAt), batchList(g.shard, g.batch), batchCounters(g.shard, g.batch), memoryKey(g.shard),
		creditKey(g.shard, g.merchant), dayUseKey(g.shard, g.merchant, first.CreatedAt))
	args := make([]any, 0, 3+7*len(rows))
	args = append(args, len(rows), b2i(g.batch != ""), dayUseKept.Milliseconds())
	nonces := make([]uint64, len(rows))
	for i, row := range rows {
		t := ts[row]
		nonces[i] = newNonce()
		bucket, entry := numberEntry(g.shard, t)
		keys = append(keys, recordKey(t.ID), sendIndex(g.shard, t.Provider), bucket)
		due, flow := millis(dueTime(t)), ""
		if t.InLine {
			due, flow = t.Urgency().Turn(), flowOf(t.Merchant, t.Urgency())
		}
		args = append(args, string(t.ID), pack(t, nonces[i]), due, t.Amount.Currency, t.Amount.Micros(), entry, flow)
	}
	res, err := s.eval(ctx, createScript, keys, args...)
	if err != nil {
		return err
	}
	results, err := res.Slice()
	if err != nil || len(results) != len(rows) {
		return unavailable(fmt.Errorf("create: unexpected answer: %w", err))
	}
	for i, row := range rows {
		there, exists := results[i].(string)
		if !exists {
			continue
		}
		if h, ok := unpackHead(there); ok && h.nonce == nonces[i] {
			continue // written by the first try of this very call
		}
		if left, ok := unpackMemory(ts[row], there); ok {
			out[row].Existing = left
			continue
		}
		if out[row].Existing, err = unpack(ts[row].ID, there); err != nil {
			return err
		}
	}
	return nil
}

// Get implements topup.Ledger.
func (s *Store) Get(ctx context.Context, id topup.ID) (*topup.Topup, error) {
	key := recordKey(id)
	cmd, err := s.pipe.Do(ctx, func(p redis.Pipeliner) redis.Cmder { return p.Get(ctx, key) })
	if err != nil {
		return nil, unavailable(err)
	}
	value, err := cmd.(*redis.StringCmd).Result()
	if err != nil {
		return nil, notFound(err)
	}
	return unpack(id, value)
}

// GetMany implements topup.Ledger.
func (s *Store) GetMany(ctx context.Context, ids []topup.ID) ([]*topup.Topup, error) {
	out := make([]*topup.Topup, len(ids))
	for start := 0; start < len(ids); start += maxRead {
		part := ids[start:min(start+maxRead, len(ids))]
		pipe := s.rdb.Pipeline()
		cmds := make([]*redis.StringCmd, len(part))
		for i, id := range part {
			cmds[i] = pipe.Get(ctx, recordKey(id))
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return nil, unavailable(err)
		}
		for i, cmd := range cmds {
			value, err := cmd.Result()
			if errors.Is(err, redis.Nil) {
				continue
			}
			if err != nil {
				return nil, unavailable(err)
			}
			if out[start+i], err = unpack(part[i], value); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// maxUpdateTries bounds how often Update starts again because somebody else wrote.
const maxUpdateTries = 24

// Update implements topup.Ledger.
func (s *Store) Update(ctx context.Context, id topup.ID, change func(*topup.Topup) error) (*topup.Topup, error) {
	t, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.UpdateLoaded(ctx, t, change)
}

// UpdateLoaded implements topup.Ledger.
func (s *Store) UpdateLoaded(ctx context.Context, t *topup.Topup, change func(*topup.Topup) error) (*topup.Topup, error) {
	for range maxUpdateTries {
		// Known before change looks at anything: if the store is found to have gone back meanwhile, this write fails too.
		counter := s.counter(shardOf(string(t.ID)))
		last := s.rewind.last(counter)
		next := clone(t)
		if err := change(next); err != nil {
			if errors.Is(err, topup.ErrUnchanged) {
				return t, nil
			}
			return t, err
		}
		written, err := s.write(ctx, t, next, counter, last)
		if err != nil {
			return t, err
		}
		if written {
			return next, nil
		}
		if t, err = s.Get(ctx, t.ID); err != nil {
			return nil, err
		}
	}
	return t, topup.ErrContention
}

// clone is a copy whose slices a transition may change.
func clone(t *topup.Topup) *topup.Topup {
	c := *t
	c.Incidents = nil
	c.History = slices.Clip(t.History)
	c.Callbacks = slices.Clone(t.Callbacks)
	for i := range c.Callbacks {
		c.Callbacks[i].Attempts = slices.Clip(c.Callbacks[i].Attempts)
	}
	return &c
}

// write replaces from by to, false when somebody else has written since from was read, or when the write was to be counted
// in the wrong place: then nothing was written. last is the write of the counter that must still be there.
func (s *Store) write(ctx context.Context, from, to *topup.Topup, counter int, last *place) (bool, error) {
	to.Rev = from.Rev + 1
	nonce := newNonce()
	shard := shardOf(string(to.ID))
	if err := s.noteLate(ctx, from, to); err != nil {
		return false, err
	}
	s.noteTransaction(ctx, from, to)
	keys, args := s.writePart(from, to, nonce, counter, last)
	group := ""
	if counter != whole {
		group = shardTags[shard]
	}
	n, err := s.evalPart(ctx, writeScripts[counter == whole], group, keys, args)
	if crossSlot(err) && counter == whole {
		s.apart.Store(true) // what is behind this address is a cluster after all
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch {
	case n == writeWentBack:
		return false, s.wentBack(ctx, counter, last)
	case n > 0:
		s.rewind.see(counter, &place{count: n, nonce: string(binary.BigEndian.AppendUint64(nil, nonce))})
	}
	return n != writeConflict, nil
}

// writePart are the keys and arguments of one part of a writing script.
func (s *Store) writePart(from, to *topup.Topup, nonce uint64, counter int, last *place) (keys []string, args []any) {
	e := s.effectsOf(shardOf(string(to.ID)), counter == whole, from, to)
	keys = append([]string{recordKey(to.ID), writesKey(counter)}, e.keys...)
	return keys, append([]any{guardOf(from), pack(to, nonce), last.count, last.nonce, max(last.count, last.least), len(e.keys)}, e.args...)
}

// guardOf is what writeScripts compare: the state and the revision of the record as it was read.
func guardOf(t *topup.Topup) []byte {
	return binary.BigEndian.AppendUint32([]byte{byte(t.State)}, t.Rev)
}

// indexOf is the due index that a top-up stands in, "" for none.
func indexOf(t *topup.Topup, shard int) string {
	switch {
	case t.State == topup.Accepted:
		return sendIndex(shard, t.Provider)
	case t.State == topup.Held || t.DueAt.IsZero():
		return ""
	default:
		return checkIndex(shard, t.Provider)
	}
}

// dueTime is when the index shows a top-up: an accepted one at its expiry at the latest.
func dueTime(t *topup.Topup) time.Time {
	if t.State == topup.Accepted && !t.ExpiresAt.IsZero() && t.ExpiresAt.Before(t.DueAt) {
		return t.ExpiresAt
	}
	return t.DueAt
}

// outboxTime is when the outbox shows the first callback owed, the zero time for none.
func (s *Store) outboxTime(t *topup.Topup) time.Time {
	c := t.NextCallback()
	if c == nil {
		return time.Time{}
	}
	return s.leased(c)
}

func (s *Store) leased(c *topup.Callback) time.Time {
	if len(c.Attempts) == 0 {
		return c.NextAt.Add(s.opts.CallbackLease)
	}
	return c.NextAt
}
