package topup

import (
	"context"
	"encoding/json"
	"maps"
	"time"
)

// Store is everything that is kept. Every method returns an error that wraps ErrUnavailable when the store is
// away, full or read-only; nothing is then half done, but a write may have taken effect unseen. Repeating it is
// always safe. storetest holds the behaviour that every Store must show.
type Store interface {
	Ledger
	Batches
	Merchants
	Lookups
	Controls
	Usage
	Events
	Redeliveries
}

// Ledger holds the top-ups.
type Ledger interface {
	// Create records new top-ups (each must have been Accepted) and returns one result per row, in order. A
	// row whose ID exists is not written: its Existing is the present record.
	Create(ctx context.Context, ts []*Topup) ([]Created, error)
	// Get returns one top-up. ErrNotFound.
	Get(ctx context.Context, id ID) (*Topup, error)
	// GetMany returns the top-ups in the order of ids, nil where there is none.
	GetMany(ctx context.Context, ids []ID) ([]*Topup, error)
	// Update loads id, gives it to change, and writes it back with all indexes, counters and owed callbacks in
	// one atomic step, provided that nobody else has written it since; then change runs again on the new
	// record. change must be a pure function of the record. An error from change leaves everything as it is and
	// is returned; ErrUnchanged as a nil error. The record returned is as written, or as loaded with an error.
	// ErrNotFound, ErrContention.
	Update(ctx context.Context, id ID, change func(*Topup) error) (*Topup, error)
	// UpdateLoaded is Update without the first load: t is a record just read. t itself is not touched.
	UpdateLoaded(ctx context.Context, t *Topup, change func(*Topup) error) (*Topup, error)

	// DueSends and DueChecks return up to limit top-ups of a provider that are due at now, and put each off until
	// again, so that a lost wake-up is repeated then. A write of the record sets its own time. While a part of the store is
	// away they return what the rest has, and ErrUnavailable only where that is nothing.
	DueSends(ctx context.Context, p ProviderName, now, again time.Time, limit int) ([]Due, error)
	DueChecks(ctx context.Context, p ProviderName, now, again time.Time, limit int) ([]Due, error)
	// CountDueChecks counts what DueChecks would find, without putting anything off. While a part of the store is away
	// it returns the count of the rest with ErrUnavailable: a zero that comes with an error means nothing.
	CountDueChecks(ctx context.Context, p ProviderName, now time.Time) (int64, error)
	// DueCallbacks returns up to limit IDs of top-ups or batches that owe a callback at now, likewise.
	DueCallbacks(ctx context.Context, now, again time.Time, limit int) ([]string, error)

	// Recovered is when the store was last found to have gone back in time (a restored copy, a lagging replica, a
	// flush), the zero time if never. Older top-ups must be asked about before they may be sent. MarkRecovered
	// sets it by hand; a store that notices by itself does so too, and then fails the write that noticed.
	Recovered(ctx context.Context) (time.Time, error)
	MarkRecovered(ctx context.Context, at time.Time) error

	// List returns a merchant's top-ups, newest first. See Query.
	List(ctx context.Context, q Query) (Page, error)
	// Backlog counts what the indexes hold, for metrics and for the send window.
	Backlog(ctx context.Context) (Backlog, error)
}

// Created is the result of one row of Create: Existing is nil when the row was written.
type Created struct {
	Existing *Topup
}

// Due is one top-up that wants a wake-up. Round is the number that makes the wake-up's name new after progress:
// Attempts for a send, Checks for a check.
type Due struct {
	ID    ID
	State State
	Round int
}

// Query selects top-ups. Merchant is required for the intake; operators leave it empty together with Batch set or
// Recipient set. Zero fields match everything.
type Query struct {
	Merchant  MerchantID
	Batch     BatchID
	Recipient MSISDN
	States    []State
	// From and To bound CreatedAt: From <= t < To. Without From, 35 days back from To or now.
	From, To time.Time
	// Match, when set, is asked last.
	Match func(*Topup) bool
	// Cursor is Page.Next of the page before; "" for the first. Limit is 1 to 1000, default 100.
	Cursor string
	Limit  int
}

// Page is one page of a listing; Next is "" on the last one. A batch is listed in line order.
type Page struct {
	Topups []*Topup
	Next   string
}

// Backlog counts due-index entries per provider and the callbacks owed.
type Backlog struct {
	Sends, Checks map[ProviderName]int64
	Callbacks     int64
}

