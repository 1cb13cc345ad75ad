package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

// A write owes its events to the shard that it belongs to, and they move to the merchant's feed afterwards, since a feed
// and sixteen shards share no slot. Three steps make that exact, whoever dies between them:
//
//  1. the owed events of all shards are read in the order of their writes;
//  2. one script appends those of a merchant to its feed, provided that nobody has appended or claimed since this
//     publisher did so last, and leaves out what the chunk before had appended already;
//  3. they are taken out of the shards' sets.
//
// Step 2 needs to know only the last chunk of either kind, of top-ups or of batches: a publisher takes one chunk out (3)
// before it reads the next of its kind (1), and one who is not sure to have been the last claims the feed and then reads anew. Every append and claim changes the feed's token,
// so that an append that was held up on its way finds its token gone.

// owedPerShard bounds what one step takes from one shard.
const owedPerShard = 128

// maxClaims bounds how often one call claims feeds from other publishers.
const maxClaims = 8

// feeds lets one goroutine of a process publish at a time. tokens are the feeds that it was the last to append to.
type feeds struct {
	mu     sync.Mutex
	tokens map[topup.MerchantID]string
	made   int64
}

// token is a new one.
func (f *feeds) token(owner string) string {
	f.made++
	return owner + ":" + strconv.FormatInt(f.made, 36)
}

// appendScript appends events to a feed.
//
// KEYS: 1 log, 2 head. ARGV: 1 token expected, 2 the next one, 3 "1" for events of batches, then the entries. It returns how
// many were new, -1 where the token is another one. Field k of the head is the length of the last chunk, b the last chunk of
// batches, which others may have been appended behind, n the last sequence.
var appendScript = newScript(`
local head = redis.call('HMGET', KEYS[2], 'by', 'k', 'b')
if head[1] ~= ARGV[1] then return -1 end
redis.call('HSET', KEYS[2], 'by', ARGV[2])
local k, last, known, fresh = tonumber(head[2] or '0'), {}, false, {}
if k > 0 then
  for _, e in ipairs(redis.call('LRANGE', KEYS[1], -k, -1)) do last[e] = true end
end
if ARGV[3] == '1' then
  for e in string.gmatch(head[3] or '', '[^\n]+') do last[e] = true end
  redis.call('HSET', KEYS[2], 'b', table.concat(ARGV, '\n', 4))
end
for i = 4, #ARGV do
  if last[ARGV[i]] then known = true else fresh[#fresh + 1] = ARGV[i] end
end
if #fresh == 0 then return 0 end
redis.call('RPUSH', KEYS[1], unpack(fresh))
redis.call('HINCRBY', KEYS[2], 'n', #fresh)
if not known then k = 0 end
redis.call('HSET', KEYS[2], 'k', k + #fresh)
return #fresh
`)

// eventsScript reads a feed. KEYS: 1 log, 2 head. ARGV: 1 sequence after which, 2 limit. It returns the last sequence, the
// number of events that are kept, and the events.
var eventsScript = newScript(`
local n, kept = tonumber(redis.call('HGET', KEYS[2], 'n') or '0'), redis.call('LLEN', KEYS[1])
local from = math.max(tonumber(ARGV[1]) - (n - kept), 0)
return {n, kept, redis.call('LRANGE', KEYS[1], from, from + tonumber(ARGV[2]) - 1)}
`)

// trimScript forgets the head of a feed, but never the last chunk. KEYS: 1 log, 2 head. ARGV: 1 number of events kept that
// the caller has seen, 2 how many of them go.
var trimScript = newScript(`
local kept, k = redis.call('LLEN', KEYS[1]), tonumber(redis.call('HGET', KEYS[2], 'k') or '0')
if kept < tonumber(ARGV[1]) then return 0 end
local go = math.min(tonumber(ARGV[2]), kept - k)
if go > 0 then redis.call('LTRIM', KEYS[1], go, -1) end
return go
`)

