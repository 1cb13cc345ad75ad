package intake

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// Store is the part of topup.Store that the intake uses. Errors are those documented there.
type Store interface {
	Create(ctx context.Context, ts []*topup.Topup) ([]topup.Created, error)
	Get(ctx context.Context, id topup.ID) (*topup.Topup, error)
	GetMany(ctx context.Context, ids []topup.ID) ([]*topup.Topup, error)
	Update(ctx context.Context, id topup.ID, change func(*topup.Topup) error) (*topup.Topup, error)
	List(ctx context.Context, q topup.Query) (topup.Page, error)
	Remembered(ctx context.Context, id topup.ID) (*topup.Topup, error)
	EachLate(ctx context.Context, m topup.MerchantID, from, to time.Time, do func(*topup.Topup) error) error
	GetDay(ctx context.Context, p topup.ProviderName, date, name string) (json.RawMessage, error)
	// Recovered is when the store last went back in time: nothing older is known not to have been sent.
	Recovered(ctx context.Context) (time.Time, error)

	CreateBatch(ctx context.Context, b *topup.Batch) error
	GetBatch(ctx context.Context, id topup.BatchID) (*topup.Batch, error)
	UpdateBatch(ctx context.Context, id topup.BatchID, change func(*topup.Batch) error) (*topup.Batch, error)

	Used(ctx context.Context, m topup.MerchantID, day time.Time) (topup.Use, error)
	Reserve(ctx context.Context, m topup.MerchantID, u topup.Use, ttl time.Duration, now time.Time) (int64, error)
	Earlier(ctx context.Context, m topup.MerchantID, number int64, now time.Time) (topup.Use, error)
	EndReserve(ctx context.Context, m topup.MerchantID, number int64) error
	TakeNumbers(ctx context.Context, m topup.MerchantID, day time.Time, ts []*topup.Topup, l topup.Limits) ([]bool, error)
	NumbersUsed(ctx context.Context, m topup.MerchantID, day time.Time, numbers []topup.MSISDN) ([]topup.Use, error)

	SetPause(ctx context.Context, s topup.PauseScope, p topup.Pause) error
	EndPause(ctx context.Context, s topup.PauseScope) error
	EventsAfter(ctx context.Context, m topup.MerchantID, after int64, limit int) (topup.EventPage, error)
	PublishEvents(ctx context.Context, limit int) (int, error)
	PutRedelivery(ctx context.Context, r *topup.Redelivery) error
	GetRedelivery(ctx context.Context, id string) (*topup.Redelivery, error)

	PutMerchant(ctx context.Context, m *topup.Merchant) error
	GetMerchant(ctx context.Context, id topup.MerchantID) (*topup.Merchant, error)
	MerchantByKey(ctx context.Context, hash string) (*topup.Merchant, error)

	PutLookup(ctx context.Context, l *topup.Lookup, ttl time.Duration) error
	GetLookup(ctx context.Context, id string) (*topup.Lookup, error)
	PutLookups(ctx context.Context, ls []*topup.Lookup, ttl time.Duration) error
	GetLookups(ctx context.Context, ids []string) ([]*topup.Lookup, error)
	PutLookupBatch(ctx context.Context, b *topup.LookupBatch, ttl time.Duration) error
	GetLookupBatch(ctx context.Context, id string) (*topup.LookupBatch, error)

	TopupByTransaction(ctx context.Context, p topup.ProviderName, transaction string) (topup.ID, error)
	// FirstSeen reports whether nobody has asked about what within ttl, and remembers it.
	FirstSeen(ctx context.Context, what string, ttl time.Duration) (bool, error)
	NoteProviderCallback(ctx context.Context, n topup.ProviderCallback) error
	// NoteSMSReport records what became of a text, and reports whether that was news.
	NoteSMSReport(ctx context.Context, r topup.SMSReport) (bool, error)

	Ping(ctx context.Context) error
}