// Batch is one bulk submission.
type Batch struct {
	ID       BatchID
	Merchant MerchantID
	Name     string
	// Rows = Accepted + Duplicates + Rejected once the batch is sealed, that is read to its end.
	Rows, Accepted, Duplicates, Rejected int64
	Sealed                               bool
	// States counts the accepted rows; Requested and Succeeded are sums per currency.
	States               map[State]int64
	Requested, Succeeded map[string]Money
	CreatedAt, ClosedAt  time.Time
	// Hold stops the rows that were not sent yet, nil for none. ReleasedAt is when the last hold ended: without it the
	// rows that were written as withheld are not sent. Wake means that they are still to be woken.
	Hold       *BatchHold
	ReleasedAt time.Time
	Wake       bool
	// Hash sums up the closed rows: see RowHash.
	Hash RowHash
	// Paused says which operator's rows were stopped last because too many failed, nil for none.
	Paused *BatchPaused
	// Callback is the newest event about the batch, nil until there is one. Final is what batch.completed tells: the batch
	// as it was then.
	Callback *Callback
	Final    *BatchFinal
	// Rev rises with every write of the batch itself, not with its counters.
	Rev uint32
}

// Closed counts the rows whose outcome is known.
func (b *Batch) Closed() int64 { return b.States[Succeeded] + b.States[Failed] + b.States[Reversed] }

// Progress is the share of accepted rows that are closed, 0 to 1; 1 for a batch without any.
func (b *Batch) Progress() float64 {
	if b.Accepted == 0 {
		if b.Sealed {
			return 1
		}
		return 0
	}
	return float64(b.Closed()) / float64(b.Accepted)
}

// BatchLook is how long after its creation a batch that is not sealed is looked at first.
const BatchLook = time.Minute

// Batches holds the bulk submissions.
type Batches interface {
	CreateBatch(ctx context.Context, b *Batch) error
	// GetBatch returns a batch with its counters summed. ErrNotFound.
	GetBatch(ctx context.Context, id BatchID) (*Batch, error)
	// UpdateBatch is Update for the batch record itself (name, counts, sealing, closing, callback).
	UpdateBatch(ctx context.Context, id BatchID, change func(*Batch) error) (*Batch, error)
	// BatchReleased reports whether a hold of the batch has ended and none has begun since. A batch that is not there
	// was not released.
	BatchReleased(ctx context.Context, id BatchID) (bool, error)
	// WakeBatch makes the rows of a batch that wait to be sent due now, in the order of the file. Where the batch was
	// released it ends the pause of its hold as well, but for one that began after the release.
	WakeBatch(ctx context.Context, id BatchID, now time.Time) error
	// DueBatches returns batches that may have closed since, and from BatchLook after their creation those that are
	// not sealed, likewise repeated at again until ForgetDueBatch.
	DueBatches(ctx context.Context, now, again time.Time, limit int) ([]BatchID, error)
	ForgetDueBatch(ctx context.Context, id BatchID) error
}

// Merchants holds the merchants.
type Merchants interface {
	// PutMerchant writes m when its Rev is the stored one (0 for a new one) and raises it. ErrContention.
	PutMerchant(ctx context.Context, m *Merchant) error
	// GetMerchant and MerchantByKey (SHA-256 in hex) return ErrNotFound where there is none.
	GetMerchant(ctx context.Context, id MerchantID) (*Merchant, error)
	MerchantByKey(ctx context.Context, hash string) (*Merchant, error)
	ListMerchants(ctx context.Context) ([]*Merchant, error)
}

// LookupState is where a lookup stands.
type LookupState string

// The lookup states.
const (
	LookupQueued LookupState = "queued"
	LookupDone   LookupState = "done"
	LookupFailed LookupState = "failed"
)

// Lookup is one non-paying question to a provider, kept for 24 hours.
type Lookup struct {
	ID        string          `json:"id"`
	Merchant  MerchantID      `json:"merchant"`
	Provider  ProviderName    `json:"provider"`
	Action    string          `json:"action"`
	Params    map[string]any  `json:"params,omitempty"`
	State     LookupState     `json:"state"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     *LookupError    `json:"error,omitempty"`
	CreatedAt time.Time       `json:"created_at"`
	DoneAt    time.Time       `json:"done_at,omitzero"`
	// CachedAt is when a result that was not asked for just now was; Stale means that it is older than it should be,
	// because the provider does not answer.
	CachedAt time.Time `json:"cached_at,omitzero"`
	Stale    bool      `json:"stale,omitempty"`
}

// Lookups holds lookups and what they found.
type Lookups interface {
	// PutLookup writes l for ttl.
	PutLookup(ctx context.Context, l *Lookup, ttl time.Duration) error
	// GetLookup returns ErrNotFound where there is none, or not any more.
	GetLookup(ctx context.Context, id string) (*Lookup, error)
}

// Pause stops the sending of a provider.
type Pause struct {
	Reason Code `json:"reason"`
	// Actor is "worker" or "operator:<name>"; a worker's pause ends by itself at Until with one probe.
	Actor string    `json:"actor"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"`
	// Strikes counts pauses in a row and lengthens the next one.
	Strikes int `json:"strikes,omitempty"`
	// Note is a person's reason.
	Note string `json:"note,omitempty"`
	// Seen is what a brake has seen of its operator when it was pulled.
	Seen Failures `json:"seen,omitzero"`
}

