package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"topupq/topup"
)

// clock is how instants are written.
const clock = "15:04:05.000"

// Event is one line of a top-up's timeline: when, who saw it, what.
type Event struct {
	At   time.Time
	Lane string
	Text string
}

// Time is the instant as text.
func (e Event) Time() string { return e.At.UTC().Format(clock) }

// aroundMarks is how far from a top-up's own events what the test did is still shown.
const aroundMarks = 2 * time.Second

// Timeline is all that is known of one top-up, in order: the record's history, the provider's calls, the callbacks,
// the processes' logs, and what the test did meanwhile.
func (e *Evidence) Timeline(s *Subject) []Event {
	var out []Event
	add := func(at time.Time, lane, format string, args ...any) {
		out = append(out, Event{at, lane, fmt.Sprintf(format, args...)})
	}
	if !s.AckedAt.IsZero() {
		add(s.AckedAt, "merchant", "got its first 2xx")
	}
	for i, l := range e.Histories[s.ID] {
		add(l.At, "record", "v%d %s → %s by %s: %s %s (attempt %d)", i+1, l.From, l.To, l.Actor, l.Reason, l.ProviderCode, l.Attempt)
	}
	for _, a := range e.Asks[s.ID] {
		verb := "asked"
		if a.Pays {
			verb = "PAID BY"
		}
		add(a.At, "provider", "%s %s %s → %d", verb, a.Method, a.Path, a.Status)
	}
	for _, d := range e.Deliveries {
		if d.ID == s.ID {
			add(d.At, "receiver", "%s version %d %s (refund_safe %t): %s", d.Type, d.Version, d.State, d.RefundSafe, d.Manner)
		}
	}
	out = append(out, e.logged(s.ID)...)
	slices.SortStableFunc(out, func(a, b Event) int { return a.At.Compare(b.At) })
	return e.withMarks(out)
}

// withMarks puts what the test did between the events.
func (e *Evidence) withMarks(events []Event) []Event {
	if len(events) == 0 {
		return nil
	}
	from, to := events[0].At.Add(-aroundMarks), events[len(events)-1].At.Add(aroundMarks)
	for _, m := range e.Marks {
		if m.At.After(from) && m.At.Before(to) {
			events = append(events, Event{m.At, "test", m.What})
		}
	}
	slices.SortStableFunc(events, func(a, b Event) int { return a.At.Compare(b.At) })
	return events
}

// logged are the log lines that name a top-up.
func (e *Evidence) logged(id topup.ID) []Event {
	var out []Event
	for name, text := range e.Logs {
		for line := range bytes.Lines(text) {
			if !bytes.Contains(line, []byte(id)) {
				continue
			}
			if ev, ok := logEvent(name, line); ok {
				out = append(out, ev)
			}
		}
	}
	return out
}

func logEvent(name string, line []byte) (Event, bool) {
	var fields map[string]any
	if json.Unmarshal(line, &fields) != nil {
		return Event{}, false
	}
	var at time.Time
	for _, key := range []string{"ts", "time", "at"} {
		if stamp, ok := fields[key].(string); ok {
			at = parseStamp(stamp)
		} else if seconds, ok := fields[key].(float64); ok {
			at = time.UnixMicro(int64(seconds * 1e6))
		}
		delete(fields, key)
	}
	text, _ := fields["msg"].(string)
	for _, key := range []string{"msg", "topup", "merchant", "caller", "stacktrace"} {
		delete(fields, key)
	}
	rest, err := json.Marshal(fields)
	return Event{at, name, text + " " + string(rest)}, err == nil && !at.IsZero()
}

func parseStamp(s string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.000Z0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	return time.Time{}
}
