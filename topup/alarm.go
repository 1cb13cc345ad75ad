package topup

// The names of the alarms.
const (
	// AlarmNoSweep: no end-of-day sweep was worked through for 25 hours.
	AlarmNoSweep = "no_sweep"
	// AlarmOldestUnknown: a top-up is unknown for more than 24 hours.
	AlarmOldestUnknown = "oldest_unknown"
	// AlarmBalanceLow: the balance does not last for the hours that it should.
	AlarmBalanceLow = "balance_low"
	// AlarmDrift: the balance lost more than the day's top-ups explain.
	AlarmDrift = "drift"
	// AlarmBooksDiffer: the last closed day's books differ from the provider's.
	AlarmBooksDiffer = "books_differ"
	// AlarmFailureRate: the share of failures is out of the provider's own usual band.
	AlarmFailureRate = "failure_rate"
	// AlarmDayNotClosed: a day is over for hours and not closed.
	AlarmDayNotClosed = "day_not_closed"
)

// AlarmNames lists the names, in order of urgency.
var AlarmNames = []string{
	AlarmDrift, AlarmBooksDiffer, AlarmOldestUnknown, AlarmBalanceLow, AlarmNoSweep, AlarmFailureRate, AlarmDayNotClosed,
}

var alarmMends = map[string]string{
	AlarmNoSweep:       "look whether a scheduler leads and the check queue is worked on: topupq doctor names both",
	AlarmOldestUnknown: "ask the provider about them, then topupq resolve --state unknown",
	AlarmBalanceLow:    "top the float up at the provider; what finds it empty is held, and sent again with topupq replay --state held",
	AlarmDrift:         "topupq reconcile --provider P --date D, then ask the provider for its statement and compare with that",
	AlarmBooksDiffer:   "topupq reconcile --provider P --date D lists every row",
	AlarmFailureRate:   "look at the failure codes of the last hour in the console; if the provider is down, topupq pause provider:P",
	AlarmDayNotClosed:  "topupq report D --provider P says what is missing; the log has the cause under \"day\"",
}

// Mend is what to do about the alarm.
func (a Alarm) Mend() string { return alarmMends[a.Name] }
