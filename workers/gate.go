package workers

import (
	"context"
	"errors"
	"sync"
	"time"

	"topupq/topup"
)

// The pauses that a provider's answers cause: the first lasts pauseFirst, each further one in a row twice as long,
// at most pauseMost. After each, one top-up goes through as a probe.
const (
	pauseFirst = 5 * time.Second
	pauseMost  = 5 * time.Minute
	// probeTime is how long the pause is stretched for the probe to come back.
	probeTime = 30 * time.Second
	// rateWait is how long a handler waits for a permit before it puts the top-up off.
	rateWait = time.Second
)

// gate decides whether a provider may be sent to now.
type gate struct {
	controls controls
	now      func() time.Time
	brake    *Brake
	running  *runningMemo
}

// runningMemo remembers for a moment which providers were found running, so that not every send asks. A pause shows
// in other processes that much later, in this one at once.
type runningMemo struct {
	mu    sync.Mutex
	until map[topup.ProviderName]time.Time
}

const memoFor = 200 * time.Millisecond

func newGate(c controls, now func() time.Time, brake *Brake) gate {
	return gate{c, now, brake, &runningMemo{until: map[topup.ProviderName]time.Time{}}}
}

func (m *runningMemo) fresh(p topup.ProviderName) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().Before(m.until[p])
}

func (m *runningMemo) note(p topup.ProviderName, running bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.until, p)
	if running {
		m.until[p] = time.Now().Add(memoFor)
	}
}

// controls is what the gate needs of the store.
type controls interface {
	ReserveNumber(ctx context.Context, p topup.ProviderName, number topup.MSISDN, id topup.ID, spacing time.Duration, now time.Time) (time.Time, error)
	AllowSend(ctx context.Context, p topup.ProviderName, perSecond int) (time.Duration, error)
	PauseProvider(ctx context.Context, p topup.ProviderName, pause topup.Pause) error
	// SwapPause puts next in the place of a pause that is still was; false means that it is another one by now.
	SwapPause(ctx context.Context, p topup.ProviderName, was, next topup.Pause) (bool, error)
	// LiftPause ends a pause unless it is a person's.
	LiftPause(ctx context.Context, p topup.ProviderName) error
	Paused(ctx context.Context, p topup.ProviderName) (*topup.Pause, error)
	// PausedScope is the pause of t's operator, merchant or batch, nil for none. It is asked for every send, so the
	// store remembers for a moment what it knows.
	PausedScope(ctx context.Context, t *topup.Topup) (*topup.Pause, error)
	SpendCall(ctx context.Context, p topup.ProviderName, day string, budget int64) (bool, error)
}

// wait is why and until when a top-up has to wait; the zero wait lets it through.
type wait struct {
	until time.Time
	code  topup.Code
	// probe is set for a top-up that was let through to test whether a pause is over.
	probe *probe
	// refused is since when the provider's own answers have paused it, or since when it has been away; zero for every
	// other wait.
	refused time.Time
}

// probe is a pause as it was, over by now, and as it stands while one top-up tests it.
type probe struct{ was, during topup.Pause }

// enter asks in order: has somebody paused its operator, merchant or batch, can the provider be reached, is it paused,
// do the first rows of its operator go ahead, is it this number's turn, is there a permit.
func (g gate) enter(ctx context.Context, t *topup.Topup, r *Route) (wait, error) {
	if w, err := g.scoped(ctx, t); err != nil || !w.until.IsZero() {
		return w, err
	}
	if away := r.breaker.wait(g.now()); !away.until.IsZero() {
		return g.whileAway(ctx, t, away)
	}
	w, err := g.pause(ctx, t)
	if err != nil || !w.until.IsZero() {
		return w, err
	}
	turn, err := g.turn(ctx, t, r)
	if err != nil || !turn.until.IsZero() {
		return turn, errors.Join(err, g.giveBack(ctx, t.Provider, w.probe))
	}
	return w, nil
}

// stopped is the wait for what a person has stopped, the zero wait where nobody has.
func (g gate) stopped(ctx context.Context, t *topup.Topup) (wait, error) {
	if w, err := g.scoped(ctx, t); err != nil || !w.until.IsZero() {
		return w, err
	}
	return g.whileAway(ctx, t, wait{})
}

