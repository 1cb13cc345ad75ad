package redisstore

import "strconv"

// createScript records new top-ups of one shard, merchant, batch and day.
//
// KEYS: 1 day list, 2 batch list, 3 batch counters, 4 memory of forgotten ones, 5 used credit, 6 use of the day, then
// three per row: record, send index, number list.
// ARGV: 1 rows, 2 "1" when there is a batch, 3 time to live of the use of the day, then seven per row: ID, value, due time or turn in the line,
// currency, micros, entry of the number list, flow in the line or "".
// Per row it returns 1 for written, or the value that is there, or what is remembered of a forgotten one.
var createScript = newScript(rememberLua + lineLua + `
local old = memory(KEYS[4])
local out, ids, sums, open = {}, {}, {}, 0
for i = 1, tonumber(ARGV[1]) do
  local k, a = 6 + (i - 1) * 3, 3 + (i - 1) * 7
  local there = redis.call('GET', KEYS[k + 1])
  if old and not there then there = recall(old, ARGV[a + 1]) end
  if there then
    out[i] = there
  else
    redis.call('SET', KEYS[k + 1], ARGV[a + 2])
    local score = ARGV[a + 3]
    if ARGV[a + 7] ~= '' then score = place(KEYS[k + 2], ARGV[a + 7], score) end
    redis.call('ZADD', KEYS[k + 2], score, ARGV[a + 1])
    redis.call('RPUSH', KEYS[k + 3], ARGV[a + 6])
    ids[#ids + 1] = ARGV[a + 1]
    open = open + 1
    sums[ARGV[a + 4]] = (sums[ARGV[a + 4]] or 0) + tonumber(ARGV[a + 5])
    out[i] = 1
  end
end
if open > 0 then
  redis.call('RPUSH', KEYS[1], unpack(ids))
  redis.call('HINCRBY', KEYS[6], 'n', open)
  for c, n in pairs(sums) do
    local micros = string.format('%.0f', n)
    redis.call('HINCRBY', KEYS[5], c, micros)
    redis.call('HINCRBY', KEYS[6], c, micros)
  end
  redis.call('PEXPIRE', KEYS[6], ARGV[3])
  if ARGV[2] == '1' then
    redis.call('RPUSH', KEYS[2], unpack(ids))
    redis.call('HINCRBY', KEYS[3], 'o', open)
    redis.call('HINCRBY', KEYS[3], '1', open)
    for c, n in pairs(sums) do redis.call('HINCRBY', KEYS[3], 'q:' .. c, string.format('%.0f', n)) end
  end
end
return out
`)

// writeScripts are the compare-and-set of top-ups with everything that follows from it, for the writes of one shard and of
// the whole store. They differ in how many writes the counter remembers. Each top-up is a part of its own: one that meets
// an effect's key of a wrong type, or a counter that cannot be counted, leaves the others alone. What Redis refuses to all
// of them, such as a write to a replica or without memory, it refuses before anything is written, and the call ends, so that
// the client sees it. Records are read and written together, and so is what the counter of writes knows: each command
// costs its own way through Lua and its own entry in Redis' file.
//
// ARGV: 1 number of parts. KEYS of a part: record, counter of writes, the same for all parts, then one for each effect.
// ARGV of a part: state and revision expected (5 bytes), value (which holds the number of this write in its bytes 9 to 16),
// the last write that the caller knows as count and number, the count that the counter has come to at least, number of
// effects, then three for each effect: what to do, and with what.
//
// Per part it answers with the count of this write, 0 for changed by somebody else, -1 when the write that the caller
// knows is not there: then the store has gone back in time and nothing is written, -2 when this very write was made before,
// or the part's error.
var writeScripts = map[bool]script{false: newWriteScript(shardMemory), true: newWriteScript(wholeMemory)}

func newWriteScript(memory int) script {
	return newScript("local memory = " + strconv.Itoa(memory) + writeLua)
}

