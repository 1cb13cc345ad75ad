package workers

import "time"

// ledgerClock is now as the ledger keeps times: UTC, whole milliseconds. A record just written then tells the same
// times as the same record read back, in a callback too.
func ledgerClock(now func() time.Time) func() time.Time {
	if now == nil {
		now = time.Now
	}
	return func() time.Time { return now().UTC().Truncate(time.Millisecond) }
}
