package topup

import "time"

// ProviderCallback is what came of one call-back from a provider, kept for people who look into a case. It is no
// evidence of anything.
type ProviderCallback struct {
	At time.Time
	// Provider is the sender, BulkSMS included.
	Provider string
	// Result is "taken", "repeated", "ignored", "unknown", "forged", "unreadable" or "not_rung".
	Result string
	// Topup is the top-up that it was about, "" where none was found; Detail a word more, without numbers or secrets.
	Topup  ID
	Detail string
}
