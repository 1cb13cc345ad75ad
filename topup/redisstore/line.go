package redisstore

import (
	"context"
	"time"

	"topupq/topup"
)

// The line: what waits to be sent without having been put off stands in its send index with a negative score, which is a
// place in a line that is fair to all merchants. Every merchant and priority is a flow; a newcomer's place is one turn
// behind the later of its flow's last place and of the place that is served now. So a flow that has a million waiting
// moves on with one turn at a time, and another one's first top-up is the next to be served. Positive scores stay what
// they are: times in milliseconds.

// lineLua has the function place, which gives the next place of a flow in an index.
const lineLua = `
local lineBase = -4503599627370496
local function place(index, flow, turn)
  local line = index .. ':line'
  local f = redis.call('HMGET', line, 'now', flow)
  local at = math.max(tonumber(f[1] or '0'), tonumber(f[2] or '0')) + tonumber(turn)
  redis.call('HSET', line, flow, string.format('%.0f', at))
  redis.call('PEXPIRE', line, 604800000)
  return string.format('%.0f', lineBase + at)
end
`

// flowOf names t's flow.
func flowOf(m topup.MerchantID, p topup.Priority) string { return string(m) + ":" + p.String() }

// dueSendsScript is dueScript for what waits to be sent: those whose time has come, and those who stand in line. Where
// there are more than wanted of both, each has half of the answer. An entry whose record is not accepted any more is
// dropped: an older version of the program does not know of the line.
//
// KEYS: 1 index. ARGV: 1 now, 2 limit, 3 again, 4 prefix of the record keys, 5 state accepted.
var dueSendsScript = newScript(lineLua + showLua + `
local limit = tonumber(ARGV[2])
local timed = redis.call('ZRANGEBYSCORE', KEYS[1], 0, ARGV[1], 'LIMIT', 0, limit)
local lined = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(0', 'LIMIT', 0, limit)
local fromTimed = math.min(#timed, math.max(math.ceil(limit / 2), limit - #lined))
local fromLined = math.min(#lined, limit - fromTimed)
if fromLined > 0 then
  local at = tonumber(redis.call('ZSCORE', KEYS[1], lined[fromLined])) - lineBase
  redis.call('HSET', KEYS[1] .. ':line', 'now', string.format('%.0f', at))
end
local ids = {}
for i = 1, fromTimed do ids[i] = timed[i] end
for i = 1, fromLined do ids[fromTimed + i] = lined[i] end
return show(ids, tonumber(ARGV[5]))
`)

// DueSends implements topup.Ledger.
func (s *Store) DueSends(ctx context.Context, p topup.ProviderName, now, again time.Time, limit int) ([]topup.Due, error) {
	index := func(shard int) string { return sendIndex(shard, p) }
	return s.due(ctx, dueSendsScript, index, now, again, limit, int(topup.Accepted))
}
