package dayend

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"topupq/archive"
	"topupq/report"
	"topupq/topup"
)

// Store is what the end of a day needs of the ledger.
type Store interface {
	GetMany(ctx context.Context, ids []topup.ID) ([]*topup.Topup, error)
	SpendCall(ctx context.Context, p topup.ProviderName, day string, budget int64) (bool, error)
	SpentCalls(ctx context.Context, p topup.ProviderName, day string) (int64, error)
	topup.Days
}

// Provider is one provider as the end of a day sees it.
type Provider struct {
	Provider topup.Provider
	// Plan has the zone of the day and the time of the sweep; Budget is that of status calls a day, 0 for no limit.
	Plan   topup.Plan
	Budget int64
}

// Config is what a Closer works with. Store and Log are required.
type Config struct {
	Store     Store
	Providers map[topup.ProviderName]Provider
	// Shelf is the archive, nil for none: then nothing ever leaves the ledger.
	Shelf archive.Shelf
	// Keep is how long a closed top-up stays in the ledger. Default 35 days.
	Keep time.Duration
	Log  *zap.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

const defaultKeep = 35 * 24 * time.Hour

// Closer closes days. It is safe for concurrent use.
type Closer struct{ cfg Config }

// New returns a closer.
func New(cfg Config) (*Closer, error) {
	if cfg.Store == nil || cfg.Log == nil {
		return nil, errors.New("the end of a day needs a store and a log")
	}
	if cfg.Keep <= 0 {
		cfg.Keep = defaultKeep
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Closer{cfg}, nil
}

// ErrNoProvider means that a day is asked for of a provider that is not configured.
var ErrNoProvider = errors.New("provider_not_configured")

// day reads a date as a day of the provider.
func (c *Closer) day(p topup.ProviderName, date string) (Provider, report.Day, error) {
	provider, ok := c.cfg.Providers[p]
	if !ok {
		return Provider{}, report.Day{}, ErrNoProvider
	}
	d, err := report.ParseDay(date, provider.Plan.Location)
	return provider, d, err
}

// kept calls do for the provider's top-ups made in [from, to) that are in the ledger.
func (c *Closer) kept(ctx context.Context, p topup.ProviderName, from, to time.Time) func(do func(*topup.Topup) error) error {
	return func(do func(*topup.Topup) error) error {
		return c.cfg.Store.EachCreated(ctx, "", from, to, only(p, do))
	}
}

// earlier calls do for the provider's top-ups made before a day that may have changed on it.
func (c *Closer) earlier(ctx context.Context, p topup.ProviderName, d report.Day) func(do func(*topup.Topup) error) error {
	return func(do func(*topup.Topup) error) error {
		if err := c.each(ctx, p, d.From.Add(-topup.LateAfter), d.From)(do); err != nil {
			return err
		}
		return c.cfg.Store.EachLate(ctx, "", d.From, d.To, only(p, do))
	}
}

func only(p topup.ProviderName, do func(*topup.Topup) error) func(*topup.Topup) error {
	return func(t *topup.Topup) error {
		if t.Provider != p {
			return nil
		}
		return do(t)
	}
}
