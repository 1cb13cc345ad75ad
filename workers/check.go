package workers

import (
	"context"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"go.uber.org/zap"

	"topupq/jobs"
	"topupq/topup"
)

// Check asks providers what became of top-ups.
type Check struct {
	Config
	gate gate
}

// NewCheck returns the handler of the check queues.
func NewCheck(cfg Config) *Check {
	cfg.Now = ledgerClock(cfg.Now)
	return &Check{Config: cfg, gate: newGate(cfg.Ledger, cfg.Now, nil)}
}

// ProcessTask implements asynq.Handler.
func (c *Check) ProcessTask(ctx context.Context, task *asynq.Task) error {
	return guard(c.Log, c.process)(ctx, task)
}

func (c *Check) process(ctx context.Context, task *asynq.Task) error {
	if p, ok := jobs.DueOf(task); ok {
		return c.askDue(ctx, p)
	}
	id, err := jobs.TopupID(task)
	if err != nil {
		return err
	}
	t, err := c.Ledger.Get(ctx, id)
	if err != nil {
		return err
	}
	return c.ask(ctx, t)
}

// ask puts the question and records the answer. A top-up whose send is still running, or that was never sent, is
// left alone.
func (c *Check) ask(ctx context.Context, t *topup.Topup) error {
	route, ok := c.Routes[t.Provider]
	if !ok {
		return errNoRoute
	}
	if !c.askable(t, route) {
		return nil
	}
	if left, err := c.gate.permit(ctx, t.Provider, route.Rate); err != nil || left > 0 {
		return c.comeBack(ctx, t, left, err)
	}
	allowed, err := route.ration().spend(ctx, c.gate.controls, t.Provider, c.Now())
	if err != nil {
		return err
	}
	if !allowed {
		return c.putOff(ctx, t, route)
	}
	put := c.Now()
	o := route.check(topup.WithSpend(ctx, c.spender(route, t.Provider)), t.Ref(), c.Log)
	return c.record(context.WithoutCancel(ctx), t, route, o, put)
}

// askable reports whether the provider can know anything of t yet.
func (c *Check) askable(t *topup.Topup, r *Route) bool {
	switch t.State {
	case topup.Accepted, topup.Held, topup.Reversed:
		return false
	case topup.Submitting:
		return !c.Now().Before(t.SendDeadline.Add(r.Policy.Margin))
	default:
		return true
	}
}

// spender takes the permission for every further call that a question takes.
func (c *Check) spender(r *Route, p topup.ProviderName) func(context.Context) error {
	return func(ctx context.Context) error {
		left, err := c.gate.permit(ctx, p, r.Rate)
		if err != nil {
			return err
		}
		if left > 0 {
			return fmt.Errorf("%w: the rate limit is reached", topup.ErrSpent)
		}
		allowed, err := r.ration().spend(ctx, c.gate.controls, p, c.Now())
		if err == nil && !allowed {
			err = topup.ErrSpent
		}
		return err
	}
}

// putOff leaves the question to the next scheduled check: the budget of questions is used up, which proves nothing.
func (c *Check) putOff(ctx context.Context, t *topup.Topup, r *Route) error {
	next, err := c.Ledger.UpdateLoaded(ctx, t, func(t *topup.Topup) error { return t.PutOff(c.policy(t, r), c.Now()) })
	if err == nil {
		c.Config.after(ctx, t, next)
	}
	return err
}

func (c *Check) comeBack(ctx context.Context, t *topup.Topup, left time.Duration, err error) error {
	if err != nil {
		return err
	}
	rev := t.Rev
	_, err = c.Ledger.UpdateLoaded(ctx, t, func(t *topup.Topup) error {
		if t.Rev != rev {
			return topup.ErrUnchanged // it has moved on, and has its own time
		}
		t.DueAt = c.Now().Add(left)
		return nil
	})
	return err
}

// record writes the answer to the question about asked that was put at put. What was not there counts from then on,
// not from when the answer came.
func (c *Check) record(ctx context.Context, asked *topup.Topup, r *Route, o topup.Outcome, put time.Time) error {
	recovered, err := c.Ledger.Recovered(ctx)
	if err != nil {
		return err
	}
	before, next, err := c.update(ctx, asked, func(t *topup.Topup) error {
		// An answer about an earlier send says nothing about a later one, but that it was delivered.
		if (t.Attempts != asked.Attempts || t.Provider != asked.Provider) && o.Answer != topup.Delivered {
			return topup.ErrUnchanged
		}
		// Where it takes two answers, those of questions that were put side by side are one, as are repeats of one write.
		if t.Checks != asked.Checks && (o.Answer == topup.Absent || t.State.Closed()) {
			return topup.ErrUnchanged
		}
		if err := seal(c.Keyring, t, o.PIN); err != nil {
			return err
		}
		t.Doubt(r.Policy, recovered, c.Now())
		if o.Answer == topup.Absent {
			return t.RecordCheck(c.policy(t, r), o, put)
		}
		return t.RecordCheck(c.policy(t, r), o, c.Now())
	})
	if err != nil {
		return err
	}
	c.Log.Debug("asked", zap.String("topup", string(next.ID)), zap.Stringer("answer", o.Answer), zap.Stringer("state", next.State))
	c.Config.after(ctx, before, next)
	return c.Config.goOn(ctx, before, next)
}
