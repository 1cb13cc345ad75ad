package operator

import (
	"context"
	"time"

	"topupq/topup"
)

// AgeBounds are the ages by which the overview sorts what stands open.
var AgeBounds = []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 3 * time.Hour, 24 * time.Hour}

// Overview is the state of the whole installation at a moment.
type Overview struct {
	At      time.Time
	Stocks  []topup.Stock
	Backlog topup.Backlog
	Pauses  []topup.ScopedPause
	Leader  string
	// Alarms are those in force.
	Alarms []topup.Alarm
	// Away are the providers that processes cannot reach.
	Away    []topup.Away
	Figures Figures
	// Proposed counts the resolutions that wait for a second person.
	Proposed int
}

// Overview reads the state, with the figures of the last minutes.
func (d *Desk) Overview(ctx context.Context, minutes int) (Overview, error) {
	now := d.cfg.Now()
	o := Overview{At: now}
	var pulses []topup.Pulse
	var proposals []topup.Proposal
	reads := []func() error{
		func() (err error) { o.Stocks, err = d.cfg.Store.Stocks(ctx, now, AgeBounds); return err },
		func() (err error) { o.Backlog, err = d.cfg.Store.Backlog(ctx); return err },
		func() (err error) { o.Pauses, err = d.cfg.Store.Pauses(ctx); return err },
		func() (err error) { o.Leader, err = d.cfg.Store.Leader(ctx); return err },
		func() (err error) { o.Alarms, err = d.cfg.Store.Alarms(ctx); return err },
		func() (err error) { o.Away, err = d.cfg.Store.Away(ctx, now); return err },
		func() (err error) { proposals, err = d.cfg.Store.Proposals(ctx); return err },
		func() (err error) {
			pulses, err = d.cfg.Store.ReadPulse(ctx, now.Add(-time.Duration(minutes-1)*time.Minute), now.Add(time.Second))
			return err
		},
	}
	for _, read := range reads {
		if err := read(); err != nil {
			return o, err
		}
	}
	o.Figures, o.Proposed = Count(pulses), len(proposals)
	return o, nil
}

// Topup returns one top-up, and the proposal that waits for it.
func (d *Desk) Topup(ctx context.Context, id topup.ID) (*topup.Topup, *topup.Proposal, error) {
	t, err := d.cfg.Store.Get(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	open, err := d.proposals(ctx)
	if p, ok := open[id]; ok {
		return t, &p, err
	}
	return t, nil, err
}

// Exchanges are the exchanges with the provider about t, as far as they are known.
func (d *Desk) Exchanges(ctx context.Context, t *topup.Topup) ([]topup.Exchange, error) {
	kept, err := d.cfg.Store.Exchanges(ctx, t.ID, d.cfg.Now())
	return t.ExchangesOf(kept), err
}

// MerchantNames are the merchants' names by ID.
func (d *Desk) MerchantNames(ctx context.Context) (map[topup.MerchantID]string, error) {
	all, err := d.cfg.Store.ListMerchants(ctx)
	out := make(map[topup.MerchantID]string, len(all))
	for _, m := range all {
		out[m.ID] = m.Name
	}
	return out, err
}

// Pauses are those in force; Proposals the resolutions that wait for a second person.
func (d *Desk) Pauses(ctx context.Context) ([]topup.ScopedPause, error) {
	return d.cfg.Store.Pauses(ctx)
}

// Proposals are the resolutions that wait for a second person, the oldest first.
func (d *Desk) Proposals(ctx context.Context) ([]topup.Proposal, error) {
	return d.cfg.Store.Proposals(ctx)
}

// AuditLog returns entries of the audit log; see topup.Operations.
func (d *Desk) AuditLog(ctx context.Context, from, limit int64) ([]topup.AuditEntry, int64, error) {
	return d.cfg.Store.AuditLog(ctx, from, limit)
}

// VerifyLog recomputes the audit log's chain; see the function of that name.
func (d *Desk) VerifyLog(ctx context.Context) (Mark, error) {
	return VerifyLog(ctx, d.cfg.Store, Mark{})
}

// Limits are the amounts above which two people are needed.
func (d *Desk) Limits() Limits { return d.cfg.TwoPeopleAbove }
