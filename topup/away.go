package topup

import "time"

// Away says that a process has its breaker for a provider open: it could not reach it several times in a row, and sends
// nothing until a probe comes through.
type Away struct {
	Provider ProviderName
	Process  string
	Since    time.Time
}
