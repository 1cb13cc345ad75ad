package redisstore

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"topupq/topup"
)

// eventCodes are the types of events as feeds keep them: one letter each. Stored data depends on them. A type without one
// is kept as a colon and its name.
var eventCodes = map[topup.EventType]string{
	topup.EventSucceeded: "s", topup.EventFailed: "f", topup.EventUnresolved: "u", topup.EventReversed: "r",
	topup.EventCorrected: "c", topup.EventBatchCompleted: "b",
}

// feedEntry is one event as a feed keeps it: "ID VERSION+CODE TIME", the time in milliseconds to the base of 36.
func feedEntry(id string, c *topup.Callback, at time.Time) string {
	code, ok := eventCodes[c.Type]
	if !ok {
		code = ":" + string(c.Type)
	}
	return id + " " + strconv.Itoa(c.Version) + code + " " + strconv.FormatInt(millis(at), 36)
}

// parseFeedEntry is the inverse of feedEntry.
func parseFeedEntry(entry string) (topup.Event, error) {
	parts := strings.Split(entry, " ")
	if len(parts) != 3 || len(parts[1]) < 2 {
		return topup.Event{}, fmt.Errorf("%w: event of a feed", errCorrupt)
	}
	digits := strings.TrimRightFunc(parts[1], func(r rune) bool { return r < '0' || r > '9' })
	version, err := strconv.Atoi(digits)
	ms, timeErr := strconv.ParseInt(parts[2], 36, 64)
	e := topup.Event{Subject: parts[0], Version: version, Type: eventType(parts[1][len(digits):]), At: time.UnixMilli(ms).UTC()}
	if err != nil || timeErr != nil || e.Type == "" {
		return e, fmt.Errorf("%w: event of a feed", errCorrupt)
	}
	return e, nil
}

// eventType is the type of a code, "" for none.
func eventType(code string) topup.EventType {
	if name, whole := strings.CutPrefix(code, ":"); whole {
		return topup.EventType(name)
	}
	for typ, c := range eventCodes {
		if c == code {
			return typ
		}
	}
	return ""
}

// topupEvents is what a write owes to the merchant's feed, "" for nothing: the merchant, and one entry for each version
// that is to be told and was not before.
func topupEvents(from, to *topup.Topup) string {
	var b strings.Builder
	for i := range to.Callbacks {
		c := &to.Callbacks[i]
		if from.CallbackFor(c.Version) != nil {
			continue
		}
		at := to.UpdatedAt
		if c.Version > 0 && c.Version <= len(to.History) {
			at = to.History[c.Version-1].At
		}
		b.WriteString("\n" + feedEntry(string(to.ID), c, at))
	}
	if b.Len() == 0 {
		return ""
	}
	return string(to.Merchant) + b.String()
}

// batchEvent is likewise what a write of a batch owes: a version of its callback that was not there before.
func batchEvent(from, to *topup.Batch) string {
	if to.Callback == nil || (from != nil && from.Callback != nil && from.Callback.Version == to.Callback.Version) {
		return ""
	}
	return string(to.Merchant) + "\n" + feedEntry(string(to.ID), to.Callback, to.Callback.NextAt)
}

// hashChange is how a write changes its batch's row hash: the change of each lane and of the number of rows, "" for none.
func hashChange(from, to *topup.Topup) []int64 {
	if to.Batch == "" || from.State == to.State || (!from.State.Closed() && !to.State.Closed()) {
		return nil
	}
	var before, after topup.RowHash
	if from.State.Closed() {
		before = topup.HashRow(from.Reference, from.State)
	}
	if to.State.Closed() {
		after = topup.HashRow(to.Reference, to.State)
	}
	changes := make([]int64, 0, len(after.Lanes)+1)
	for i := range after.Lanes {
		changes = append(changes, int64(after.Lanes[i])-int64(before.Lanes[i]))
	}
	return append(changes, after.Rows-before.Rows)
}

// addLane adds one field of a shard's counters to the hash, false where the field is none of it.
func addLane(h *topup.RowHash, field string, n int64) bool {
	lane, ok := strings.CutPrefix(field, "h")
	i, err := strconv.Atoi(lane)
	switch {
	case !ok || err != nil || i < 0 || i > len(h.Lanes):
		return false
	case i == len(h.Lanes):
		h.Rows += n
	default:
		h.Lanes[i] += uint32(n) // modulo 2^32 is meant
	}
	return true
}

// owedEvent is one member of a set of owed events, split.
type owedEvent struct {
	shard    int
	member   string
	merchant topup.MerchantID
	entries  []string
}

func parseOwed(shard int, member string) owedEvent {
	parts := strings.Split(member, "\n")
	return owedEvent{shard: shard, member: member, merchant: topup.MerchantID(parts[0]), entries: slices.Clip(parts[1:])}
}
