package workers

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"

	"github.com/hibiken/asynq"
	"go.uber.org/zap"

	"topupq/jobs"
	"topupq/topup"
)

// Ledger is what the submit and check workers need of the store.
type Ledger interface {
	Get(ctx context.Context, id topup.ID) (*topup.Topup, error)
	UpdateLoaded(ctx context.Context, t *topup.Topup, change func(*topup.Topup) error) (*topup.Topup, error)
	Recovered(ctx context.Context) (time.Time, error)
	controls
}

// Notifier is told of every record that was just written with a callback owed, to send it at once.
type Notifier interface {
	Notify(t *topup.Topup)
}

// Bell rings for what the workers find to be done next.
type Bell interface {
	SendsAgain(ctx context.Context, p topup.ProviderName, due []topup.Due) error
	SMS(ctx context.Context, id topup.ID) error
}

// Config is what the submit and check workers share.
type Config struct {
	Ledger   Ledger
	Routes   Routes
	Notifier Notifier
	Bell     Bell
	Keyring  topup.Keyring
	Log      *zap.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Submit sends top-ups.
type Submit struct {
	Config
	gate  gate
	check *Check
}

// NewSubmit returns the handler of the submit queues. check is asked for top-ups that may have been sent before.
func NewSubmit(cfg Config, check *Check) *Submit {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Submit{Config: cfg, gate: gate{cfg.Ledger, cfg.Now}, check: check}
}

// ProcessTask implements asynq.Handler. Run again from the dashboard at any time it asks the ledger first: closed
// ones are left alone, sent ones are asked about, held ones are sent.
func (s *Submit) ProcessTask(ctx context.Context, task *asynq.Task) error {
	return guard(s.Log, s.process)(ctx, task)
}

func (s *Submit) process(ctx context.Context, task *asynq.Task) error {
	id, err := jobs.TopupID(task)
	if err != nil {
		return err
	}
	t, err := s.Ledger.Get(ctx, id)
	if err != nil {
		return err
	}
	switch t.State {
	case topup.Held:
		t, err = s.Ledger.UpdateLoaded(ctx, t, func(t *topup.Topup) error {
			return t.Replay(topup.ActorOperator("dashboard"), "task run again", s.Now())
		})
		if err != nil {
			return err
		}
		return s.send(ctx, t)
	case topup.Accepted:
		return s.send(ctx, t)
	case topup.Pending, topup.Unknown, topup.Submitting, topup.Unresolved:
		return s.check.ask(ctx, t)
	default:
		s.Log.Info("nothing to send", zap.String("topup", string(id)), zap.Stringer("state", t.State))
		return nil
	}
}

// send takes an accepted top-up through the gate, claims it and pays.
func (s *Submit) send(ctx context.Context, t *topup.Topup) error {
	route, ok := s.Routes[t.Provider]
	if !ok {
		return errNoRoute
	}
	if t.Expired(s.Now()) {
		return s.record(ctx, t, func(t *topup.Topup) error { return t.Expire(s.Now()) })
	}
	recovered, err := s.Ledger.Recovered(ctx)
	if err != nil {
		return err
	}
	if t.Predates(recovered) {
		return s.record(ctx, t, func(t *topup.Topup) error { return t.Suspect(route.Policy, recovered, s.Now()) })
	}
	w, err := s.gate.enter(ctx, t, route)
	if err != nil {
		return err
	}
	if !w.until.IsZero() {
		_, err := s.Ledger.UpdateLoaded(ctx, t, func(t *topup.Topup) error { return t.Defer(w.until, w.code) })
		return err
	}
	claimed, token, deadline, err := s.claim(ctx, t, route)
	if err != nil {
		return err
	}
	o := s.pay(ctx, claimed, route, deadline)
	// The answer is worth more than the worker's time: recording it goes on when the worker is told to stop.
	ctx = context.WithoutCancel(ctx)
	if err := s.gate.after(ctx, t.Provider, w.probe, o); err != nil {
		s.Log.Warn("pause not recorded", zap.String("provider", string(t.Provider)), zap.Error(err))
	}
	return s.record(ctx, claimed, func(t *topup.Topup) error {
		if err := seal(s.Keyring, t, o.PIN); err != nil {
			return err
		}
		return t.RecordSend(route.Policy, token, o, s.Now())
	})
}

// claim records the intent to send. Only the worker whose claim was written goes on; when the store's answer was
// lost, the record itself says whose claim it holds.
func (s *Submit) claim(ctx context.Context, t *topup.Topup, r *Route) (*topup.Topup, uint64, time.Time, error) {
	token := newToken()
	deadline := time.Now().Add(r.Policy.Timeout)
	claimed, err := s.Ledger.UpdateLoaded(ctx, t, func(t *topup.Topup) error { return t.BeginSend(r.Policy, token, s.Now()) })
	if errors.Is(err, topup.ErrUnavailable) {
		if claimed, err = s.Ledger.Get(ctx, t.ID); err == nil && (claimed.State != topup.Submitting || claimed.Claim != token) {
			err = topup.ErrUnavailable
		}
	}
	return claimed, token, deadline, err
}

// pay makes the paying call under a deadline of its own: a worker that is stopped lets it end. A worker that was
// frozen past the deadline does not send any more.
func (s *Submit) pay(ctx context.Context, t *topup.Topup, r *Route, deadline time.Time) topup.Outcome {
	payCtx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer cancel()
	s.Log.Debug("sending", zap.String("topup", string(t.ID)), zap.String("provider", string(t.Provider)), zap.Int("attempt", t.Attempts))
	return r.submit(payCtx, t.Order(), s.Log)
}

// recordTries and recordWait bound how long a worker holds on to an answer while the store is away. After that the
// rescue asks the provider.
const (
	recordTries = 40
	recordWait  = 500 * time.Millisecond
)

// record writes a transition and everything that hangs on it.
func (s *Submit) record(ctx context.Context, t *topup.Topup, change func(*topup.Topup) error) error {
	next, err := s.Ledger.UpdateLoaded(ctx, t, change)
	for try := 0; errors.Is(err, topup.ErrUnavailable) && try < recordTries; try++ {
		timer := time.NewTimer(recordWait)
		<-timer.C
		next, err = s.Ledger.UpdateLoaded(ctx, t, change)
	}
	if err != nil {
		return err
	}
	s.Config.after(ctx, t, next)
	if next.State == topup.Held {
		return held(next)
	}
	return nil
}

// after logs a written transition and rings for what follows from it.
func (c *Config) after(ctx context.Context, before, t *topup.Topup) {
	for _, m := range t.History[min(before.Version(), t.Version()):] {
		c.Log.Info("moved", zap.String("topup", string(t.ID)), zap.String("merchant", string(t.Merchant)),
			zap.String("provider", string(t.Provider)), zap.Stringer("from", m.From), zap.Stringer("to", m.To),
			zap.Int("attempt", m.Attempt), zap.String("reason", string(m.Reason)), zap.String("provider_code", m.ProviderCode))
	}
	for _, i := range t.Incidents {
		c.Log.Error("incident", zap.String("topup", string(t.ID)), zap.String("merchant", string(t.Merchant)),
			zap.String("provider", string(t.Provider)), zap.String("code", string(i.Code)), zap.String("detail", i.Detail))
	}
	if t.NextCallback() != nil && c.Notifier != nil {
		c.Notifier.Notify(t)
	}
	if t.State == topup.Succeeded && t.Product.DeliverPIN == topup.DeliverBySMS && len(t.PIN) > 0 && (before.State != topup.Succeeded || len(before.PIN) == 0) {
		if err := c.Bell.SMS(ctx, t.ID); err != nil {
			c.Log.Warn("SMS not queued", zap.String("topup", string(t.ID)), zap.Error(err))
		}
	}
}

// newToken is a random fencing token, never 0.
func newToken() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint64(b[:]) | 1
}
