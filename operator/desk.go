package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"topupq/topup"
)

// Store is what the desk needs of the ledger.
type Store interface {
	Get(ctx context.Context, id topup.ID) (*topup.Topup, error)
	GetMany(ctx context.Context, ids []topup.ID) ([]*topup.Topup, error)
	Update(ctx context.Context, id topup.ID, change func(*topup.Topup) error) (*topup.Topup, error)
	List(ctx context.Context, q topup.Query) (topup.Page, error)
	GetBatch(ctx context.Context, id topup.BatchID) (*topup.Batch, error)
	GetMerchant(ctx context.Context, id topup.MerchantID) (*topup.Merchant, error)
	ListMerchants(ctx context.Context) ([]*topup.Merchant, error)
	Backlog(ctx context.Context) (topup.Backlog, error)
	Recovered(ctx context.Context) (time.Time, error)
	MarkRecovered(ctx context.Context, at time.Time) error
	Alarms(ctx context.Context) ([]topup.Alarm, error)
	Away(ctx context.Context, now time.Time) ([]topup.Away, error)
	Exchanges(ctx context.Context, id topup.ID, now time.Time) ([]topup.Exchange, error)
	topup.Operations
}

// Bell rings for what was decided.
type Bell interface {
	SendsAgain(ctx context.Context, p topup.ProviderName, due []topup.Due) error
	Checks(ctx context.Context, p topup.ProviderName, due []topup.Due) error
	Callback(ctx context.Context, id string) error
}

// Config is what a Desk works with. Store and Bell are required.
type Config struct {
	Store Store
	Bell  Bell
	// Providers are the configured ones: what belongs to another cannot be sent or asked.
	Providers []topup.ProviderName
	// TwoPeopleAbove bounds what one person may resolve alone; see ParseLimits.
	TwoPeopleAbove Limits
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Desk is where people step in. It is safe for concurrent use.
type Desk struct{ cfg Config }

// New returns a desk.
func New(cfg Config) (*Desk, error) {
	if cfg.Store == nil || cfg.Bell == nil {
		return nil, errors.New("the operators' desk needs a store and a bell")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Desk{cfg}, nil
}

// Person is who acts. Proven means that a password has shown it: without that nobody is one of two people.
type Person struct {
	Name, Role, Remote string
	Proven             bool
}

// Refusal is an act that the rules do not allow, in words for whoever asked.
type Refusal struct{ Why string }

// Error is the reason.
func (r *Refusal) Error() string { return r.Why }

// Order is what a person asks for: why, and to which top-ups.
type Order struct {
	By     Person
	Reason string
	Filter Filter
	// Limit bounds the top-ups of one order; 0 is DefaultLimit.
	Limit int
}

const (
	// DefaultLimit and MaxLimit bound the top-ups of one order.
	DefaultLimit = 1000
	// MaxLimit is the most that may be asked for.
	MaxLimit  = 100_000
	maxReason = 500
)

// check refuses an order that says too little. reason tells whether one is needed.
func (o *Order) check(reason bool) error {
	o.Reason = strings.TrimSpace(o.Reason)
	switch {
	case reason && o.Reason == "":
		return &Refusal{"a reason is missing: say why, it is kept with every top-up and in the audit log"}
	case len(o.Reason) > maxReason:
		return &Refusal{fmt.Sprintf("the reason is too long: at most %d bytes", maxReason)}
	case o.By.Name == "":
		return &Refusal{"nobody is named who acts"}
	}
	if o.Limit <= 0 {
		o.Limit = DefaultLimit
	}
	o.Limit = min(o.Limit, MaxLimit)
	return nil
}

// configured reports whether the provider can be sent to and asked.
func (d *Desk) configured(p topup.ProviderName) bool {
	for _, c := range d.cfg.Providers {
		if c == p {
			return true
		}
	}
	return false
}
