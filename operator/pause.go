package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"topupq/topup"
)

// CodeOperator is the reason of a pause by a person.
const CodeOperator topup.Code = "operator"

// ParseScope reads "provider:aat", "operator:reloadly:173", "merchant:mer…", "batch:bat…" or "brake:bat…/reloadly:173".
func ParseScope(text string) (topup.PauseScope, error) {
	kind, name, ok := strings.Cut(strings.TrimSpace(text), ":")
	s := topup.PauseScope{Kind: topup.PauseKind(kind), Name: name}
	if !ok || name == "" || len(name) > 64 {
		return s, &Refusal{"say what to pause: provider:aat, operator:reloadly:173, merchant:mer… or batch:bat…"}
	}
	switch s.Kind {
	case topup.PauseByProvider:
		if _, err := topup.ParseProvider(name); err != nil {
			return s, &Refusal{err.Error()}
		}
	case topup.PauseByOperator:
		provider, number, _ := strings.Cut(name, ":")
		if _, err := topup.ParseProvider(provider); err != nil || number == "" {
			return s, &Refusal{"an operator is named as provider:number, such as reloadly:173"}
		}
	case topup.PauseByMerchant, topup.PauseByBatch, topup.PauseByBrake:
	default:
		return s, &Refusal{fmt.Sprintf("%q cannot be paused: one of provider, operator, merchant, batch", kind)}
	}
	return s, nil
}

// exists refuses a merchant or batch that is not there, so that a misspelt name does not look like a pause.
func (d *Desk) exists(ctx context.Context, s topup.PauseScope) error {
	var err error
	switch s.Kind {
	case topup.PauseByMerchant:
		_, err = d.cfg.Store.GetMerchant(ctx, topup.MerchantID(s.Name))
	case topup.PauseByBrake:
		id, _, _ := strings.Cut(s.Name, "/")
		_, err = d.cfg.Store.GetBatch(ctx, topup.BatchID(id))
	case topup.PauseByBatch:
		_, err = d.cfg.Store.GetBatch(ctx, topup.BatchID(s.Name))
	default: // a provider or an operator needs no record
	}
	if errors.Is(err, topup.ErrNotFound) {
		return &Refusal{fmt.Sprintf("there is no %s %s", s.Kind, s.Name)}
	}
	return err
}

// Pause stops the sending within a scope until somebody resumes it. What was sent is asked about as ever.
func (c *Clerk) Pause(ctx context.Context, by Person, reason string, s topup.PauseScope) error {
	if err := c.desk.exists(ctx, s); err != nil {
		return err
	}
	p := topup.Pause{Reason: CodeOperator, Note: reason, Actor: topup.ActorOperator(by.Name), Since: c.desk.cfg.Now().UTC()}
	return c.frame(ctx, "pause", by, reason, s, func() error { return c.hand.setPause(ctx, s, p) })
}

// Resume ends the pause of a scope, whoever made it. A pause that is not there is refused.
func (c *Clerk) Resume(ctx context.Context, by Person, reason string, s topup.PauseScope) error {
	pauses, err := c.desk.cfg.Store.Pauses(ctx)
	if err != nil {
		return fmt.Errorf("read pauses: %w", err)
	}
	for _, p := range pauses {
		if p.Scope == s {
			return c.frame(ctx, "resume", by, reason, s, func() error { return c.hand.endPause(ctx, s) })
		}
	}
	return &Refusal{fmt.Sprintf("%s is not paused", s)}
}

// frame does one act between its two lines of the audit log.
func (c *Clerk) frame(ctx context.Context, act string, by Person, reason string, s topup.PauseScope, do func() error) error {
	o := Order{By: by, Reason: reason}
	if err := o.check(c.hand.applied()); err != nil {
		return err
	}
	e := topup.AuditEntry{
		At: c.desk.cfg.Now(), Actor: by.Name, Role: by.Role, Remote: by.Remote, Act: act, Target: s.String(), Reason: o.Reason,
	}
	if err := c.hand.begin(ctx, e); err != nil {
		return err
	}
	err := do()
	e.At, e.Detail = c.desk.cfg.Now(), "done"
	if err != nil {
		e.Detail = "failed"
	}
	return errors.Join(err, c.hand.end(ctx, e))
}