const writeLua = `
local function failed(r) return type(r) == 'table' and r.err end
local function slot(count) return string.format('%d', count % memory) end
local parts, counter = tonumber(ARGV[1]), KEYS[2]
local names, first, arg, ask = {}, {}, {}, {'n'}
local k, a = 1, 2
for i = 1, parts do
  names[i], first[i], arg[i], ask[i + 1] = KEYS[k], k, a, slot(tonumber(ARGV[a + 2]))
  local effects = tonumber(ARGV[a + 5])
  k, a = k + 2 + effects, a + 6 + 3 * effects
end
local known = redis.pcall('HMGET', counter, unpack(ask))
if failed(known) then return known end
local before = tonumber(known[1] or '0')
if not before then return {err = 'ERR the count of writes is no number'} end
local records = redis.pcall('MGET', unpack(names))
if failed(records) then return records end

local count, out, now, set, add, texts = before, {}, {}, {}, {}, {}
for i = 1, parts do
  local a, name = arg[i], names[i]
  local value, last, by = ARGV[a + 1], tonumber(ARGV[a + 2]), ARGV[a + 3]
  local h, number = now[name] or records[i] or '', string.sub(value, 9, 16)
  if before < tonumber(ARGV[a + 4]) or (by ~= '' and before - last < memory and known[i + 1] ~= by) then out[i] = -1
  elseif string.sub(h, 9, 16) == number then out[i] = -2
  elseif string.sub(h, 2, 6) ~= ARGV[a] then out[i] = 0
  else
    count = count + 1
    out[i], texts[i], now[name] = count, string.format('%d', count), value
    set[#set + 1], set[#set + 2] = name, value
    add[#add + 1], add[#add + 2] = slot(count), number
  end
end
if #set == 0 then return out end
local written = redis.pcall('MSET', unpack(set))
if failed(written) then return written end
redis.call('HSET', counter, 'n', string.format('%d', count), unpack(add))

local function follow(k, a, text)
  local leave, r = false
  for i = 1, tonumber(ARGV[a + 5]) do
    local b, key = a + 3 + 3 * i, KEYS[k + 1 + i]
    local act, x, y = ARGV[b], ARGV[b + 1], ARGV[b + 2]
    if leave then leave = false
    elseif act == 'ZREM' or act == 'HDEL' then r = redis.pcall(act, key, x)
    elseif act == 'EVENT' then r = redis.pcall('ZADD', key, text, x)
    elseif act == 'NUMBER' then
      r = redis.pcall('HINCRBY', key, x, y)
      text = type(r) == 'number' and string.format('%d', r)
    elseif act == 'LAST' then
      r = redis.pcall('HINCRBY', key, x, y)
      leave = r ~= 0
    else r = redis.pcall(act, key, x, y) end
    if failed(r) then return {err = r.err} end
  end
end
for i = 1, parts do
  if texts[i] then out[i] = follow(first[i], arg[i], texts[i]) or out[i] end
end
return out
`

// Answers of writeScripts that are no count.
const (
	writeConflict = 0
	writeWentBack = -1
)

// dueScript takes what is due from an index of top-ups and puts it off, so that it is shown again then.
//
// KEYS: 1 index. ARGV: 1 now, 2 limit, 3 again, 4 prefix of the record keys. It returns ID and head in turn. An
// entry without a record is dropped.
var dueScript = newScript(showLua + `
return show(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2]))
`)

// showLua has the function show: of the records of these IDs it puts off those that are there, in the given state
// where there is one, and drops the others from the index. It returns ID and head of the first in turn.
const showLua = `
local function show(ids, state)
  if #ids == 0 then return {} end
  local names, out, later, gone = {}, {}, {}, {}
  for i, id in ipairs(ids) do names[i] = ARGV[4] .. id end
  for i, record in ipairs(redis.call('MGET', unpack(names))) do
    local id = ids[i]
    if not record or (state and string.byte(record, 2) ~= state) then
      gone[#gone + 1] = id
    else
      later[#later + 1], later[#later + 2] = ARGV[3], id
      out[#out + 1], out[#out + 2] = id, string.sub(record, 1, 16)
    end
  end
  if #gone > 0 then redis.call('ZREM', KEYS[1], unpack(gone)) end
  if #later > 0 then redis.call('ZADD', KEYS[1], unpack(later)) end
  return out
end
`