// Ring wakes workers up. What it is rung for is in the ledger already, so that a lost ring costs time and nothing
// else; only a lookup has no other way to be run.
type Ring interface {
	// Sends enqueues wake-ups for accepted top-ups of one provider.
	Sends(ctx context.Context, p topup.ProviderName, due []topup.Due) error
	// Check enqueues a question about one top-up.
	Check(ctx context.Context, p topup.ProviderName, d topup.Due) error
	// Lookup and Lookups enqueue lookups.
	Lookup(ctx context.Context, id string) error
	Lookups(ctx context.Context, ids []string) error
	// Callback enqueues the callbacks owed for a top-up or a batch.
	Callback(ctx context.Context, id string) error
}

// Archive is where top-ups are that have left the ledger.
type Archive interface {
	// Find reads one that was made on a UTC day. topup.ErrNotFound.
	Find(ctx context.Context, p topup.ProviderName, day time.Time, id topup.ID) (*topup.Topup, error)
	// Each calls do for every top-up of a provider's day, named like 2026-11-23; for none where the day is not there.
	Each(ctx context.Context, p topup.ProviderName, date string, do func(*topup.Topup) error) error
}

// ProviderSettings is what the intake needs to know of a configured provider.
type ProviderSettings struct {
	// Currency is the only one the provider is paid in, "" where the account tells.
	Currency string
	// Countries are the only ones the provider serves (ISO 3166-1 alpha-2); none means all.
	Countries []string
	// Actions are the lookups that it takes, by the provider's own names; Denied are those of them that merchants may
	// not make here.
	Actions, Denied []string
	// Priced means that the provider publishes its prices, so that Quote can tell them.
	Priced bool
	// Rate is calls per second (0 is no limit), Concurrency calls at the same time, Spacing the least time between two
	// top-ups of one number. They only serve to foretell when a batch is done.
	Rate, Concurrency int
	Spacing           time.Duration
}

// ErrForged is wrapped by a ProviderCallback's error when the signature is wrong or missing.
var ErrForged = errors.New("forged call-back")

// ProviderCallback reads a provider's call-back and returns what it is about: our reference, or where that is missing
// the provider's own number. Nothing else is believed. An error that wraps ErrForged is answered with 401, any other one
// with 400.
type ProviderCallback func(r *http.Request, body []byte) (refs []topup.Ref, err error)

// CallbackSettings is how a provider's call-backs are taken.
type CallbackSettings struct {
	// Token is the last element of the path, compared in constant time; a call without it is refused.
	Token topup.Secret
	// Tokens, where set, tells the tokens that are taken at the moment, in the place of Token.
	Tokens func() []topup.Secret
	// Signed call-backs prove themselves: they are taken without a token too, at the path without one.
	Signed bool
	Read   ProviderCallback
	// Gather, above zero, puts the question off to the next multiple of this time, so that many call-backs at once
	// make one question, for a provider that answers about many orders in one call.
	Gather time.Duration
}

// Config is what a Server is made of. Only Store and Ring are required.
type Config struct {
	Store Store
	Ring  Ring
	// Providers holds the configured ones; a top-up or a lookup for another one is refused.
	Providers map[topup.ProviderName]ProviderSettings
	// Routes say where requests go that name no provider: of those that match, the one that says most counts. Default:
	// ZA aat, IN rechargekit, all others reloadly.
	Routes []Route
	// Keyring opens PINs and seals webhook secrets. Without a key vouchers with a PIN are refused.
	Keyring topup.Keyring
	// Callbacks is how providers' call-backs are taken; those of a provider without an entry are refused.
	Callbacks map[topup.ProviderName]CallbackSettings
	// Reports is how delivery reports about texts are taken.
	Reports ReportSettings
	// Archive is asked for what the ledger has forgotten; nil where nothing is archived.
	Archive Archive
	// SendTest sends a webhook.test event to the merchant's endpoint and returns what came of it.
	SendTest func(ctx context.Context, m *topup.Merchant) (topup.CallbackAttempt, error)
	// Bodies says the events of the feed; without it their data is null.
	Bodies Bodies
	// Quote tells what a top-up should cost, without sending anything; false where that cannot be told. nil asks nobody.
	Quote func(ctx context.Context, t *topup.Topup) (topup.Money, bool)
	// Balance is what a provider's account held last, false where nobody knows; Backlog what waits to be sent. nil asks
	// nobody.
	Balance func(ctx context.Context, p topup.ProviderName) (topup.BalanceAt, bool)
	Backlog func(ctx context.Context, p topup.ProviderName) int64
	// Window is how many wake-ups of a priority a provider's submit queue takes at the moment; the scheduler rings the
	// rest, each merchant in its turn. nil means all of them.
	Window func(ctx context.Context, p topup.ProviderName, u topup.Priority) int
	// Count counts an event ("provider_callback", "forged"); Observe one answered request.
	Count   func(event, label string)
	Observe func(route string, status int, took time.Duration)

	Logger *zap.Logger
	Now    func() time.Time
	// NoSMS means that PINs cannot be sent by SMS here: a top-up that asks for it is refused.
	NoSMS bool
	// AllowPrivateCallbacks lets merchants use http, private hosts and IP addresses for their endpoint.
	AllowPrivateCallbacks bool
	// RescueAfter is how long a wake-up may take before the scheduler repeats it; default 30 s.
	RescueAfter time.Duration
	// DefaultExpiry is how long a top-up without expires_at may be sent; default 24 h.
	DefaultExpiry time.Duration
	// ChunkRows is how many rows of a batch are written in one step; default 500.
	ChunkRows int
	// TouchEvery is how often a batch is touched while it is read, so that the scheduler, which seals one that was left,
	// sees that it was not; default 1 min, five times as often as the scheduler demands.
	TouchEvery time.Duration
	Limits     Limits
}

