package redisstore

import (
	"fmt"
	"hash/fnv"
	"time"

	"topupq/topup"
)

// shards is the number of hash tags that top-ups are spread over. Stored data depends on it: never change.
const shards = 16

// shardTags are the hash tags. Their slots lie in the middle of sixteen equal parts of a cluster's 16,384, so that any
// number of primaries up to sixteen gets about equal shares of the top-ups.
var shardTags = [shards]string{
	"18", "5x", "dj", "3r", "d2", "pv", "uh", "iy", "ly", "h9", "uv", "q6", "9s", "5f", "dt", "ha",
}

// base32Index is the position of a character of an ID in the alphabet a-z2-7.
func base32Index(c byte) int {
	if c >= 'a' {
		return int(c - 'a')
	}
	return int(c-'2') + 26
}

// shardOf tells the shard of a top-up or batch from the last character of its ID.
func shardOf(id string) int {
	if id == "" {
		return 0
	}
	return base32Index(id[len(id)-1]) >> 1 & (shards - 1)
}

func prefix(shard int) string { return "tq{" + shardTags[shard] + "}" }

func recordKey(id topup.ID) string { return prefix(shardOf(string(id))) + "t:" + string(id) }

// sendIndex and checkIndex are sorted sets of IDs by the time they are due, in milliseconds.
func sendIndex(shard int, p topup.ProviderName) string  { return prefix(shard) + "ready:" + string(p) }
func checkIndex(shard int, p topup.ProviderName) string { return prefix(shard) + "due:" + string(p) }
func outboxKey(shard int) string                        { return prefix(shard) + "outbox" }
func batchesDueKey(shard int) string                    { return prefix(shard) + "batches" }

// eventsKey is a sorted set of a shard's events that no feed has yet, by the number of the write that made them;
// batchEventsKey the same for batches, by their revision.
func eventsKey(shard int) string      { return prefix(shard) + "events" }
func batchEventsKey(shard int) string { return prefix(shard) + "batchevents" }

// feedKey is the list of a merchant's events in order, feedHeadKey a hash with what belongs to it. They share a slot.
func feedKey(m topup.MerchantID) string     { return "tq{feed:" + string(m) + "}log" }
func feedHeadKey(m topup.MerchantID) string { return "tq{feed:" + string(m) + "}head" }

func batchKey(id topup.BatchID) string { return prefix(shardOf(string(id))) + "b:" + string(id) }

// batchCounters is a hash of one shard's share of a batch: states, open rows, sums.
func batchCounters(shard int, id topup.BatchID) string { return prefix(shard) + "bc:" + string(id) }

// batchList and dayList are lists of IDs in order of arrival, numberList a bucket of numbers of a month.
func batchList(shard int, id topup.BatchID) string { return prefix(shard) + "bl:" + string(id) }

func dayList(shard int, m topup.MerchantID, day time.Time) string {
	return prefix(shard) + "m:" + string(m) + ":" + day.UTC().Format("20060102")
}

// numberBuckets is the number of lists that a shard's top-ups of a month are spread over; numberTag the characters
// that an entry has after its ID, so that few of a bucket's records have to be read to find those of one number.
const (
	numberBuckets = 1024
	numberTag     = 3
)

// numberList is the list that holds a number's top-ups of a month, and the tag of its entries.
func numberList(shard int, number topup.MSISDN, month time.Time) (key, tag string) {
	h := fnv.New64a()
	h.Write([]byte(number.E164()))
	sum := h.Sum64()
	key = numberBucket(shard, month, sum%numberBuckets)
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	sum /= numberBuckets
	return key, string([]byte{alphabet[sum&31], alphabet[sum>>5&31], alphabet[sum>>10&31]})
}

// numberBucket is one of the lists of a month.
func numberBucket(shard int, month time.Time, bucket uint64) string {
	return fmt.Sprintf("%sn:%s:%03x", prefix(shard), month.UTC().Format("200601"), bucket)
}

// numberEntry is where a top-up is listed under its number, and as what.
func numberEntry(shard int, t *topup.Topup) (key, entry string) {
	key, tag := numberList(shard, t.Recipient, t.CreatedAt)
	return key, string(t.ID) + tag
}

// Keys of what is small: merchants, under one tag so that one script writes a merchant and its key index.
const (
	merchantsKey   = "tq{m}merchants"
	merchantPrefix = "tq{m}merchant:"
	apiKeyPrefix   = "tq{m}key:"
)

func lookupKey(id string) string                    { return "tq:lookup:" + id }
func pauseKey(p topup.ProviderName) string          { return "tq:pause:" + string(p) }
func rateKey(p topup.ProviderName) string           { return "tq:rate:" + string(p) }
func laneKey(p topup.ProviderName, n string) string { return "tq:lane:" + string(p) + ":" + n }
func budgetKey(p topup.ProviderName, day string) string {
	return "tq:calls:" + string(p) + ":" + day
}
func callbackLeaseKey(id string) string { return "tq:cblease:" + id }

// whole stands in a shard's place for all of the store: on a single server all writes are counted in one place.
const whole = shards

// shardMemory and wholeMemory are how many writes a counter remembers.
const (
	shardMemory = 1000
	wholeMemory = shards * shardMemory
)

// writesKey is a hash with the count of a shard's writes, or of those of the whole store, and the nonces of the latest, each
// under its count modulo how many it remembers, so that a store that went back in time is noticed. What is written where
// the whole store is counted counts in its shard only if it makes an event.
func writesKey(counter int) string {
	if counter == whole {
		return "tq{" + shardTags[0] + "}allwrites"
	}
	return prefix(counter) + "writes"
}

// writesCount is the field of the count.
const writesCount = "n"

const recoveredKey = "tq:recovered"

const leaderKey = "tq:leader"