// PublishEvents implements topup.Events. Events of batches come last: all of their rows' events were owed before them.
func (s *Store) PublishEvents(ctx context.Context, limit int) (int, error) {
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	if s.feeds.tokens == nil {
		s.feeds.tokens = map[topup.MerchantID]string{}
	}
	done, err := s.nothingOwed(ctx)
	if done || err != nil {
		return 0, err
	}
	batches, _, err := s.owed(ctx, batchEventsKey)
	if err != nil {
		return 0, err
	}
	moved, drained, err := s.publishRows(ctx, limit)
	if err != nil || !drained {
		return moved, err
	}
	n, refused, err := s.publish(ctx, true, batches)
	if err != nil || !refused {
		return moved + n, err
	}
	if batches, _, err = s.owed(ctx, batchEventsKey); err != nil {
		return moved + n, err
	}
	again, _, err := s.publish(ctx, true, batches)
	return moved + n + again, err
}

// publishRows publishes the events of top-ups; drained means that all are that were owed at the start.
func (s *Store) publishRows(ctx context.Context, limit int) (moved int, drained bool, err error) {
	for claims := 0; claims < maxClaims && moved < limit; {
		rows, more, err := s.owed(ctx, eventsKey)
		if err != nil {
			return moved, false, err
		}
		n, refused, err := s.publish(ctx, false, rows)
		moved += n
		if err != nil || (!more && !refused) {
			return moved, err == nil, err
		}
		if refused {
			claims++
		}
	}
	return moved, false, nil
}

// nothingOwed looks for the usual case at the least cost.
func (s *Store) nothingOwed(ctx context.Context) (bool, error) {
	pipe := s.rdb.Pipeline()
	var cmds [shards]*redis.IntCmd
	for shard := range shards {
		cmds[shard] = pipe.Exists(ctx, eventsKey(shard), batchEventsKey(shard))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return false, unavailable(err)
	}
	for _, c := range cmds {
		if c.Val() > 0 {
			return false, nil
		}
	}
	return true, nil
}

// owed reads the head of the shards' sets; more means that one of them may hold further events.
func (s *Store) owed(ctx context.Context, key func(shard int) string) (out []owedEvent, more bool, err error) {
	pipe := s.rdb.Pipeline()
	var cmds [shards]*redis.StringSliceCmd
	for shard := range shards {
		cmds[shard] = pipe.ZRange(ctx, key(shard), 0, owedPerShard-1)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, false, unavailable(err)
	}
	for shard, c := range cmds {
		more = more || len(c.Val()) == owedPerShard
		for _, member := range c.Val() {
			out = append(out, parseOwed(shard, member))
		}
	}
	return out, more, nil
}

// publish appends owed events to their feeds and takes them out of the sets. refused means that a feed had to be claimed
// first: its events have to be read again.
func (s *Store) publish(ctx context.Context, batches bool, owed []owedEvent) (moved int, refused bool, err error) {
	key := eventsKey
	if batches {
		key = batchEventsKey
	}
	byMerchant := map[topup.MerchantID][]owedEvent{}
	for _, e := range owed {
		byMerchant[e.merchant] = append(byMerchant[e.merchant], e)
	}
	for m, events := range byMerchant {
		n, err := s.appendTo(ctx, m, batches, events)
		if err == nil && n < 0 {
			refused = true
			err = s.claimFeed(ctx, m)
		} else if err == nil {
			moved += n
			err = s.settleOwed(ctx, key, events)
		}
		if err != nil {
			return moved, refused, err
		}
	}
	return moved, refused, nil
}

// appendTo appends events to a merchant's feed and returns how many were new there; below 0 it was not ours any more.
func (s *Store) appendTo(ctx context.Context, m topup.MerchantID, batches bool, events []owedEvent) (int, error) {
	next := s.feeds.token(s.owner)
	args := []any{s.feeds.tokens[m], next, b2i(batches)}
	for _, e := range events {
		for _, entry := range e.entries {
			args = append(args, entry)
		}
	}
	delete(s.feeds.tokens, m) // until the answer says that it was taken
	res, err := s.eval(ctx, appendScript, []string{feedKey(m), feedHeadKey(m)}, args...)
	if err != nil {
		return 0, err
	}
	n, err := res.Int()
	if err == nil && n >= 0 {
		s.feeds.tokens[m] = next
	}
	return n, unavailable(err)
}

