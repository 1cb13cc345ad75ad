package workers

import (
	"context"
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
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Check{Config: cfg, gate: newGate(cfg.Ledger, cfg.Now)}
}

// ProcessTask implements asynq.Handler.
func (c *Check) ProcessTask(ctx context.Context, task *asynq.Task) error {
	return guard(c.Log, c.process)(ctx, task)
}

func (c *Check) process(ctx context.Context, task *asynq.Task) error {
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
	switch t.State {
	case topup.Accepted, topup.Held, topup.Reversed:
		return nil
	case topup.Submitting:
		if c.Now().Before(t.SendDeadline.Add(route.Policy.Margin)) {
			return nil
		}
	}
	day := c.Now().UTC().Format("20060102")
	allowed, err := c.gate.controls.SpendCall(ctx, t.Provider, day, route.StatusBudget)
	if err != nil {
		return err
	}
	if !allowed {
		return c.putOff(ctx, t, route)
	}
	if left, err := c.gate.permit(ctx, t.Provider, route.Rate); err != nil || left > 0 {
		return c.comeBack(ctx, t, left, err)
	}
	o := route.check(ctx, t.Ref(), c.Log)
	return c.record(context.WithoutCancel(ctx), t, route, o)
}

// putOff leaves the question to the next sweep: the day's budget of questions is used up, which proves nothing.
func (c *Check) putOff(ctx context.Context, t *topup.Topup, r *Route) error {
	_, err := c.Ledger.UpdateLoaded(ctx, t, func(t *topup.Topup) error {
		t.DueAt = r.Policy.Plan.Sweep(c.Now())
		return nil
	})
	return err
}

func (c *Check) comeBack(ctx context.Context, t *topup.Topup, left time.Duration, err error) error {
	if err != nil {
		return err
	}
	_, err = c.Ledger.UpdateLoaded(ctx, t, func(t *topup.Topup) error {
		t.DueAt = c.Now().Add(left)
		return nil
	})
	return err
}

func (c *Check) record(ctx context.Context, asked *topup.Topup, r *Route, o topup.Outcome) error {
	before, next, err := c.update(ctx, asked, func(t *topup.Topup) error {
		// An answer about an earlier send says nothing about a later one, but that it was delivered.
		if t.Attempts != asked.Attempts && o.Answer != topup.Delivered {
			return topup.ErrUnchanged
		}
		if err := seal(c.Keyring, t, o.PIN); err != nil {
			return err
		}
		return t.RecordCheck(r.Policy, o, c.Now())
	})
	if err != nil {
		return err
	}
	c.Log.Debug("asked", zap.String("topup", string(next.ID)), zap.Stringer("answer", o.Answer), zap.Stringer("state", next.State))
	c.Config.after(ctx, before, next)
	return c.Config.goOn(ctx, before, next)
}
