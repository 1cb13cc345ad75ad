package topup

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"
)

// Topup is one top-up as the ledger holds it. Times are UTC with millisecond precision; a zero time is "not yet".
// Only the named transitions of this package change State, and every one of them appends to History.
type Topup struct {
	ID        ID
	Merchant  MerchantID
	Reference string
	// Batch and Line say where it came from; empty and 0 for a single one.
	Batch BatchID
	Line  int

	Recipient MSISDN
	// Country is the recipient's, ISO 3166-1 alpha-2.
	Country  string
	Amount   Money
	Provider ProviderName
	// Alternates are the providers that may take it over while it provably was not sent, in order; see Reroute.
	Alternates []ProviderName
	// Home is the provider that t goes back to when the one where it is looked for does not have it; see FoundElsewhere.
	Home    ProviderName `json:",omitempty"`
	Product Product
	// Resolved is the product as completed by lookups, nil until then. Product stays as the merchant wrote it.
	Resolved  *Product
	ExpiresAt time.Time
	Metadata  map[string]string
	// Priority is as the merchant asked for; see Urgency.
	Priority Priority

	State State
	// Rev rises with every write, Version() with every move.
	Rev uint32
	// Attempts counts claims, Tries those that came back as provably not sent and count towards the limit,
	// Resends those that followed a proof of absence.
	Attempts, Tries, Resends int
	// Exposed means that a send of an earlier attempt may have reached the provider.
	Exposed bool
	// Unproved means that the provider's answers cannot prove that the earlier send is absent, so that only a
	// resend of the same reference can tell: such a top-up is never failed by expiry or cancelled.
	Unproved bool
	// Refreshed means that the one retry with a fresh catalogue was used.
	Refreshed bool
	// Claim is the fencing token of the worker that may send, or sent last.
	Claim uint64
	// SentAt is when the last attempt was claimed, SendDeadline when it must have ended.
	SentAt, SendDeadline time.Time
	// RecoveredAt is when an old record was put in doubt because the store had been restored.
	RecoveredAt time.Time
	// Absences counts "no such reference" answers since the last send.
	Absences int
	// Contradictions counts read-backs in a row that contradict the outcome we hold.
	Contradictions int
	// Refusal is a documented refusal of a re-send, waiting for the proof that the first send is absent.
	Refusal *Failure
	// Withheld means that it may be sent only after its batch was released.
	Withheld bool
	// Counted means that its amount counts against its merchant's credit unless it fails.
	Counted bool
	// Waiting says why an accepted top-up is not being sent yet.
	Waiting Code

	ProviderReference     string
	ProviderTransactionID string
	OperatorTransactionID string
	Delivered             Money
	Cost                  Money
	// Fee is the part of Cost that the provider charged as a fee, where it tells.
	Fee Money
	// Predicted is what the last send was expected to cost; Network names the mobile network where it is known.
	Predicted Money
	Network   string
	Failure   *Failure
	// PIN is the sealed voucher PIN (see Keyring); PINVoid is set when the provider confirmed it void.
	PIN     []byte
	PINVoid bool

	// Checks counts the questions asked; CheckedAt is the last one; DueAt the next wake-up of any kind.
	Checks    int
	CheckedAt time.Time
	DueAt     time.Time
	// Usual is how long an outcome usually takes, as far as known when the top-up was left open.
	Usual time.Duration

	CreatedAt, UpdatedAt, ClosedAt, ConfirmedAt time.Time

	History   []Move
	Callbacks []Callback

	// Extra holds fields written by a newer version of the program, kept as they are.
	Extra []byte
	// InLine makes a new top-up wait for its merchant's turn instead of a time. It is not stored.
	InLine bool `json:"-"`
	// Incidents is what the last transition wants people to see. It is not stored.
	Incidents []Incident
	// Archived is set on what is left of a top-up that has gone to the archive: it has its ID, provider and state, and
	// for the rest only answers whether another one asks for the same.
	Archived *Archived
}

// Move is one line of a top-up's history. The n-th move makes version n.
type Move struct {
	At       time.Time
	From, To State
	// Actor is "intake", "worker", "check", "scheduler", "merchant" or "operator:<name>".
	Actor   string
	Reason  Code
	Attempt int
	// ProviderCode and ProviderMessage are the provider's words; Note is a person's reason.
	ProviderCode, ProviderMessage, Note string
}

// Incident is something that a person should know of: a contradiction, a mismatch, an unreadable answer.
type Incident struct {
	Code   Code
	Detail string
}

// Version is the record's public version: the number of moves so far.
func (t *Topup) Version() int { return len(t.History) }

// RefundSafe reports whether it is proved that the merchant may refund its customer: failed, or reversed unless
// a PIN was handed over that is not known to be void.
func (t *Topup) RefundSafe() bool {
	switch t.State {
	case Failed:
		return true
	case Reversed:
		return !t.Ordered().Pinned() || t.PINVoid
	default:
		return false
	}
}