// claimFeed makes this process the one that may append to a feed.
func (s *Store) claimFeed(ctx context.Context, m topup.MerchantID) error {
	token := s.feeds.token(s.owner)
	if err := s.rdb.HSet(ctx, feedHeadKey(m), "by", token).Err(); err != nil {
		return unavailable(err)
	}
	s.feeds.tokens[m] = token
	return nil
}

// settleOwed takes events out of the sets of their shards.
func (s *Store) settleOwed(ctx context.Context, key func(shard int) string, events []owedEvent) error {
	byShard := map[int][]any{}
	for _, e := range events {
		byShard[e.shard] = append(byShard[e.shard], e.member)
	}
	pipe := s.rdb.Pipeline()
	for shard, members := range byShard {
		pipe.ZRem(ctx, key(shard), members...)
	}
	_, err := pipe.Exec(ctx)
	return unavailable(err)
}

// EventsAfter implements topup.Events.
func (s *Store) EventsAfter(ctx context.Context, m topup.MerchantID, after int64, limit int) (topup.EventPage, error) {
	last, kept, entries, err := s.readFeed(ctx, m, after, limit)
	if err != nil {
		return topup.EventPage{}, err
	}
	page := topup.EventPage{First: last - kept + 1, Last: last, Events: make([]topup.Event, len(entries))}
	next := max(after, last-kept)
	for i, entry := range entries {
		next++
		if page.Events[i], err = parseFeedEntry(entry); err != nil {
			return page, err
		}
		page.Events[i].Sequence = next
	}
	return page, nil
}

func (s *Store) readFeed(ctx context.Context, m topup.MerchantID, after int64, limit int) (last, kept int64, entries []string, err error) {
	res, err := s.eval(ctx, eventsScript, []string{feedKey(m), feedHeadKey(m)}, max(after, 0), limit)
	if err != nil {
		return 0, 0, nil, err
	}
	parts, err := res.Slice()
	if err != nil || len(parts) != 3 {
		return 0, 0, nil, unavailable(fmt.Errorf("read feed: unexpected answer: %w", err))
	}
	last, _ = parts[0].(int64)
	kept, _ = parts[1].(int64)
	rows, _ := parts[2].([]any)
	for _, r := range rows {
		text, _ := r.(string)
		entries = append(entries, text)
	}
	return last, kept, entries, nil
}

// trimChunk is how many events one step of TrimEvents looks at.
const trimChunk = 1000

// TrimEvents implements topup.Events.
func (s *Store) TrimEvents(ctx context.Context, before time.Time) error {
	merchants, err := s.merchantIDs(ctx)
	if err != nil {
		return err
	}
	for _, m := range merchants {
		for more := true; more; {
			if more, err = s.trimFeed(ctx, m, before); err != nil {
				return err
			}
		}
	}
	return nil
}

// trimFeed forgets up to trimChunk events; more means that there may be further old ones.
func (s *Store) trimFeed(ctx context.Context, m topup.MerchantID, before time.Time) (more bool, err error) {
	_, kept, entries, err := s.readFeed(ctx, m, 0, trimChunk)
	if err != nil {
		return false, err
	}
	old := 0
	for _, entry := range entries {
		e, err := parseFeedEntry(entry)
		if err != nil {
			return false, err
		}
		if !e.At.Before(before) {
			break
		}
		old++
	}
	if old == 0 {
		return false, nil
	}
	res, err := s.eval(ctx, trimScript, []string{feedKey(m), feedHeadKey(m)}, kept, old)
	if err != nil {
		return false, err
	}
	n, err := res.Int()
	return n == trimChunk, unavailable(err)
}
