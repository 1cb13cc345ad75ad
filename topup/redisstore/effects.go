package redisstore

import (
	"strconv"

	"topupq/topup"
)

// effects are what a write changes beside the record, in order, as writeScripts perform them.
type effects struct {
	keys []string
	args []any
}

func (e *effects) add(key, act string, x, y any) {
	e.keys, e.args = append(e.keys, key), append(e.args, act, x, y)
}

// zrem takes a member out of a sorted set, zadd puts it in or moves it, hincrby adds to a field of a hash.
func (e *effects) zrem(key, member string)                   { e.add(key, "ZREM", member, "") }
func (e *effects) zadd(key string, score int64, name string) { e.add(key, "ZADD", score, name) }
func (e *effects) hincrby(key, field string, by int64)       { e.add(key, "HINCRBY", field, by) }
func (e *effects) hdel(key, field string)                    { e.add(key, "HDEL", field, "") }

// event is zadd with the count of this write as its score, or with what number, right before it, has come to.
func (e *effects) event(key, name string) { e.add(key, "EVENT", name, "") }

// number counts a write of a shard whose writes are not counted one by one.
func (e *effects) number(shard int) { e.add(writesKey(shard), "NUMBER", writesCount, 1) }

// last is hincrby, and the effect after it is left out unless the field comes to nothing.
func (e *effects) last(key, field string, by int64) { e.add(key, "LAST", field, by) }

// effectsOf is everything that follows from replacing from by to; whole tells whether the write is counted as one of the
// whole store.
func (s *Store) effectsOf(shard int, whole bool, from, to *topup.Topup) effects {
	e := effects{keys: make([]string, 0, 8), args: make([]any, 0, 24)}
	id := string(to.ID)
	before, after := indexOf(from, shard), indexOf(to, shard)
	if before != "" && before != after {
		e.zrem(before, id)
	}
	if after != "" && (before != after || !from.DueAt.Equal(to.DueAt)) {
		e.zadd(after, millis(dueTime(to)), id)
	}
	s.outboxEffect(&e, shard, from, to)
	batchEffects(&e, shard, from, to)
	if sign := to.ChargeChange(from.State); sign != 0 {
		e.hincrby(creditKey(shard, to.Merchant), to.Amount.Currency, sign*to.Amount.Micros())
	}
	standEffects(&e, shard, from, to)
	if event := topupEvents(from, to); event != "" {
		if whole {
			e.number(shard)
		}
		e.event(eventsKey(shard), event)
	}
	return e
}

// outboxEffect keeps the outbox at the time of the first callback owed. A fresh callback is left to the process that
// records it for a while.
func (s *Store) outboxEffect(e *effects, shard int, from, to *topup.Topup) {
	before, after := s.outboxTime(from), s.outboxTime(to)
	switch {
	case after.Equal(before):
	case after.IsZero():
		e.zrem(outboxKey(shard), string(to.ID))
	default:
		e.zadd(outboxKey(shard), millis(after), string(to.ID))
	}
}

// batchEffects keep the counters of a move's batch. Whoever closes its last open row has the batch looked at.
func batchEffects(e *effects, shard int, from, to *topup.Topup) {
	if to.Batch == "" || from.State == to.State {
		return
	}
	key := batchCounters(shard, to.Batch)
	e.hincrby(key, strconv.Itoa(int(from.State)), -1)
	e.hincrby(key, strconv.Itoa(int(to.State)), 1)
	if delta := b2i(to.State == topup.Succeeded) - b2i(from.State == topup.Succeeded); delta != 0 {
		e.hincrby(key, "s:"+to.Amount.Currency, delta*to.Amount.Micros())
	}
	for lane, change := range hashChange(from, to) {
		if change != 0 {
			e.hincrby(key, "h"+strconv.Itoa(lane), change)
		}
	}
	if open := b2i(!to.State.Closed()) - b2i(!from.State.Closed()); open != 0 {
		e.last(key, "o", open)
		e.zadd(batchesDueKey(shard), millis(to.UpdatedAt), string(to.Batch))
	}
}

// standEffects keep the index of open top-ups: nothing on the fast way from accepted over submitting to an outcome, so
// that only what gets stuck costs anything.
func standEffects(e *effects, shard int, from, to *topup.Topup) {
	if from.State == to.State {
		return
	}
	if from.State.Stands() {
		e.zrem(standIndex(shard, from.State, from.Provider), string(to.ID))
		e.last(standSums(shard), sumField(from), -to.Amount.Micros())
		e.hdel(standSums(shard), sumField(from))
	}
	if to.State.Stands() {
		e.zadd(standIndex(shard, to.State, to.Provider), millis(to.CreatedAt), string(to.ID))
		e.hincrby(standSums(shard), sumField(to), to.Amount.Micros())
	}
}