// scoped is the wait for a pause of t's operator, merchant or batch.
func (g gate) scoped(ctx context.Context, t *topup.Topup) (wait, error) {
	pause, err := g.controls.PausedScope(ctx, t)
	if err != nil || pause == nil {
		return wait{}, err
	}
	return wait{until: g.now().Add(t.PauseLook(g.now())), code: pause.WaitingCode()}, nil
}

// whileAway is the wait for a provider that cannot be reached. Where a person has paused it that is the reason to wait:
// nothing goes to another provider then.
func (g gate) whileAway(ctx context.Context, t *topup.Topup, away wait) (wait, error) {
	pause, err := g.controls.Paused(ctx, t.Provider)
	if err != nil {
		return wait{}, err
	}
	if pause != nil && pause.Until.IsZero() {
		return wait{until: g.now().Add(t.PauseLook(g.now())), code: topup.CodeProviderPaused}, nil
	}
	return away, nil
}

// turn asks whether the first rows of its operator go ahead, for the number's turn and for a permit.
func (g gate) turn(ctx context.Context, t *topup.Topup, r *Route) (wait, error) {
	if first := g.brake.wait(t); first > 0 {
		return wait{until: g.now().Add(first), code: topup.CodeCanary}, nil
	}
	turn, err := g.controls.ReserveNumber(ctx, t.Provider, t.Recipient, t.ID, r.Spacing, g.now())
	if err != nil || !turn.IsZero() {
		g.brake.putOff(t)
		return wait{until: turn, code: topup.CodeRecentlyRecharged}, err
	}
	permit, err := g.permit(ctx, t.Provider, r.Rate)
	if err != nil || permit > 0 {
		g.brake.putOff(t)
		return wait{until: g.now().Add(permit), code: topup.CodeRateLimited}, err
	}
	return wait{}, nil
}

func (g gate) pause(ctx context.Context, t *topup.Topup) (wait, error) {
	p := t.Provider
	if g.running.fresh(p) {
		return wait{}, nil
	}
	pause, err := g.controls.Paused(ctx, p)
	g.running.note(p, err == nil && pause == nil)
	if err != nil || pause == nil {
		return wait{}, err
	}
	now := g.now()
	if pause.Until.IsZero() {
		return wait{until: now.Add(t.PauseLook(now)), code: topup.CodeProviderPaused}, nil
	}
	if now.Before(pause.Until) {
		return wait{until: pause.Until, code: topup.CodeProviderPaused, refused: pause.Since}, nil
	}
	during := *pause
	during.Until = now.Add(probeTime)
	mine, err := g.controls.SwapPause(ctx, p, *pause, during)
	if err != nil || !mine {
		return wait{until: during.Until, code: topup.CodeProviderPaused, refused: pause.Since}, err
	}
	return wait{probe: &probe{*pause, during}}, nil
}

// giveBack lets another top-up be the probe, since the one that was let through is not sent after all. A pause that was
// changed meanwhile stays. Should it fail, the pause lasts for probeTime.
func (g gate) giveBack(ctx context.Context, p topup.ProviderName, b *probe) error {
	if b == nil {
		return nil
	}
	_, err := g.controls.SwapPause(context.WithoutCancel(ctx), p, b.during, b.was)
	return err
}

// permit waits shortly for one of the provider's permits; above zero is the wait that is left.
func (g gate) permit(ctx context.Context, p topup.ProviderName, rate int) (time.Duration, error) {
	deadline := time.Now().Add(rateWait)
	for {
		left, err := g.controls.AllowSend(ctx, p, rate)
		if err != nil || left == 0 {
			return 0, err
		}
		if time.Now().Add(left).After(deadline) {
			return left, nil
		}
		select {
		case <-time.After(left):
		case <-ctx.Done():
			return left, nil
		}
	}
}

// after stops the provider when its answer asks for that, and lets it run again when a probe came back well.
func (g gate) after(ctx context.Context, p topup.ProviderName, b *probe, o topup.Outcome) error {
	if o.Pause {
		g.running.note(p, false)
		pause := topup.Pause{Reason: o.Code, Actor: topup.ActorWorker, Since: g.now()}
		if b != nil {
			pause.Since, pause.Strikes = b.was.Since, b.was.Strikes+1
		}
		pause.Until = g.now().Add(min(pauseFirst<<min(pause.Strikes, 10), pauseMost))
		return g.controls.PauseProvider(ctx, p, pause) // a person's stays
	}
	if b == nil || o.Answer == topup.NotTaken {
		return nil
	}
	return g.controls.LiftPause(ctx, p) // one of a person, who has paused it while the probe was away, stays
}