// Limits bounds what one request may take. Zero fields have the defaults named.
type Limits struct {
	// Body bounds a request that is not a batch (1 MiB), Row one row of a batch (64 KiB), Callback a provider's
	// call-back (64 KiB), in bytes.
	Body, Row, Callback int64
	// Header bounds the reading of a request's header (5 s), Read that of a whole request that is not a batch
	// (30 s), Write the answer (60 s), Idle a connection between requests (2 min).
	Header, Read, Write, Idle time.Duration
	// Stall bounds the wait for the next bytes of a batch, and for the reader of a streamed answer (60 s).
	Stall time.Duration
	// Store bounds one call of the store, Ring one of the queue (10 s and 2 s).
	Store, Ring time.Duration
	// Wait is the longest "Prefer: wait" (30 s), Poll how often the outcome is looked for meanwhile (100 ms).
	Wait, Poll time.Duration
	// Batches bounds a merchant's uploads at the same time (8), Requests a merchant's requests per second (no limit),
	// Waiters all requests that wait for an outcome (1000).
	Batches, Requests, Waiters int
}

func (l Limits) withDefaults() Limits {
	orBytes(&l.Body, 1<<20)
	orBytes(&l.Row, 64<<10)
	orBytes(&l.Callback, 64<<10)
	orTime(&l.Header, 5*time.Second)
	orTime(&l.Read, 30*time.Second)
	orTime(&l.Write, 60*time.Second)
	orTime(&l.Idle, 2*time.Minute)
	orTime(&l.Stall, 60*time.Second)
	orTime(&l.Store, 10*time.Second)
	orTime(&l.Ring, 2*time.Second)
	orTime(&l.Wait, 30*time.Second)
	orTime(&l.Poll, 100*time.Millisecond)
	if l.Batches == 0 {
		l.Batches = 8
	}
	if l.Waiters == 0 {
		l.Waiters = 1000
	}
	return l
}

func orBytes(n *int64, fallback int64) {
	if *n == 0 {
		*n = fallback
	}
}

func orTime(d *time.Duration, fallback time.Duration) {
	if *d == 0 {
		*d = fallback
	}
}

func (c Config) withDefaults() (Config, error) {
	if c.Store == nil || c.Ring == nil {
		return c, errors.New("intake needs a store and a ring")
	}
	if c.Routes == nil {
		c.Routes = defaultRoutes()
	}
	if err := checkRoutes(c.Routes); err != nil {
		return c, err
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Count == nil {
		c.Count = func(string, string) {}
	}
	if c.Observe == nil {
		c.Observe = func(string, int, time.Duration) {}
	}
	orTime(&c.DefaultExpiry, 24*time.Hour)
	orTime(&c.RescueAfter, 30*time.Second)
	orTime(&c.TouchEvery, time.Minute)
	if c.ChunkRows <= 0 {
		c.ChunkRows = 500
	}
	c.Limits = c.Limits.withDefaults()
	return c, nil
}
