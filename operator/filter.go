package operator

import (
	"context"
	"fmt"
	"slices"
	"time"

	"topupq/topup"
)

// Filter chooses top-ups of all merchants. Zero fields match everything; the empty Filter is refused.
type Filter struct {
	IDs []topup.ID
	// Reference is the merchant's, Recipient the number, ProviderID any ID that the provider or operator gave.
	Reference  string
	Recipient  topup.MSISDN
	ProviderID string

	Merchant topup.MerchantID
	Batch    topup.BatchID
	Provider topup.ProviderName
	States   []topup.State
	// Code is that of the failure, of the hold, of what it waits for or of the last move.
	Code topup.Code
	// From and To bound the creation: From <= t < To.
	From, To time.Time
}

// IsZero reports whether the filter names nothing at all.
func (f Filter) IsZero() bool {
	return len(f.IDs) == 0 && f.Reference == "" && f.Recipient == "" && f.ProviderID == "" && f.Merchant == "" && f.Batch == "" &&
		f.Provider == "" && len(f.States) == 0 && f.Code == "" && f.From.IsZero() && f.To.IsZero()
}

// Matches reports whether t is chosen.
func (f Filter) Matches(t *topup.Topup) bool {
	switch {
	case len(f.IDs) > 0 && !slices.Contains(f.IDs, t.ID),
		f.Reference != "" && t.Reference != f.Reference,
		f.Recipient != "" && t.Recipient != f.Recipient,
		f.ProviderID != "" && !slices.Contains([]string{t.ProviderReference, t.ProviderTransactionID, t.OperatorTransactionID}, f.ProviderID),
		f.Merchant != "" && t.Merchant != f.Merchant,
		f.Batch != "" && t.Batch != f.Batch,
		f.Provider != "" && t.Provider != f.Provider,
		len(f.States) > 0 && !slices.Contains(f.States, t.State),
		f.Code != "" && !hasCode(t, f.Code),
		!f.From.IsZero() && t.CreatedAt.Before(f.From),
		!f.To.IsZero() && !t.CreatedAt.Before(f.To):
		return false
	}
	return true
}

func hasCode(t *topup.Topup, code topup.Code) bool {
	if (t.Failure != nil && (t.Failure.Code == code || t.Failure.ProviderCode == string(code))) || t.Waiting == code {
		return true
	}
	n := len(t.History)
	return n > 0 && (t.History[n-1].Reason == code || t.History[n-1].ProviderCode == string(code))
}

// Found is what a Filter chose; More means that there are more than the limit.
type Found struct {
	Topups []*topup.Topup
	More   bool
}

// pageSize is how many records are read at a time.
const pageSize = 500

// Select returns up to limit top-ups that f chooses. Held, pending, unknown and unresolved ones, batches, numbers and
// references are found by index; other searches walk the merchants' days, 35 of them unless From says otherwise.
func (d *Desk) Select(ctx context.Context, f Filter, limit int) (Found, error) {
	var out Found
	if f.IsZero() {
		return out, &Refusal{"the filter is empty: name at least one thing to choose by"}
	}
	take := func(ts []*topup.Topup) bool {
		for _, t := range ts {
			if t == nil || !f.Matches(t) {
				continue
			}
			if len(out.Topups) == limit {
				out.More = true
				return false
			}
			out.Topups = append(out.Topups, t)
		}
		return true
	}
	return out, d.walk(ctx, f, take)
}

// walk hands candidates to take until it says false.
func (d *Desk) walk(ctx context.Context, f Filter, take func([]*topup.Topup) bool) error {
	switch {
	case len(f.IDs) > 0:
		return d.walkIDs(ctx, f.IDs, take)
	case f.Reference != "":
		return d.walkReference(ctx, f, take)
	case f.Recipient != "" || f.Batch != "":
		return d.walkList(ctx, topup.Query{Merchant: f.Merchant, Batch: f.Batch, Recipient: f.Recipient, From: f.From, To: f.To, Match: f.Matches}, take)
	case len(f.States) > 0 && !slices.ContainsFunc(f.States, func(s topup.State) bool { return !s.Stands() }):
		return d.walkStanding(ctx, f, take)
	default:
		return d.walkMerchants(ctx, f, take)
	}
}

func (d *Desk) walkIDs(ctx context.Context, ids []topup.ID, take func([]*topup.Topup) bool) error {
	for part := range slices.Chunk(ids, pageSize) {
		ts, err := d.cfg.Store.GetMany(ctx, part)
		if err != nil {
			return fmt.Errorf("read top-ups: %w", err)
		}
		if !take(ts) {
			return nil
		}
	}
	return nil
}

// walkReference asks for the reference under every merchant, since it is unique only there.
func (d *Desk) walkReference(ctx context.Context, f Filter, take func([]*topup.Topup) bool) error {
	merchants, err := d.merchants(ctx, f.Merchant)
	if err != nil {
		return err
	}
	ids := make([]topup.ID, len(merchants))
	for i, m := range merchants {
		ids[i] = topup.NewID(m, f.Reference)
	}
	return d.walkIDs(ctx, ids, take)
}

func (d *Desk) walkList(ctx context.Context, q topup.Query, take func([]*topup.Topup) bool) error {
	q.Limit = pageSize
	for {
		page, err := d.cfg.Store.List(ctx, q)
		if err != nil {
			return fmt.Errorf("list top-ups: %w", err)
		}
		if !take(page.Topups) || page.Next == "" {
			return nil
		}
		q.Cursor = page.Next
	}
}

func (d *Desk) walkStanding(ctx context.Context, f Filter, take func([]*topup.Topup) bool) error {
	providers := topup.Providers
	if f.Provider != "" {
		providers = []topup.ProviderName{f.Provider}
	}
	for _, state := range f.States {
		for _, p := range providers {
			more, err := d.walkStand(ctx, state, p, take)
			if err != nil || !more {
				return err
			}
		}
	}
	return nil
}

func (d *Desk) walkStand(ctx context.Context, state topup.State, p topup.ProviderName, take func([]*topup.Topup) bool) (bool, error) {
	cursor := ""
	for {
		ids, next, err := d.cfg.Store.Standing(ctx, state, p, cursor, pageSize)
		if err != nil {
			return false, fmt.Errorf("list %s: %w", state, err)
		}
		ts, err := d.cfg.Store.GetMany(ctx, ids)
		if err != nil {
			return false, fmt.Errorf("read top-ups: %w", err)
		}
		if !take(ts) {
			return false, nil
		}
		if cursor = next; cursor == "" {
			return true, nil
		}
	}
}

func (d *Desk) walkMerchants(ctx context.Context, f Filter, take func([]*topup.Topup) bool) error {
	merchants, err := d.merchants(ctx, f.Merchant)
	if err != nil {
		return err
	}
	for _, m := range merchants {
		more := true
		q := topup.Query{Merchant: m, From: f.From, To: f.To, Match: f.Matches}
		err := d.walkList(ctx, q, func(ts []*topup.Topup) bool { more = take(ts); return more })
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (d *Desk) merchants(ctx context.Context, only topup.MerchantID) ([]topup.MerchantID, error) {
	if only != "" {
		return []topup.MerchantID{only}, nil
	}
	all, err := d.cfg.Store.ListMerchants(ctx)
	if err != nil {
		return nil, fmt.Errorf("list merchants: %w", err)
	}
	ids := make([]topup.MerchantID, len(all))
	for i, m := range all {
		ids[i] = m.ID
	}
	return ids, nil
}