// dueNamesScript is dueScript for an index of names without heads: owed callbacks, batches.
var dueNamesScript = newScript(`
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do redis.call('ZADD', KEYS[1], ARGV[3], id) end
return ids
`)

// batchScript is the compare-and-set of a batch record.
//
// KEYS: 1 batch, 2 outbox, 3 batches due, 4 events of batches for the feeds. ARGV: 1 revision expected ("" for a new one),
// 2 value, 3 ID, 4 outbox time, "-" or "", 5 when to look whether it has closed or was left, or "" for no change, 6 event
// for the feed or "".
var batchScript = newScript(`
local rev = redis.call('HGET', KEYS[1], 'rev') or ''
if rev ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'rev', (tonumber(rev) or 0) + 1, 'v', ARGV[2])
if ARGV[4] == '-' then redis.call('ZREM', KEYS[2], ARGV[3])
elseif ARGV[4] ~= '' then redis.call('ZADD', KEYS[2], ARGV[4], ARGV[3]) end
if ARGV[5] ~= '' then redis.call('ZADD', KEYS[3], ARGV[5], ARGV[3]) end
if ARGV[6] ~= '' then redis.call('ZADD', KEYS[4], (tonumber(rev) or 0) + 1, ARGV[6]) end
return 1
`)

// merchantScript writes a merchant when its revision is the expected one, and its keys' index with it.
//
// KEYS: 1 merchant, 2 set of merchants. ARGV: 1 revision expected, 2 value, 3 ID, 4 prefix of key entries, 5
// number of hashes that go, then these, then the hashes that stay or come.
var merchantScript = newScript(`
local rev = redis.call('HGET', KEYS[1], 'rev') or '0'
if rev ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'rev', tonumber(rev) + 1, 'v', ARGV[2])
redis.call('SADD', KEYS[2], ARGV[3])
local gone = tonumber(ARGV[5])
for i = 6, #ARGV do
  if i < 6 + gone then redis.call('DEL', ARGV[4] .. ARGV[i])
  else redis.call('SET', ARGV[4] .. ARGV[i], ARGV[3]) end
end
return 1
`)

// laneScript gives the top-ups of one number their turns, a spacing apart and in order of asking.
//
// KEYS: 1 lane. ARGV: 1 ID, 2 now, 3 spacing, both in milliseconds. It returns 0 when it is the ID's turn, else
// the time of its turn.
var laneScript = newScript(`
local now, spacing = tonumber(ARGV[2]), tonumber(ARGV[3])
local f = redis.call('HMGET', KEYS[1], 'by', 'sent', 'last', ARGV[1])
local by, sent, last, slot = f[1], tonumber(f[2] or '-1'), tonumber(f[3] or '-1'), tonumber(f[4] or '-1')
if by == ARGV[1] then
  redis.call('HSET', KEYS[1], 'sent', now)
  redis.call('PEXPIRE', KEYS[1], 3 * spacing)
  return 0
end
if slot < 0 then
  slot = now
  if last >= 0 then slot = math.max(now, last + spacing) end
  redis.call('HSET', KEYS[1], ARGV[1], slot, 'last', slot)
end
local free = slot
if sent >= 0 then free = math.max(slot, sent + spacing) end
redis.call('PEXPIRE', KEYS[1], math.max(free - now, 0) + 2 * spacing)
if free > now then return free end
redis.call('HSET', KEYS[1], 'by', ARGV[1], 'sent', now)
redis.call('HDEL', KEYS[1], ARGV[1])
return 0
`)

// leadScript takes or renews a lease. KEYS: 1 lease. ARGV: 1 holder, 2 time to live in milliseconds.
var leadScript = newScript(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`)

// releaseScript ends a lease of the holder. KEYS: 1 lease. ARGV: 1 holder.
var releaseScript = newScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`)
