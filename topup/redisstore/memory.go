package redisstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

// What is remembered of a forgotten top-up is a field of a bucket, a small hash: its name is the first 13 characters of
// the ID (65 bits), its value a digest of what was asked for (4 bytes), the day of its creation (2, since memoryEpoch), and
// provider and state (1). A shard's buckets grow one by one with their entries (linear hashing), so that each holds about
// memoryBucket of them: few enough for Redis to pack them without overhead, which takes about 27 bytes an entry.
const (
	memoryTail   = 7
	memoryBucket = 40
)

// memoryEpoch is day 0.
var memoryEpoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// memoryKey is "level split count" of a shard's memory; its buckets are memoryKey:0 and so on.
func memoryKey(shard int) string { return prefix(shard) + "old" }

// rememberLua finds what is remembered. memory reads the state of a shard's memory, nil where nothing was ever
// forgotten; recall returns a zero byte and the value of an ID's entry, or nil.
const rememberLua = `
local function memory(key)
  local text = redis.call('GET', key)
  if not text then return nil end
  local level, split, count = string.match(text, '^(%d+) (%d+) (%d+)$')
  return {key = key, level = tonumber(level), split = tonumber(split), count = tonumber(count)}
end
local function hashed(id) return tonumber(string.sub(id, 4, 13), 36) end
local function bucket(m, n) return string.format('%s:%.0f', m.key, n) end
local function home(m, id)
  local h = hashed(id)
  local b = h % 2 ^ m.level
  if b < m.split then b = h % 2 ^ (m.level + 1) end
  return bucket(m, b)
end
local function recall(m, id)
  local value = redis.call('HGET', home(m, id), string.sub(id, 1, 13))
  return value and string.char(0) .. value
end
`

// recallScript tells what is remembered. KEYS: 1 memory. ARGV: 1 ID.
var recallScript = newScript(rememberLua + `
local m = memory(KEYS[1])
return m and recall(m, ARGV[1])
`)

// forgetScript removes records and remembers them, each if its state and revision are the expected ones.
//
// KEYS: 1 memory, then the records. ARGV: 1 entries of a bucket, then three per record: ID, state and revision (5
// bytes), the value of its entry. It returns how many it removed.
var forgetScript = newScript(rememberLua + `
local m = memory(KEYS[1]) or {key = KEYS[1], level = 0, split = 0, count = 0}
local function grow()
  local from, to = bucket(m, m.split), bucket(m, m.split + 2 ^ m.level)
  local all, stay, go = redis.call('HGETALL', from), {}, {}
  for i = 1, #all, 2 do
    local into = go
    if hashed(all[i]) % 2 ^ (m.level + 1) == m.split then into = stay end
    into[#into + 1], into[#into + 2] = all[i], all[i + 1]
  end
  redis.call('DEL', from)
  if #stay > 0 then redis.call('HSET', from, unpack(stay)) end
  if #go > 0 then redis.call('HSET', to, unpack(go)) end
  m.split = m.split + 1
  if m.split == 2 ^ m.level then m.level, m.split = m.level + 1, 0 end
end
local gone = 0
for i = 2, #KEYS do
  local a = 2 + (i - 2) * 3
  if redis.call('GETRANGE', KEYS[i], 1, 5) == ARGV[a + 1] then
    m.count = m.count + redis.call('HSET', home(m, ARGV[a]), string.sub(ARGV[a], 1, 13), ARGV[a + 2])
    redis.call('DEL', KEYS[i])
    gone = gone + 1
    if m.count > tonumber(ARGV[1]) * (2 ^ m.level + m.split) then grow() end
  end
end
if gone > 0 then redis.call('SET', KEYS[1], string.format('%.0f %.0f %.0f', m.level, m.split, m.count)) end
return gone
`)

