package clients

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"topupq/clients/aat"
)

// aatCatalogue keeps the vouchers of each network for a while, so that a batch does not read them for every row.
type aatCatalogue struct {
	client *aat.Client
	age    time.Duration
	clock  func() time.Time

	mu       sync.Mutex
	networks map[int]*aatEntry
}

// aatEntry is one network's vouchers. Who holds turn may read and write the rest; one reader loads, the others wait.
type aatEntry struct {
	turn   chan struct{}
	loaded time.Time
	offers []aatOffer
}

// aatShelf is what the catalogue has of a network; cached means that it was not read just now.
type aatShelf struct {
	offers []aatOffer
	cached bool
}

func newAATCatalogue(client *aat.Client, age time.Duration, clock func() time.Time) *aatCatalogue {
	return &aatCatalogue{client: client, age: age, clock: clock, networks: map[int]*aatEntry{}}
}

// of returns the vouchers of a network, read anew when fresh is true or what is kept is too old. The error is the
// wire client's, or that of ctx.
func (c *aatCatalogue) of(ctx context.Context, network aat.NetworkInfo, fresh bool) (aatShelf, error) {
	e := c.entry(network.ID)
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return aatShelf{}, ctx.Err()
	}
	now := c.clock()
	if !fresh && !e.loaded.IsZero() && now.Sub(e.loaded) < c.age {
		return aatShelf{offers: e.offers, cached: true}, nil
	}
	offers, err := c.load(ctx, network.ID)
	if err != nil {
		return aatShelf{}, err
	}
	e.offers, e.loaded = offers, now
	return aatShelf{offers: offers}, nil
}

// drop makes the next of read the network anew.
func (c *aatCatalogue) drop(network int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.networks, network)
}

func (c *aatCatalogue) entry(network int) *aatEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.networks[network]
	if e == nil {
		e = &aatEntry{turn: make(chan struct{}, 1)}
		c.networks[network] = e
	}
	return e
}

// load reads every voucher of every type. A type without vouchers is no failure.
func (c *aatCatalogue) load(ctx context.Context, network int) ([]aatOffer, error) {
	types, err := c.client.GetVoucherType(ctx, network)
	if err != nil {
		return nil, err
	}
	var offers []aatOffer
	for _, t := range types {
		vouchers, err := c.client.GetVoucher(ctx, network, t.ID)
		var api *aat.APIError
		if errors.As(err, &api) && api.Kind == aat.KindNoVoucher {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, v := range vouchers {
			offers = append(offers, aatOffer{VoucherDetails: v, kind: t.Name, fixed: t.FixedAmount})
		}
	}
	return offers, nil
}

// choose returns the voucher for p: one that takes an amount before one with a fixed price, since the amount is then
// on the wire; then the narrower range; then the lower id.
func (s aatShelf) choose(p *aatPurchase, airtime []string) (aatOffer, bool) {
	var suitable []aatOffer
	for _, o := range s.offers {
		if o.suits(p, airtime) {
			suitable = append(suitable, o)
		}
	}
	if len(suitable) == 0 {
		return aatOffer{}, false
	}
	return slices.MinFunc(suitable, func(a, b aatOffer) int {
		if a.fixed != b.fixed {
			if b.fixed {
				return -1
			}
			return 1
		}
		return cmp.Or(a.width().Cmp(b.width()), cmp.Compare(a.ID, b.ID))
	}), true
}

func (s aatShelf) byID(id int) (aatOffer, bool) {
	i := slices.IndexFunc(s.offers, func(o aatOffer) bool { return o.ID == id })
	if i < 0 {
		return aatOffer{}, false
	}
	return s.offers[i], true
}
