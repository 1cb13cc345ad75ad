package workers

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

const defaultFailoverAfter = 30 * time.Second

// wantsReroute reports whether another provider should take a top-up over: its own refuses us, has been away for long,
// or has paused itself for long.
func (s *Submit) wantsReroute(t *topup.Topup, w wait) bool {
	patience := s.patience()
	return t.WantsReroute(patience, s.Now()) || t.MayReroute() && !w.refused.IsZero() && s.Now().Sub(w.refused) >= patience
}

func (s *Submit) patience() time.Duration {
	if s.FailoverAfter <= 0 {
		return defaultFailoverAfter
	}
	return s.FailoverAfter
}

// handOn reroutes a top-up where that is possible. For one that stays with its own provider w becomes what it has to wait
// for now: asking the others takes time, and somebody may have stopped it meanwhile.
func (s *Submit) handOn(ctx context.Context, t *topup.Topup, w *wait, recovered time.Time) (bool, error) {
	done, err := s.reroute(ctx, t, *w, recovered)
	if err != nil || done || !w.until.IsZero() {
		return done, err
	}
	*w, err = s.gate.stopped(ctx, t)
	return false, err
}

// reroute hands a top-up that provably was not sent to the first other provider of its route that would take it, and
// reports whether one does. Where all of them would refuse it, it stays with its own for good; where one cannot be
// asked now, it stays for the time being.
func (s *Submit) reroute(ctx context.Context, t *topup.Topup, w wait, recovered time.Time) (bool, error) {
	why := w.code
	if t.WantsReroute(s.patience(), s.Now()) {
		why = t.Waiting
	}
	asked := true
	for _, name := range t.Alternates {
		q, err := s.quote(ctx, t, name)
		if err != nil {
			s.Log.Info("other provider not asked", zap.String("topup", string(t.ID)), zap.String("provider", string(name)), zap.Error(err))
			asked = false
			continue
		}
		if q.Refusal != nil {
			continue
		}
		before, next, err := s.update(ctx, t, func(t *topup.Topup) error {
			t.MayRepeat(recovered) // then it is not allowed
			return t.Reroute(name, q.Product, why, s.Now())
		})
		if err != nil {
			return true, err
		}
		s.Config.after(ctx, before, next)
		return true, s.goOn(ctx, before, next)
	}
	if !asked {
		return false, nil
	}
	next, err := s.Ledger.UpdateLoaded(ctx, t, (*topup.Topup).StayRouted)
	if err == nil {
		*t = *next
	}
	return false, err
}

var errCannotQuote = errors.New("paused, not configured, or cannot tell")

// quote asks another provider what it would make of a top-up.
func (s *Submit) quote(ctx context.Context, t *topup.Topup, name topup.ProviderName) (topup.Quote, error) {
	route, ok := s.Routes[name]
	if !ok {
		return topup.Quote{}, errCannotQuote
	}
	quoter, ok := route.Provider.(topup.Quoter)
	if !ok {
		return topup.Quote{}, errCannotQuote
	}
	pause, err := s.Ledger.Paused(ctx, name)
	if err != nil {
		return topup.Quote{}, err
	}
	if pause != nil {
		return topup.Quote{}, errCannotQuote
	}
	// One that does not answer is not waited for by a whole backlog, one top-up after the other.
	done, err := route.breaker.Allow()
	if err != nil {
		return topup.Quote{}, errCannotQuote
	}
	ctx, cancel := context.WithTimeout(ctx, route.StatusTimeout)
	defer cancel()
	o := t.Order()
	o.Product, o.Detour = t.Product, true
	q, err := quoter.Quote(ctx, o)
	done(unreachable(err))
	return q, err
}

// lookElsewhere asks the other providers of a top-up's route whether they have it, since a recovered store may have
// forgotten that it was rerouted to one of them. Only where all of them say that they do not is it sent; where one has
// it, or does not say, it is asked about there.
func (s *Submit) lookElsewhere(ctx context.Context, t *topup.Topup, recovered time.Time) error {
	for _, name := range t.Alternates {
		route, ok := s.Routes[name]
		if !ok {
			return s.putOff(ctx, t, s.Now().Add(topup.PauseLookLeast), topup.CodeProviderNotAvailable)
		}
		if quiet := recovered.Add(route.Policy.Timeout + route.Policy.Traits.Hold); s.Now().Before(quiet) {
			return s.putOff(ctx, t, quiet, topup.CodeRestored)
		}
		ref := t.Ref()
		ref.TransactionID, ref.Product = "", t.Product
		if o := route.check(ctx, ref, s.Log); o.Answer != topup.Absent || !route.Policy.Traits.AbsenceByAnswer {
			s.Log.Warn("top-up may be with another provider", zap.String("topup", string(t.ID)), zap.String("provider", string(name)), zap.Stringer("answer", o.Answer))
			return s.record(ctx, t, func(t *topup.Topup) error { return t.FoundElsewhere(name, s.Now()) })
		}
	}
	next, err := s.Ledger.UpdateLoaded(ctx, t, (*topup.Topup).StayRouted)
	if err != nil {
		return err
	}
	return s.send(ctx, next)
}

// putOff leaves an accepted top-up for later. One that has expired is due in any case, and left to the scheduler's patience.
func (s *Submit) putOff(ctx context.Context, t *topup.Topup, until time.Time, why topup.Code) error {
	if t.Expired(s.Now()) {
		return nil
	}
	_, err := s.Ledger.UpdateLoaded(ctx, t, func(t *topup.Topup) error { return t.Defer(until, why) })
	return err
}
