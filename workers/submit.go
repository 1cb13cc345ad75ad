package workers

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"go.uber.org/zap"

	"topupq/jobs"
	"topupq/topup"
)

// Ledger is what the submit and check workers need of the store.
type Ledger interface {
	Get(ctx context.Context, id topup.ID) (*topup.Topup, error)
	GetMany(ctx context.Context, ids []topup.ID) ([]*topup.Topup, error)
	DueChecks(ctx context.Context, p topup.ProviderName, now, again time.Time, limit int) ([]topup.Due, error)
	UpdateLoaded(ctx context.Context, t *topup.Topup, change func(*topup.Topup) error) (*topup.Topup, error)
	Recovered(ctx context.Context) (time.Time, error)
	// BatchReleased reports whether the withheld rows of a batch may be sent.
	BatchReleased(ctx context.Context, id topup.BatchID) (bool, error)
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
	// Held leaves a task in the archive by which an operator sends a held top-up again.
	Held(ctx context.Context, p topup.ProviderName, due topup.Due) error
}

// Config is what the submit and check workers share.
type Config struct {
	Ledger   Ledger
	Routes   Routes
	Notifier Notifier
	Bell     Bell
	Keyring  topup.Keyring
	// Spool keeps answers while the ledger is away; without one they are held in memory for a while.
	Spool *Spool
	// DueLease is how long due questions that a task has taken together are left to it: a worker that is killed on the way
	// puts them off by that much. Default 3 minutes.
	DueLease time.Duration
	// ByHand reports whether a task runs because a person wants a held top-up sent; nil believes that of every task.
	ByHand func(queue, taskID string) (bool, error)
	Log    *zap.Logger
	// Brake stops the rest of a batch's operator whose first rows fail; nil stops nothing.
	Brake *Brake
	// Learn is told of every outcome and tells the usual times; nil for none.
	Learn *SettleTimes
	// Texts keeps which PINs have to be sent by SMS; nil where none are sent.
	Texts TextDebts
	// FailoverAfter is how long a provider may be away before another one of the route takes a top-up over. Default 30 s.
	FailoverAfter time.Duration
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
	cfg.Now = ledgerClock(cfg.Now)
	return &Submit{Config: cfg, gate: newGate(cfg.Ledger, cfg.Now, cfg.Brake), check: check}
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
		return s.replay(ctx, t)
	case topup.Accepted:
		return s.send(ctx, t)
	case topup.Pending, topup.Unknown, topup.Submitting, topup.Unresolved:
		return s.check.ask(ctx, t)
	default:
		s.Log.Info("nothing to send", zap.String("topup", string(id)), zap.Stringer("state", t.State))
		return nil
	}
}

// replay sends a held top-up again, if a person wants that. A wake-up that comes late or twice goes to the archive
// instead, where a person can run it.
func (s *Submit) replay(ctx context.Context, t *topup.Topup) error {
	queue, queued := asynq.GetQueueName(ctx)
	taskID, named := asynq.GetTaskID(ctx)
	if s.ByHand != nil && queued && named {
		wanted, err := s.ByHand(queue, taskID)
		if err != nil {
			return fmt.Errorf("%w: %w", topup.ErrUnavailable, err)
		}
		if !wanted {
			return held(t)
		}
	}
	t, err := s.Ledger.UpdateLoaded(ctx, t, func(t *topup.Topup) error {
		return t.Replay(topup.ActorOperator("dashboard"), "task run again", s.Now())
	})
	if err != nil {
		return err
	}
	return s.send(ctx, t)
}

// send takes an accepted top-up through the gate, claims it and pays.
func (s *Submit) send(ctx context.Context, t *topup.Topup) error {
	route, ok := s.Routes[t.Provider]
	if !ok {
		return errNoRoute
	}
	recovered, err := s.Ledger.Recovered(ctx)
	if err != nil {
		return err
	}
	if t.Predates(recovered) {
		return s.record(ctx, t, func(t *topup.Topup) error { return t.Suspect(route.Policy, recovered, s.Now()) })
	}
	if t.MayBeElsewhere(recovered) {
		return s.lookElsewhere(ctx, t, recovered)
	}
	if t.Expired(s.Now()) {
		return s.record(ctx, t, func(t *topup.Topup) error { t.MayRepeat(recovered); return t.Expire(s.Now()) })
	}
	if withheld, err := s.withheld(ctx, t); err != nil || withheld {
		return err
	}
	provider := t.Provider
	w, err := s.gate.enter(ctx, t, route)
	if err != nil {
		return err
	}
	claimed, token, deadline, err := s.through(ctx, t, route, w, recovered)
	if err != nil || claimed == nil {
		return errors.Join(err, s.gate.giveBack(ctx, provider, w.probe))
	}
	o := s.pay(ctx, claimed, route, deadline)
	// The answer is worth more than the worker's time: recording it goes on when the worker is told to stop.
	ctx = context.WithoutCancel(ctx)
	recorded := s.settle(ctx, claimed, token, o)
	if err := s.gate.after(ctx, provider, w.probe, o); err != nil {
		s.Log.Warn("pause not recorded", zap.String("provider", string(provider)), zap.Error(err))
	}
	return recorded
}