// memoryOf is the last part of a top-up's entry.
func memoryOf(t *topup.Topup) []byte {
	b := binary.BigEndian.AppendUint32(nil, t.ContentDigest())
	day := t.CreatedAt.UTC().Sub(memoryEpoch) / (24 * time.Hour)
	b = binary.BigEndian.AppendUint16(b, uint16(max(min(day, 1<<16-1), 0)))
	return append(b, byte(providerNumber(t.Provider)<<4)|byte(t.State))
}

// unpackMemory makes of what create or recall found what is left of the top-up that asked has the ID and reference of;
// false for a record, which never begins with a zero byte.
func unpackMemory(asked *topup.Topup, text string) (*topup.Topup, bool) {
	if len(text) != 1+memoryTail || text[0] != 0 {
		return nil, false
	}
	b := []byte(text[1:])
	p, err := providerName(uint64(b[6] >> 4))
	if err != nil {
		return nil, false
	}
	day := memoryEpoch.Add(time.Duration(binary.BigEndian.Uint16(b[4:])) * 24 * time.Hour)
	return &topup.Topup{
		ID: asked.ID, Merchant: asked.Merchant, Reference: asked.Reference, Provider: p, State: topup.State(b[6] & 15),
		CreatedAt: day, UpdatedAt: day, ClosedAt: day,
		Archived: &topup.Archived{Day: day, Content: binary.BigEndian.Uint32(b)},
	}, true
}

// Remembered implements topup.Days.
func (s *Store) Remembered(ctx context.Context, id topup.ID) (*topup.Topup, error) {
	if !id.Valid() {
		return nil, topup.ErrNotFound
	}
	res, err := s.eval(ctx, recallScript, []string{memoryKey(shardOf(string(id)))}, string(id))
	if err != nil {
		return nil, err
	}
	text, err := res.Text()
	if err != nil {
		return nil, notFound(err)
	}
	left, ok := unpackMemory(&topup.Topup{ID: id}, text)
	if !ok {
		return nil, fmt.Errorf("%w: memory of %s", errCorrupt, id)
	}
	return left, nil
}

// forgetRows bounds one forget script.
const forgetRows = 32

// Forget implements topup.Days. What is not closed, or is still to be asked about or told of, stays.
func (s *Store) Forget(ctx context.Context, ts []*topup.Topup) (int, error) {
	byShard := map[int][]*topup.Topup{}
	batches := map[topup.BatchID]bool{}
	for _, t := range ts {
		if !t.Finished() {
			continue
		}
		shard := shardOf(string(t.ID))
		byShard[shard] = append(byShard[shard], t)
		if t.Batch != "" {
			batches[t.Batch] = true
		}
	}
	if err := s.noteOldBatches(ctx, batches); err != nil {
		return 0, err
	}
	gone := 0
	for shard, rows := range byShard {
		for part := range slices.Chunk(rows, forgetRows) {
			keys, args := []string{memoryKey(shard)}, []any{memoryBucket}
			for _, t := range part {
				guard := binary.BigEndian.AppendUint32([]byte{byte(t.State)}, t.Rev)
				keys = append(keys, recordKey(t.ID))
				args = append(args, string(t.ID), guard, memoryOf(t))
			}
			res, err := s.eval(ctx, forgetScript, keys, args...)
			if err != nil {
				return gone, err
			}
			n, err := res.Int()
			if err != nil {
				return gone, unavailable(err)
			}
			gone += n
		}
	}
	return gone, nil
}

// existRows bounds the commands of one pipeline.
const existRows = 256

// exist tells which of the IDs have a record.
func (s *Store) exist(ctx context.Context, ids []topup.ID) ([]bool, error) {
	out := make([]bool, len(ids))
	for start := 0; start < len(ids); start += existRows {
		part := ids[start:min(start+existRows, len(ids))]
		pipe := s.rdb.Pipeline()
		cmds := make([]*redis.IntCmd, len(part))
		for i, id := range part {
			cmds[i] = pipe.Exists(ctx, recordKey(id))
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return nil, unavailable(err)
		}
		for i, c := range cmds {
			out[start+i] = c.Val() > 0
		}
	}
	return out, nil
}