// Braked is what the merchant is told of a pause by the brake, of an operator in one batch.
func (p Pause) Braked(operator string) BatchPaused {
	return BatchPaused{Operator: operator, Settled: p.Seen.All, Failed: p.Seen.Failed, Since: p.Since}
}

// WaitingCode is why a top-up waits that this pause of its merchant, operator or batch stops: because its merchant
// holds it, because others of its operator fail, or because an operator of the system wants it so.
func (p Pause) WaitingCode() Code {
	switch p.Reason {
	case CodeBatchHeld, CodeControlTotals, CodeBatchCancelled:
		return CodeBatchHeld
	case CodeBrake:
		return CodeBrake
	default:
		return CodePaused
	}
}

// Controls holds what steers workers and the scheduler, beside the record itself.
type Controls interface {
	// ReserveNumber lets one top-up per provider and number through in spacing: it returns the zero time when
	// id has the lane, else when to come back. Repeating it for the same id is granted again, and the spacing begins
	// anew: it is sent only now.
	ReserveNumber(ctx context.Context, p ProviderName, number MSISDN, id ID, spacing time.Duration, now time.Time) (time.Time, error)
	// AllowSend takes one of a provider's perSecond permits; it returns the wait until there is one, else 0.
	AllowSend(ctx context.Context, p ProviderName, perSecond int) (time.Duration, error)
	// PauseProvider, ResumeProvider and Paused steer a provider's sending; Paused is nil when it runs. A pause with an end
	// never takes the place of a person's, which has none, and LiftPause ends only one with an end.
	LiftPause(ctx context.Context, p ProviderName) error
	PauseProvider(ctx context.Context, p ProviderName, pause Pause) error
	// SwapPause puts next in the place of the pause was; false means that it is another one by now, or none.
	SwapPause(ctx context.Context, p ProviderName, was, next Pause) (bool, error)
	ResumeProvider(ctx context.Context, p ProviderName) error
	Paused(ctx context.Context, p ProviderName) (*Pause, error)
	// LeaseCallback makes the caller the only sender of callbacks for a top-up or batch for ttl; false means that
	// another one is. ReleaseCallback ends it.
	LeaseCallback(ctx context.Context, id string, ttl time.Duration) (bool, error)
	ReleaseCallback(ctx context.Context, id string) error
	// Lead makes holder the only scheduler for ttl, or renews it; false means that another one is. Resign ends it.
	Lead(ctx context.Context, holder string, ttl time.Duration) (bool, error)
	Resign(ctx context.Context, holder string) error
	// SpendCall takes one of a provider's status calls of the day (budget 0 means no limit); false when used up.
	SpendCall(ctx context.Context, p ProviderName, day string, budget int64) (bool, error)
	// SpentCalls is how many of a day's status calls were taken; only those of a provider with a budget are counted.
	SpentCalls(ctx context.Context, p ProviderName, day string) (int64, error)
	// AddSettled counts times to an outcome for a key (a provider, or a mobile operator of one); Settled reads what
	// was counted, older counts weighing less and less.
	AddSettled(ctx context.Context, key string, add SettleTimes) error
	Settled(ctx context.Context, key string) (SettleTimes, error)
	// Ping reports whether the store can be read and written.
	Ping(ctx context.Context) error
}

// SealLeft seals a batch whose intake is gone before it had read the batch to its end: its rows are those that the
// ledger counts. ErrUnchanged when it is sealed already.
func (b *Batch) SealLeft() error {
	if b.Sealed {
		return ErrUnchanged
	}
	b.Accepted = 0
	for _, n := range b.States {
		b.Accepted += n
	}
	b.Rows, b.Sealed = b.Accepted+b.Duplicates+b.Rejected, true
	return nil
}

// Close marks a sealed batch whose last row is closed, and owes its merchant the batch.completed event. It is
// ErrNotAllowed while rows are open, and ErrUnchanged when it is closed already.
func (b *Batch) Close(now time.Time) error {
	if !b.ClosedAt.IsZero() {
		return ErrUnchanged
	}
	if !b.Sealed || b.Closed() < b.Accepted {
		return ErrNotAllowed
	}
	b.ClosedAt = now
	b.Final = &BatchFinal{States: maps.Clone(b.States), Succeeded: maps.Clone(b.Succeeded), Hash: b.Hash}
	b.owe(EventBatchCompleted, now)
	return nil
}