// through claims a top-up that the gate lets through. Without a claim and without an error it has gone elsewhere: to
// another provider, or to a later time.
func (s *Submit) through(ctx context.Context, t *topup.Topup, r *Route, w wait, recovered time.Time) (*topup.Topup, uint64, time.Time, error) {
	if s.wantsReroute(t, w) {
		if done, err := s.handOn(ctx, t, &w, recovered); err != nil || done {
			return nil, 0, time.Time{}, err
		}
	}
	if !w.until.IsZero() {
		_, err := s.Ledger.UpdateLoaded(ctx, t, func(t *topup.Topup) error { return t.Defer(w.until, w.code) })
		return nil, 0, time.Time{}, err
	}
	if err := s.oweText(ctx, t); err != nil {
		return nil, 0, time.Time{}, err
	}
	return s.claim(ctx, t, r)
}

// withheldAgain is when a top-up that waits for its batch, and was rung for all the same, is looked at again.
const withheldAgain = 10 * time.Minute

// withheld reports whether t waits for the release of its batch, and puts it off: the release wakes it.
func (s *Submit) withheld(ctx context.Context, t *topup.Topup) (bool, error) {
	if !t.Withheld {
		return false, nil
	}
	released, err := s.Ledger.BatchReleased(ctx, t.Batch)
	if err != nil || released {
		return false, err
	}
	// Not for good: the release may have woken it between the two lines above.
	until := s.Now().Add(withheldAgain)
	if t.ExpiresAt.Before(until) {
		until = t.ExpiresAt
	}
	_, err = s.Ledger.UpdateLoaded(ctx, t, func(t *topup.Topup) error { return t.Defer(until, topup.CodeBatchHeld) })
	return true, err
}

