package redisstore

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"topupq/topup"
)

// released remembers the batches that were found released, so that not every row asks. A hold that begins afterwards
// is a pause as well, and that is looked for at every send.
type released struct {
	mu  sync.Mutex
	ids map[topup.BatchID]bool
}

// releasedMost bounds what is remembered.
const releasedMost = 10_000

func (r *released) known(id topup.BatchID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ids[id]
}

func (r *released) note(id topup.BatchID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids == nil || len(r.ids) >= releasedMost {
		r.ids = map[topup.BatchID]bool{}
	}
	r.ids[id] = true
}

// BatchReleased implements topup.Batches.
func (s *Store) BatchReleased(ctx context.Context, id topup.BatchID) (bool, error) {
	if s.released.known(id) {
		return true, nil
	}
	value, err := s.rdb.HGet(ctx, batchKey(id), "v").Result()
	if missing(err) {
		return false, nil
	}
	if err != nil {
		return false, unavailable(err)
	}
	var r batchRecord
	if err := json.Unmarshal([]byte(value), &r); err != nil {
		return false, fmt.Errorf("%w: batch %s", errCorrupt, id)
	}
	if r.ReleasedAt.IsZero() || r.Hold != nil {
		return false, nil
	}
	s.released.note(id)
	return true, nil
}

// wakeChunk is how many rows one script wakes.
const wakeChunk = 200

// wakeScript puts rows into the line that wait in one of the send indexes for a later time.
//
// KEYS: send indexes. ARGV: 1 now, 2 flow, 3 turn, then IDs.
var wakeScript = newScript(lineLua + `
local now, woken = tonumber(ARGV[1]), 0
for i = 4, #ARGV do
  for _, index in ipairs(KEYS) do
    local at = redis.call('ZSCORE', index, ARGV[i])
    if at and tonumber(at) > now then
      redis.call('ZADD', index, place(index, ARGV[2], ARGV[3]), ARGV[i])
      woken = woken + 1
    end
  end
end
return woken
`)

// wakeAt is when the rows of a batch are woken whose hold has ended: once all workers know that its pause has, since
// until then they put off what they are rung for. A batch that waited for its control totals was never paused.
func wakeAt(was *topup.BatchHold, released time.Time) time.Time {
	if was.Reason == topup.CodeControlTotals {
		return released
	}
	return released.Add(2 * pausesAge)
}

// dropScript takes a field of a hash away while it has a value. KEYS: 1 hash. ARGV: 1 field, 2 value.
var dropScript = newScript(`
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])
`)

// endHold ends the pause of a batch that was released, in case that whoever released it died before. One that began
// afterwards stays.
func (s *Store) endHold(ctx context.Context, b *topup.Batch) error {
	if b.Hold != nil || b.ReleasedAt.IsZero() {
		return nil
	}
	scope := topup.PauseScope{Kind: topup.PauseByHold, Name: string(b.ID)}
	value, err := s.rdb.HGet(ctx, scopedPausesKey, scope.String()).Result()
	if missing(err) {
		return nil
	}
	if err != nil {
		return unavailable(err)
	}
	var p topup.Pause
	if err := json.Unmarshal([]byte(value), &p); err != nil {
		return fmt.Errorf("%w: pause of %s", errCorrupt, scope)
	}
	if p.Since.After(b.ReleasedAt) {
		return nil
	}
	_, err = s.eval(ctx, dropScript, []string{scopedPausesKey}, scope.String(), value)
	return err
}

// WakeBatch implements topup.Batches.
func (s *Store) WakeBatch(ctx context.Context, id topup.BatchID, now time.Time) error {
	b, err := s.GetBatch(ctx, id)
	if err != nil {
		return err
	}
	if err := s.endHold(ctx, b); err != nil {
		return err
	}
	flow, turn := flowOf(b.Merchant, topup.PriorityBulk), topup.PriorityBulk.Turn()
	for start := int64(0); ; start += wakeChunk {
		more := false
		for shard := range shards {
			ids, err := s.rdb.LRange(ctx, batchList(shard, id), start, start+wakeChunk-1).Result()
			if err != nil {
				return unavailable(err)
			}
			if len(ids) == 0 {
				continue
			}
			more = true
			args := []any{millis(now), flow, turn}
			for _, name := range ids {
				args = append(args, name)
			}
			if _, err := s.eval(ctx, wakeScript, sendIndexes(shard), args...); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}

// sendIndexes are a shard's indexes of what waits to be sent, of all providers.
func sendIndexes(shard int) []string {
	keys := make([]string, len(topup.Providers))
	for i, p := range topup.Providers {
		keys[i] = sendIndex(shard, p)
	}
	return keys
}
