package topup

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// EventType names what a callback tells, as in its body's "type".
type EventType string

// The event types.
const (
	EventSucceeded      EventType = "topup.succeeded"
	EventFailed         EventType = "topup.failed"
	EventUnresolved     EventType = "topup.unresolved"
	EventReversed       EventType = "topup.reversed"
	EventCorrected      EventType = "topup.corrected"
	EventBatchCompleted EventType = "batch.completed"
	// EventBatchPaused tells that rows of a batch wait because too many of their operator failed.
	EventBatchPaused EventType = "batch.paused"
	EventTest        EventType = "webhook.test"
)

// EventTypes lists what a merchant may subscribe to.
var EventTypes = []EventType{EventSucceeded, EventFailed, EventUnresolved, EventReversed, EventCorrected, EventBatchCompleted, EventBatchPaused}

// CallbackState is where one callback stands. The numbers are stored: never renumber.
type CallbackState uint8

// The callback states.
const (
	// CallbackWaiting is to be sent at NextAt.
	CallbackWaiting CallbackState = iota + 1
	// CallbackDelivered was answered with 2xx.
	CallbackDelivered
	// CallbackFailed has used up its attempts; it is kept and can be redelivered.
	CallbackFailed
	// CallbackParked waits for an endpoint: none is set, or it is switched off.
	CallbackParked
	// CallbackSkipped is not wanted by the merchant: not among its events, not in its format, or replaced by a
	// later version before the time it asked for.
	CallbackSkipped
)

var callbackStateNames = [...]string{"", "waiting", "delivered", "failed", "parked", "skipped"}

// String is the state's public name.
func (s CallbackState) String() string {
	if int(s) < len(callbackStateNames) {
		return callbackStateNames[s]
	}
	return "callback_state(" + strconv.Itoa(int(s)) + ")"
}

// Callback is one event owed to the merchant, for one version of the record.
type Callback struct {
	Version  int
	Type     EventType
	State    CallbackState
	NextAt   time.Time
	Attempts []CallbackAttempt
	// Tries counts the attempts of the present schedule: a redelivery starts it anew, Attempts keeps growing.
	Tries int
}

// CallbackAttempt is one delivery attempt. Status is 0 where no answer came; Excerpt is at most 200 bytes of the
// answer or our word for what went wrong, kept for failures only.
type CallbackAttempt struct {
	At      time.Time
	Status  int
	Latency time.Duration
	Excerpt string
}

// maxAttemptsKept bounds the attempts kept per callback; the oldest go first.
const maxAttemptsKept = 20

// CallbackID is the webhook-id of a version: the same on every attempt and redelivery.
func CallbackID(id string, version int) string { return fmt.Sprintf("msg_%s_%d", id, version) }

// ParseCallbackID splits a webhook-id into the top-up's or batch's ID and the version.
func ParseCallbackID(s string) (id string, version int, ok bool) {
	rest, found := strings.CutPrefix(s, "msg_")
	id, v, cut := strings.Cut(rest, "_")
	version, err := strconv.Atoi(v)
	return id, version, found && cut && err == nil && version > 0
}

// addEvent owes the merchant an event for the move just made.
func (t *Topup) addEvent(now time.Time) {
	last := t.History[len(t.History)-1]
	typ := EventUnresolved
	switch {
	case last.To == Succeeded && last.From == Failed:
		typ = EventCorrected
	case last.To == Succeeded:
		typ = EventSucceeded
	case last.To == Failed:
		typ = EventFailed
	case last.To == Reversed:
		typ = EventReversed
	}
	t.Callbacks = append(t.Callbacks, Callback{Version: t.Version(), Type: typ, State: CallbackWaiting, NextAt: now})
}

// NextCallback returns the first callback that is still to be sent, in version order, or nil. Later ones wait
// for it, so that version n never follows n+1.
func (t *Topup) NextCallback() *Callback {
	for i := range t.Callbacks {
		if t.Callbacks[i].State == CallbackWaiting {
			return &t.Callbacks[i]
		}
	}
	return nil
}

// CallbackFor returns the callback of a version, or nil.
func (t *Topup) CallbackFor(version int) *Callback {
	for i := range t.Callbacks {
		if t.Callbacks[i].Version == version {
			return &t.Callbacks[i]
		}
	}
	return nil
}

// Delivered records an attempt that the endpoint accepted.
func (c *Callback) Delivered(a CallbackAttempt) {
	c.keep(a)
	c.State, c.NextAt = CallbackDelivered, time.Time{}
}

// Attempted records a failed attempt and plans the next: after schedule[tries-1], or retryAfter where that is
// longer; past the end of the schedule the callback is failed. An attempt that is recorded already counts once.
func (c *Callback) Attempted(a CallbackAttempt, schedule []time.Duration, retryAfter time.Duration) {
	if n := len(c.Attempts); n > 0 && c.Attempts[n-1].At.Equal(a.At) {
		return
	}
	c.keep(a)
	c.Tries++
	if c.Tries > len(schedule) {
		c.State, c.NextAt = CallbackFailed, time.Time{}
		return
	}
	c.NextAt = a.At.Add(max(schedule[c.Tries-1], retryAfter))
}

// Redeliver makes the callback due again, with a whole schedule, whatever became of it.
func (c *Callback) Redeliver(now time.Time) { c.State, c.NextAt, c.Tries = CallbackWaiting, now, 0 }

// Park keeps the callback until the endpoint is back.
func (c *Callback) Park() { c.State, c.NextAt = CallbackParked, time.Time{} }

// Skip closes the callback as not wanted.
func (c *Callback) Skip() { c.State, c.NextAt = CallbackSkipped, time.Time{} }

func (c *Callback) keep(a CallbackAttempt) {
	c.Attempts = append(c.Attempts, a)
	if n := len(c.Attempts) - maxAttemptsKept; n > 0 {
		c.Attempts = c.Attempts[n:]
	}
}