// Ordered is the product to be ordered: the completed one where lookups have completed it.
func (t *Topup) Ordered() Product {
	if t.Resolved != nil {
		return *t.Resolved
	}
	return t.Product
}

// Order is the paying call for the present attempt.
func (t *Topup) Order() Order {
	return Order{
		Reference: t.ID, Recipient: t.Recipient, Country: t.Country, Amount: t.Amount,
		Product: t.Ordered(), FreshCatalogue: t.Refreshed,
	}
}

// Ref is what the provider is asked by.
func (t *Topup) Ref() Ref {
	return Ref{
		Reference: t.ID, TransactionID: t.ProviderTransactionID, Recipient: t.Recipient,
		Amount: t.Amount, Product: t.Ordered(), SentAt: t.SentAt,
	}
}

// subject is what t's plan is asked about.
func (t *Topup) subject() Subject {
	return Subject{ID: t.ID, Sent: t.SentAt, Micros: t.Amount.Micros()}
}

// SameContent reports whether o asks for the same thing under the same reference: recipient, amount, currency,
// provider, product and metadata. The expiry and the batch are not content: the first request's stay.
func (t *Topup) SameContent(o *Topup) bool {
	if t.Archived != nil {
		return t.Provider == o.Provider && t.Archived.Content == o.ContentDigest()
	}
	return t.Recipient == o.Recipient && t.Amount.Equal(o.Amount) && t.Provider == o.Provider &&
		t.Product.equal(o.Product) && maps.Equal(t.Metadata, o.Metadata)
}

// Finished reports whether nothing is left to be done about t by itself: its outcome is known, it is not to be asked
// about again, and no callback is on its way. One that waits for an endpoint that is off does not count.
func (t *Topup) Finished() bool {
	return t.State.Closed() && t.DueAt.IsZero() && t.NextCallback() == nil
}

// ContentDigest is a number for what SameContent compares: the same for the same content.
func (t *Topup) ContentDigest() uint32 {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s|%s|%s|%v|%q", t.Recipient.Digits(), t.Amount.Amount.Truncate(MicroScale).StringFixed(MicroScale), t.Amount.Currency, productKey(t.Product), t.Product.UserVars)
	for _, k := range slices.Sorted(maps.Keys(t.Metadata)) {
		fmt.Fprintf(h, "|%q=%q", k, t.Metadata[k])
	}
	return h.Sum32()
}

func (p Product) equal(o Product) bool {
	vars, otherVars := p.UserVars, o.UserVars
	p.UserVars, o.UserVars = nil, nil
	return slices.Equal(vars, otherVars) && productKey(p) == productKey(o)
}

// productKey is p without its slice, so that it can be compared with ==.
func productKey(p Product) [14]any {
	return [14]any{
		p.OperatorID, p.UseLocalAmount, p.SenderPhone, p.RecipientEmail, p.Mode, p.Recharge, p.VoucherID,
		p.FixedAmount, p.DeliverPIN, p.Service, p.OperatorCode, p.Circle, p.RechargeType, p.Dest,
	}
}

// AsOf returns the record as it stood right after move number version, for callbacks that tell of that version.
// What was learned since (IDs, costs) stays; state, reason and times are those of the move.
func (t *Topup) AsOf(version int) *Topup {
	if version <= 0 || version >= len(t.History) {
		return t
	}
	c := *t
	c.History = t.History[:version]
	m := c.History[version-1]
	c.State, c.UpdatedAt, c.Attempts = m.To, m.At, m.Attempt
	c.ClosedAt, c.ConfirmedAt, c.DueAt, c.Failure = time.Time{}, time.Time{}, time.Time{}, nil
	if m.To.Closed() {
		c.ClosedAt = m.At
	}
	if m.To == Failed || m.To == Reversed || m.To == Held {
		c.Failure = &Failure{Code: m.Reason, Message: FailureText(m.Reason), ProviderCode: m.ProviderCode}
	}
	return &c
}

// move appends to the history and sets the state. Callers have checked that it applies; a move outside the table
// is refused with ErrNotAllowed whatever they think.
func (t *Topup) move(to State, now time.Time, m Move) error {
	if !CanMove(t.State, to) {
		return ErrNotAllowed
	}
	m.From, m.To, m.At, m.Attempt = t.State, to, now, t.Attempts
	t.History = append(t.History, m)
	t.State, t.UpdatedAt = to, now
	if to.Closed() {
		t.ClosedAt = now
	} else {
		t.ClosedAt = time.Time{}
	}
	if to.Outcome() {
		t.addEvent(now)
	}
	return nil
}

// raise notes an incident for whoever runs the transition.
func (t *Topup) raise(code Code, detail string) {
	t.Incidents = append(t.Incidents, Incident{Code: code, Detail: detail})
}
