package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"topupq/topup"
)

// when is how times are written for people.
const when = "2006-01-02 15:04:05 UTC"

// auditedIDs bounds the IDs that one line of the audit log names.
const auditedIDs = 50

// run classes every chosen top-up, and does what each class asks for.
func (c *Clerk) run(ctx context.Context, act string, o Order, decide func(*topup.Topup) Row, do func(*topup.Topup) error) (*Report, error) {
	if err := o.check(c.hand.applied()); err != nil {
		return nil, err
	}
	found, err := c.desk.Select(ctx, o.Filter, o.Limit)
	if err != nil {
		return nil, err
	}
	r := &Report{More: found.More, Applied: c.hand.applied()}
	for _, t := range found.Topups {
		row := decide(t)
		row.ID, row.Merchant, row.Reference, row.Provider = t.ID, t.Merchant, t.Reference, t.Provider
		row.State, row.Amount = t.State, t.Amount
		r.Rows = append(r.Rows, row)
	}
	r.Rows = append(r.Rows, missing(o.Filter.IDs, found.Topups)...)
	entry := topup.AuditEntry{
		At: c.desk.cfg.Now(), Actor: o.By.Name, Role: o.By.Role, Remote: o.By.Remote, Act: act,
		Target: target(o.Filter, r.Rows), Reason: o.Reason, Detail: r.Summary(),
	}
	if err := c.hand.begin(ctx, entry); err != nil {
		return nil, err
	}
	c.work(ctx, r, found.Topups, do)
	entry.At, entry.Detail = c.desk.cfg.Now(), outcome(r)
	return r, c.hand.end(ctx, entry)
}

// work does the rows that act. One that fails does not keep the others back; a store that is away ends it.
func (c *Clerk) work(ctx context.Context, r *Report, ts []*topup.Topup, do func(*topup.Topup) error) {
	for i, t := range ts {
		row := &r.Rows[i]
		if !row.Verdict.Acts() {
			continue
		}
		err := do(t)
		var refused *Refusal
		switch {
		case err == nil:
			row.Done = c.hand.applied()
		case errors.As(err, &refused):
			row.Failed = refused.Why
		case errors.Is(err, topup.ErrUnavailable), ctx.Err() != nil:
			row.Failed = "the store is away: what was not reached can be ordered again"
			return
		default:
			row.Failed = "it could not be done: try again"
		}
	}
}

func missing(ids []topup.ID, ts []*topup.Topup) []Row {
	var out []Row
	for _, id := range ids {
		if !slices.ContainsFunc(ts, func(t *topup.Topup) bool { return t.ID == id }) {
			out = append(out, Row{ID: id, Verdict: Cannot, Why: "there is no such top-up, or the rest of the filter does not choose it"})
		}
	}
	return out
}

func outcome(r *Report) string {
	acting, done, failed := r.Acting()
	return fmt.Sprintf("%d of %d done, %d failed", done, acting, failed)
}

// target names what an act is done to: the filter, and the first IDs that it chose. A number is masked.
func target(f Filter, rows []Row) string {
	var ids []string
	for _, row := range rows[:min(len(rows), auditedIDs)] {
		if row.Verdict.Acts() {
			ids = append(ids, string(row.ID))
		}
	}
	return strings.TrimSpace(f.String() + " → " + strings.Join(ids, " "))
}

// String is the filter in words, with its number masked.
func (f Filter) String() string {
	var out []string
	add := func(name, value string) {
		if value != "" {
			out = append(out, name+"="+value)
		}
	}
	if len(f.IDs) > 0 {
		add("ids", fmt.Sprint(len(f.IDs)))
	}
	add("reference", f.Reference)
	if f.Recipient != "" {
		add("recipient", f.Recipient.Masked())
	}
	add("provider-id", f.ProviderID)
	add("merchant", string(f.Merchant))
	add("batch", string(f.Batch))
	add("provider", string(f.Provider))
	for _, s := range f.States {
		add("state", s.String())
	}
	add("code", string(f.Code))
	for name, t := range map[string]time.Time{"from": f.From, "to": f.To} {
		if !t.IsZero() {
			add(name, t.UTC().Format(when))
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}