// claim records the intent to send. Only the worker whose claim was written goes on; when the store's answer was
// lost, the record itself says whose claim it holds.
func (s *Submit) claim(ctx context.Context, t *topup.Topup, r *Route) (*topup.Topup, uint64, time.Time, error) {
	token := newToken()
	deadline := time.Now().Add(r.Policy.Timeout)
	claimed, err := s.Ledger.UpdateLoaded(ctx, t, func(t *topup.Topup) error {
		// Asked for again: the store may have been found to have gone back, or another job has handed t to another provider.
		recovered, err := s.Ledger.Recovered(ctx)
		if err != nil || t.Predates(recovered) || s.Routes[t.Provider] != r {
			return errors.Join(topup.ErrContention, err)
		}
		t.MayRepeat(recovered)
		return t.BeginSend(r.Policy, token, s.Now())
	})
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

// answerPatience is how long the ledger may take to write an answer before the answer goes to the spool; recordTries
// and recordWait bound how long a worker without a spool holds on to one. After that the rescue asks the provider.
const (
	answerPatience = 3 * time.Second
	recordTries    = 40
	recordWait     = 500 * time.Millisecond
)

// settle writes the answer to a paying call. When the ledger cannot take it the answer is spooled, and the task is
// done: from the spool it goes into the ledger without us.
func (s *Submit) settle(ctx context.Context, t *topup.Topup, token uint64, o topup.Outcome) error {
	a, err := newSendAnswer(s.Keyring, t, token, o, s.Now())
	if err != nil { // the answer is worth recording without its PIN, which stays at the provider
		s.Log.Error("PIN not sealed", zap.String("topup", string(t.ID)), zap.Error(err))
	}
	patience, cancel := ctx, context.CancelFunc(func() {})
	if s.Spool != nil {
		patience, cancel = context.WithTimeout(ctx, answerPatience)
	}
	before, next, err := s.recordAnswer(patience, t, a)
	cancel()
	if err != nil && !errors.Is(err, topup.ErrNotAllowed) {
		name, spoolErr := s.Spool.put(a)
		if spoolErr == nil {
			s.Log.Warn("ledger away: answer spooled", zap.String("topup", string(t.ID)), zap.Stringer("answer", o.Answer), zap.String("file", name), zap.Error(err))
			return nil
		}
		if s.Spool != nil {
			s.Log.Error("answer not spooled", zap.String("topup", string(t.ID)), zap.Error(spoolErr))
		}
		before, next, err = s.insist(ctx, t, a, err)
	}
	if err != nil {
		return err
	}
	return s.written(ctx, before, next)
}

// insist tries to write an answer for as long as the store is away.
func (s *Submit) insist(ctx context.Context, t *topup.Topup, a sendAnswer, err error) (before, next *topup.Topup, _ error) {
	for try := 0; errors.Is(err, topup.ErrUnavailable) && try < recordTries; try++ {
		timer := time.NewTimer(recordWait)
		<-timer.C
		before, next, err = s.recordAnswer(ctx, t, a)
	}
	return before, next, err
}

// recordAnswer writes an answer into the record it belongs to. Written again it changes nothing.
func (s *Submit) recordAnswer(ctx context.Context, t *topup.Topup, a sendAnswer) (before, next *topup.Topup, _ error) {
	route, ok := s.Routes[a.Provider]
	if !ok {
		return t, t, errNoRoute
	}
	return s.update(ctx, t, func(t *topup.Topup) error {
		fresh := len(a.PIN) > 0 && len(t.PIN) == 0
		if fresh {
			t.PIN = a.PIN
		}
		err := t.RecordSend(s.policy(t, route), a.Claim, a.Outcome, s.Now())
		if fresh && errors.Is(err, topup.ErrUnchanged) {
			return nil
		}
		return err
	})
}

// record writes a transition and everything that hangs on it.
func (s *Submit) record(ctx context.Context, t *topup.Topup, change func(*topup.Topup) error) error {
	before, next, err := s.update(ctx, t, change)
	if err != nil {
		return err
	}
	return s.written(ctx, before, next)
}

// written does what hangs on a write, and archives the task of a top-up that is held.
func (s *Submit) written(ctx context.Context, before, next *topup.Topup) error {
	s.Config.after(ctx, before, next)
	if next.State == topup.Held {
		return held(next)
	}
	return nil
}

// update is UpdateLoaded of the ledger. Of a record that others write too it also tells what it was right before this
// write, so that what hangs on their writes is not done again; where nothing was written both are the same.
func (c *Config) update(ctx context.Context, t *topup.Topup, change func(*topup.Topup) error) (before, next *topup.Topup, err error) {
	var base topup.Topup
	written := false
	next, err = c.Ledger.UpdateLoaded(ctx, t, func(t *topup.Topup) error {
		base = *t
		err := change(t)
		written = err == nil
		return err
	})
	if err != nil || !written {
		return next, next, err
	}
	return &base, next, nil
}

// policy is the provider's, with what is known of the times of t's operator.
func (c *Config) policy(t *topup.Topup, r *Route) topup.Policy {
	p := r.Policy
	p.Settle = c.Learn.Of(t)
	return p
}

// after logs a written transition and rings for what follows from it.
func (c *Config) after(ctx context.Context, before, t *topup.Topup) {
	c.Learn.Saw(before, t)
	c.Brake.saw(ctx, before, t)
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
	if c.Texts != nil && t.Textable() && !before.Textable() {
		if err := c.Bell.SMS(ctx, t.ID); err != nil {
			c.Log.Warn("SMS not queued", zap.String("topup", string(t.ID)), zap.Error(err))
		}
	}
}

// goOn rings for the send of a top-up that an answer has put back, and leaves the operator a task for one it has held.
// Only the task that sends archives itself.
func (c *Config) goOn(ctx context.Context, before, t *topup.Topup) error {
	due := topup.Due{ID: t.ID, State: t.State, Round: t.Attempts}
	switch {
	case t.State == topup.Accepted && t.DueAt.After(c.Now()):
		return nil // the scheduler rings in time
	case t.State == topup.Accepted:
		return c.Bell.SendsAgain(ctx, t.Provider, []topup.Due{due})
	case t.State == topup.Held && before.State != topup.Held:
		return c.Bell.Held(ctx, t.Provider, due)
	default:
		return nil
	}
}

// newToken is a random fencing token, never 0.
func newToken() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint64(b[:]) | 1
}
