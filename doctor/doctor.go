// Package doctor looks over an installation and says what is wrong with it and how to mend it. It reads, dials and
// asks for balances; it moves nothing.
package doctor

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/shopspring/decimal"

	"topupq/topup"
)

// Level says how bad a finding is.
type Level string

// The levels. Bad means that money may be lost or nothing works, Warn that a person should look.
const (
	Good Level = "ok"
	Warn Level = "warning"
	Bad  Level = "fault"
)

// Finding is one thing that was looked at.
type Finding struct {
	Level Level `json:"level"`
	// Part is what was looked at, What what was found, Mend what to do about it.
	Part string `json:"part"`
	What string `json:"what"`
	Mend string `json:"mend,omitempty"`
}

// User is an operator as the settings name it.
type User struct {
	Name string
	// MayAct is false for viewers; Hashed means that the password is a hash; Weak that it is empty or the name.
	MayAct, Hashed, Weak bool
}

// Provider is one that can be asked for its float.
type Provider interface {
	Balance(ctx context.Context) (topup.Money, error)
}

// Texts is the SMS provider, which can be asked for the credits that are left.
type Texts interface {
	Credits(ctx context.Context) (decimal.Decimal, error)
}

// Store is what is read of the ledger.
type Store interface {
	Ping(ctx context.Context) error
	ListMerchants(ctx context.Context) ([]*topup.Merchant, error)
	Backlog(ctx context.Context) (topup.Backlog, error)
	Recovered(ctx context.Context) (time.Time, error)
	Alarms(ctx context.Context) ([]topup.Alarm, error)
	topup.Operations
}

// Config is the installation.
type Config struct {
	Ledger, Queue redis.UniversalClient
	Store         Store
	// Durability is "always", "everysec", "none" or "unchecked", as the roles demand it.
	Durability string
	Keyring    topup.Keyring
	Users      []User
	// Issuer means that people may log in at an OpenID Connect issuer, too.
	Issuer bool
	// TwoPeople means that some resolves need two people.
	TwoPeople bool
	// Providers are the configured ones; BaseURLs theirs; Routes the provider by country.
	Providers map[topup.ProviderName]Provider
	BaseURLs  map[topup.ProviderName]string
	// Texts is who sends PINs by SMS, nil where nobody does.
	Texts  Texts
	Routes map[string]topup.ProviderName
	// AllowPrivate means that callbacks may go to private addresses.
	AllowPrivate bool
	// Reach opens a connection to a merchant's endpoint, with its TLS, and closes it. Nothing is sent.
	Reach func(ctx context.Context, url string) error
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// checkTimeout bounds each part.
const checkTimeout = 15 * time.Second

// Run looks at everything, at the parts side by side, and returns the findings in a fixed order.
func Run(ctx context.Context, cfg Config) []Finding {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := ping(ctx, cfg.Store); err != nil {
		return append([]Finding{{Bad, "redis", "the ledger's Redis cannot be read and written: " + err.Error(),
			"start it, make room in it, or point TOPUPQ_REDIS_URL at the primary"}}, settings(cfg)...)
	}
	parts := []func(context.Context, Config) []Finding{
		durability, server, clock, encryption, func(_ context.Context, c Config) []Finding { return settings(c) },
		providers, texts, endpoints, queues, work,
	}
	found := make([][]Finding, len(parts))
	var wg sync.WaitGroup
	for i, look := range parts {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, checkTimeout)
			defer cancel()
			found[i] = look(ctx, cfg)
		})
	}
	wg.Wait()
	var out []Finding
	for _, f := range found {
		out = append(out, f...)
	}
	return out
}

func ping(ctx context.Context, s Store) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return s.Ping(ctx)
}

// Worst is the highest level among the findings.
func Worst(found []Finding) Level {
	worst := Good
	for _, f := range found {
		if f.Level == Bad || (f.Level == Warn && worst == Good) {
			worst = f.Level
		}
	}
	return worst
}

// or is the findings, or one good one where there are none.
func or(found []Finding, part, good string) []Finding {
	if len(found) == 0 {
		return []Finding{{Level: Good, Part: part, What: good}}
	}
	return found
}
