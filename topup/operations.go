package topup

import (
	"context"
	"strconv"
	"time"
)

// Operations is what operators need of the store beside Store: what stands open, pauses of any scope, the audit log,
// resolutions that wait for a second person, and the figures behind the plots.
type Operations interface {
	// Standing returns up to limit IDs of top-ups of a provider that stand in a state (one of Standing), oldest
	// first, after the cursor ("" for the first page). The index is kept beside the record and may name one that
	// has moved on since: read the record.
	Standing(ctx context.Context, s State, p ProviderName, cursor string, limit int) (ids []ID, next string, err error)
	// Stocks sums what stands open, one Stock per state and provider that has any. ages are bounds of age.
	Stocks(ctx context.Context, now time.Time, ages []time.Duration) ([]Stock, error)

	// SetPause and EndPause steer the sending within a scope; Pauses lists those in force. What a pause has put off is due
	// when it ends, but for the batches that are held: WakeBatch wakes those.
	SetPause(ctx context.Context, s PauseScope, p Pause) error
	EndPause(ctx context.Context, s PauseScope) error
	// ForgetPause is EndPause where nothing waits for the end any more: it wakes nobody.
	ForgetPause(ctx context.Context, s PauseScope) error
	// AddPause is SetPause where the scope, which is no provider's, is not paused yet; false means that it is.
	AddPause(ctx context.Context, s PauseScope, p Pause) (bool, error)
	Pauses(ctx context.Context) ([]ScopedPause, error)

	// AppendAudit chains an entry to the log and returns it as written, with its number and hashes. The log is
	// append-only: nothing here changes or removes an entry.
	AppendAudit(ctx context.Context, e AuditEntry) (AuditEntry, error)
	// AuditLog returns up to limit entries from number from (1 is the first), and the number of the last one.
	AuditLog(ctx context.Context, from, limit int64) (entries []AuditEntry, last int64, err error)

	// PutProposal keeps a resolution that waits for a second person; Proposals lists them; DropProposal ends one.
	PutProposal(ctx context.Context, p Proposal) error
	Proposals(ctx context.Context) ([]Proposal, error)
	DropProposal(ctx context.Context, id ID) error

	// AddPulse adds counts to a minute's figures; ReadPulse returns the figures of the minutes in [from, to).
	AddPulse(ctx context.Context, minute time.Time, counts map[string]int64) error
	ReadPulse(ctx context.Context, from, to time.Time) ([]Pulse, error)

	// Leader is the scheduler that leads, "" when none does.
	Leader(ctx context.Context) (string, error)
}

// StandingStates are the states that Operations.Standing and Stocks keep count of.
var StandingStates = []State{Pending, Unknown, Held, Unresolved}

// Stands reports whether the state is one of StandingStates.
func (s State) Stands() bool { return s == Pending || s == Unknown || s == Held || s == Unresolved }

// AtRisk reports whether money of a top-up in this state may be gone without anybody knowing: pending, unknown,
// unresolved, and submitting while its call runs.
func (s State) AtRisk() bool {
	return s == Pending || s == Unknown || s == Unresolved || s == Submitting
}

// Stock is what stands open in one state at one provider.
type Stock struct {
	State    State
	Provider ProviderName
	Count    int64
	// Older counts those at least as old as each of the ages asked for; Oldest is when the oldest was made.
	Older  []int64
	Oldest time.Time
	// Sums are their amounts, one per currency, in order of currency.
	Sums []Money
}

// PauseKind says what a pause stops.
type PauseKind string

// The kinds of pauses.
const (
	PauseByProvider PauseKind = "provider"
	PauseByOperator PauseKind = "operator"
	PauseByMerchant PauseKind = "merchant"
	PauseByBatch    PauseKind = "batch"
	// PauseByHold is a batch that its merchant holds: an operator's pause of the same batch is another one.
	PauseByHold PauseKind = "hold"
	// PauseByBrake is one operator in one batch, named "bat…/reloadly:341", that fails too often.
	PauseByBrake PauseKind = "brake"
)

// PauseKinds lists them.
var PauseKinds = []PauseKind{PauseByProvider, PauseByOperator, PauseByMerchant, PauseByBatch}

// PauseScope is what a pause stops: the sending of one provider, mobile operator, merchant or batch. An operator is
// named as Topup.OperatorKey does.
type PauseScope struct {
	Kind PauseKind
	Name string
}

// String is "merchant:mer…".
func (s PauseScope) String() string { return string(s.Kind) + ":" + s.Name }

// A top-up that a person's pause stops looks again after a quarter of its age, within these bounds: what waits for long
// needs no haste, and the end of the pause wakes it anyway.
const (
	PauseLookLeast = 30 * time.Second
	PauseLookMost  = 10 * time.Minute
)

// PauseLook is how long t is put off by a pause that only a person ends.
func (t *Topup) PauseLook(now time.Time) time.Duration {
	return min(max(now.Sub(t.CreatedAt)/4, PauseLookLeast), PauseLookMost)
}

// ScopedPause is a pause in force.
type ScopedPause struct {
	Scope PauseScope
	Pause Pause
}

// OperatorKey names the mobile operator as far as the order tells it before it is sent: "reloadly:<operator id>",
// "aat:<voucher id>" or "rechargekit:<operator code>"; "" where the provider finds it out by itself.
func (t *Topup) OperatorKey() string { return t.operatorOf(t.Ordered()) }

// operatorOf is OperatorKey for what a product says.
func (t *Topup) operatorOf(p Product) string {
	var n int64
	switch t.Provider {
	case Reloadly:
		n = p.OperatorID
	case AAT:
		n = p.VoucherID
	case RechargeKit:
		n = p.OperatorCode
	}
	if n == 0 {
		return ""
	}
	return string(t.Provider) + ":" + strconv.FormatInt(n, 10)
}

// PauseScopes are the scopes that stop t, beside its provider's.
func (t *Topup) PauseScopes() []PauseScope {
	scopes := []PauseScope{{PauseByMerchant, string(t.Merchant)}}
	if t.Batch != "" {
		scopes = append(scopes, PauseScope{PauseByBatch, string(t.Batch)}, PauseScope{PauseByHold, string(t.Batch)}, t.BrakeScope())
	}
	if key := t.OperatorKey(); key != "" {
		scopes = append(scopes, PauseScope{PauseByOperator, key})
	}
	return scopes
}

// Proposal is a resolution that waits for a second person.
type Proposal struct {
	Topup ID `json:"topup"`
	// To is "succeeded" or "failed".
	To       string    `json:"to"`
	Reason   string    `json:"reason"`
	Evidence string    `json:"evidence"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
}

// Pulse is the figures of one minute.
type Pulse struct {
	Minute time.Time
	Counts map[string]int64
}
