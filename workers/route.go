package workers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// Route is one provider as the workers use it.
type Route struct {
	Provider topup.Provider
	Policy   topup.Policy
	// Rate is the most calls per second (0 for no limit), Spacing the pause between two top-ups of one number,
	// StatusBudget the most questions a day (0 for no limit).
	Rate         int
	Spacing      time.Duration
	StatusBudget int64
	// StatusTimeout bounds one question. Default 30 s.
	StatusTimeout time.Duration

	breaker *breaker
}

// Routes are the configured providers.
type Routes map[topup.ProviderName]*Route

const defaultStatusTimeout = 30 * time.Second

// NewRoutes completes the routes with their breakers.
func NewRoutes(routes map[topup.ProviderName]Route) Routes {
	out := make(Routes, len(routes))
	for name, r := range routes {
		if r.StatusTimeout == 0 {
			r.StatusTimeout = defaultStatusTimeout
		}
		r.breaker = newBreaker(name)
		out[name] = &r
	}
	return out
}

// submit makes the paying call once. Whatever goes wrong, a panic included, is an outcome: an answer that proves
// nothing is Unclear.
func (r *Route) submit(ctx context.Context, o topup.Order, log *zap.Logger) (out topup.Outcome) {
	done := func(error) {}
	defer func() {
		if p := recover(); p != nil {
			done(nil) // or a probe that panics would leave the breaker waiting for it for ever
			log.Error("provider panicked while sending", zap.String("topup", string(o.Reference)))
			out = topup.Outcome{Answer: topup.Unclear, Code: topup.CodeAnswerUnreadable}
		}
	}()
	ended, err := r.breaker.Allow()
	if err != nil {
		return topup.Outcome{Answer: topup.NotTaken, Code: topup.CodeProviderUnreachable, Unspent: true, RetryAfter: breakerPause}
	}
	done = ended
	out, err = r.Provider.Submit(ctx, o)
	done(unreachable(err))
	if err != nil {
		log.Warn("send failed", zap.String("topup", string(o.Reference)), zap.Error(err))
		return outcomeOf(err)
	}
	return out
}

// unreachable is err when it says that the provider cannot be reached, for the breaker.
func unreachable(err error) error {
	var ns *topup.NotSentError
	if errors.As(err, &ns) {
		return err
	}
	return nil
}

// outcomeOf is what a failed Submit allows us to conclude.
func outcomeOf(err error) topup.Outcome {
	var ns *topup.NotSentError
	if errors.As(err, &ns) {
		code := ns.Code
		if code == "" {
			code = topup.CodeProviderUnreachable
		}
		return topup.Outcome{Answer: topup.NotTaken, Code: code, RetryAfter: ns.RetryAfter}
	}
	return topup.Outcome{Answer: topup.Unclear, Code: topup.CodeAnswerLost}
}

// check asks the provider. A failure teaches nothing.
func (r *Route) check(ctx context.Context, ref topup.Ref, log *zap.Logger) (out topup.Outcome) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("provider panicked while being asked", zap.String("topup", string(ref.Reference)))
			out = topup.Outcome{}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, r.StatusTimeout)
	defer cancel()
	out, err := r.Provider.Check(ctx, ref)
	if err != nil {
		log.Info("question failed", zap.String("topup", string(ref.Reference)), zap.Error(err))
		return topup.Outcome{}
	}
	return out
}

// checkMany asks the provider about many. What it has learned counts even where it fails.
func (r *Route) checkMany(ctx context.Context, many topup.ManyChecker, refs []topup.Ref, log *zap.Logger) (out map[topup.ID]topup.Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("provider panicked while being asked for a list")
			out, err = nil, errPanic
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	return many.CheckMany(ctx, refs)
}

// ration is what the provider's budget of status calls allows.
func (r *Route) ration() ration { return ration{r.Policy.Plan, r.StatusBudget} }

// Grouped reports whether the route's due questions are better asked together: the provider answers about many in one
// call, or its calls are rationed and go to the most urgent first.
func (r *Route) Grouped() bool {
	_, many := r.Provider.(topup.ManyChecker)
	return many || r.StatusBudget > 0
}

// Grouped tells which providers' due questions are asked together.
func (rs Routes) Grouped() map[topup.ProviderName]bool {
	out := make(map[topup.ProviderName]bool, len(rs))
	for name, r := range rs {
		out[name] = r.Grouped()
	}
	return out
}

// seal puts a PIN from an answer onto the record, encrypted for it. Without a key the PIN stays at the provider,
// where it can be read again.
func seal(k topup.Keyring, t *topup.Topup, pin topup.Secret) error {
	if pin.Reveal() == "" || len(t.PIN) > 0 {
		return nil
	}
	sealed, err := k.Seal(pin, string(t.ID))
	if errors.Is(err, topup.ErrNoKey) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("seal PIN: %w", err)
	}
	t.PIN = sealed
	return nil
}
