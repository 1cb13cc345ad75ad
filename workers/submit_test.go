package workers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"topupq/topup"
)

func TestAnswersToThePayingCall(t *testing.T) {
	t.Parallel()
	notSent := func(context.Context, topup.Order) (topup.Outcome, error) {
		return topup.Outcome{}, &topup.NotSentError{Err: errors.New("refused")}
	}
	broken := func(context.Context, topup.Order) (topup.Outcome, error) { return topup.Outcome{}, errors.New("reset") }
	panics := func(context.Context, topup.Order) (topup.Outcome, error) { panic("secret") }
	for name, c := range map[string]struct {
		submit   func(context.Context, topup.Order) (topup.Outcome, error)
		want     topup.State
		archived bool
		told     bool
	}{
		"delivered":                     {answer(topup.Outcome{Answer: topup.Delivered}), topup.Succeeded, false, true},
		"refused":                       {answer(topup.Outcome{Answer: topup.Refused, Code: topup.CodeInvalidRecipient}), topup.Failed, false, true},
		"in progress":                   {answer(topup.Outcome{Answer: topup.InProgress}), topup.Pending, false, false},
		"unclear":                       {answer(topup.Outcome{}), topup.Unknown, false, false},
		"duplicate":                     {answer(topup.Outcome{Answer: topup.Duplicate, Code: topup.CodeDuplicateReference}), topup.Unknown, false, false},
		"absent is no answer to a send": {answer(topup.Outcome{Answer: topup.Absent}), topup.Unknown, false, false},
		"not taken":                     {answer(topup.Outcome{Answer: topup.NotTaken, Code: topup.CodeRateLimited}), topup.Accepted, false, false},
		"blocked":                       {answer(topup.Outcome{Answer: topup.Blocked, Code: topup.CodeFloatEmpty, Pause: true}), topup.Held, true, false},
		"mismatch":                      {answer(topup.Outcome{Answer: topup.Mismatch, Pause: true, Code: topup.CodeMismatch}), topup.Unresolved, false, true},
		"not sent":                      {notSent, topup.Accepted, false, false},
		"error":                         {broken, topup.Unknown, false, false},
		"panic":                         {panics, topup.Unknown, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 0)
			b.provider.submit = c.submit
			id := b.create("r")
			err := b.run(id)
			if errors.Is(err, asynq.SkipRetry) != c.archived || (err != nil && !c.archived) {
				t.Errorf("verdict %v, archived wanted: %v", err, c.archived)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the queue would show %q", err)
			}
			if got := b.state(id); got != c.want {
				t.Errorf("state %s, want %s", got, c.want)
			}
			if told := b.notified.Load() > 0; told != c.told {
				t.Errorf("notified %v, want %v", told, c.told)
			}
		})
	}
}

// TestRunAgainInEveryState runs a task many times over in parallel, as an impatient operator would.
func TestRunAgainInEveryState(t *testing.T) {
	t.Parallel()
	outcomes := map[topup.State]topup.Outcome{
		topup.Succeeded: {Answer: topup.Delivered}, topup.Failed: {Answer: topup.Refused, Code: topup.CodeOperatorRefused},
		topup.Pending: {Answer: topup.InProgress}, topup.Unknown: {}, topup.Unresolved: {Answer: topup.Mismatch, Code: topup.CodeMismatch},
	}
	for state, o := range outcomes {
		t.Run(state.String(), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 0)
			b.provider.submit, b.provider.check = answer(o), read(topup.Outcome{})
			id := b.create("r")
			if err := b.run(id); err != nil || b.state(id) != state {
				t.Fatalf("%v, state %s", err, b.state(id))
			}
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					for range 10 {
						if err := b.run(id); err != nil && !errors.Is(err, errBusy) {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			if n := b.provider.sent(); n != 1 {
				t.Errorf("sent %d times, want once", n)
			}
			if got := b.state(id); got != state {
				t.Errorf("state went from %s to %s", state, got)
			}
		})
	}
}

func TestHeldIsSentWhenRunAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.provider.submit = answer(topup.Outcome{Answer: topup.Blocked, Code: topup.CodeFloatEmpty})
	id := b.create("r")
	if err := b.run(id); !errors.Is(err, asynq.SkipRetry) {
		t.Fatalf("a held top-up's task is not archived: %v", err)
	}
	b.provider.submit = answer(topup.Outcome{Answer: topup.Delivered})
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { _ = b.run(id) })
	}
	wg.Wait()
	if b.state(id) != topup.Succeeded || b.provider.sent() != 2 {
		t.Errorf("state %s after %d sends, want succeeded after 2", b.state(id), b.provider.sent())
	}
}

func TestParallelJobsSendOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	release := make(chan struct{})
	b.provider.submit = func(context.Context, topup.Order) (topup.Outcome, error) {
		<-release
		return topup.Outcome{Answer: topup.Delivered}, nil
	}
	id := b.create("r")
	var done sync.WaitGroup
	for range 50 {
		done.Go(func() { _ = b.run(id) })
	}
	close(release)
	done.Wait()
	if b.provider.sent() != 1 || b.state(id) != topup.Succeeded {
		t.Errorf("%d sends, state %s", b.provider.sent(), b.state(id))
	}
}

// TestLostWorker follows a top-up whose worker died after the intent: nobody sends while it may still come back,
// then it is asked about, and only proof of absence sends the same reference again.
func TestLostWorker(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	id := b.create("r")
	policy := b.submit.Routes[topup.AAT].Policy
	if _, err := b.store.Update(t.Context(), id, func(x *topup.Topup) error { return x.BeginSend(policy, 7, b.clock()) }); err != nil {
		t.Fatal(err)
	}
	b.provider.submit = answer(topup.Outcome{Answer: topup.Delivered})
	b.provider.check = read(topup.Outcome{Answer: topup.Absent})
	steps := []struct {
		wait  time.Duration
		state topup.State
	}{
		{time.Second, topup.Submitting},   // in flight
		{24 * time.Second, topup.Unknown}, // past deadline and margin: absent once
		{30 * time.Second, topup.Unknown}, // absent twice, but the provider may still hold it
		{2 * time.Minute, topup.Accepted}, // later than the hold: proved
	}
	for i, s := range steps {
		b.pass(s.wait)
		if err := b.ask(id); err != nil {
			t.Fatal(err)
		}
		if got := b.state(id); got != s.state || b.provider.sent() != 0 {
			t.Fatalf("step %d: state %s after %d sends, want %s after none", i, got, b.provider.sent(), s.state)
		}
	}
	if b.rings.Load() != 1 {
		t.Errorf("rung %d times for the resend, want once", b.rings.Load())
	}
	if err := b.run(id); err != nil || b.state(id) != topup.Succeeded {
		t.Errorf("resend: %v, state %s", err, b.state(id))
	}
	if o := b.provider.submits[0]; o.Reference != id {
		t.Errorf("resent as %s, want the same reference %s", o.Reference, id)
	}
}

func TestSpacingOfANumber(t *testing.T) {
	t.Parallel()
	b := newBench(t, 2*time.Minute)
	b.provider.submit = answer(topup.Outcome{Answer: topup.Delivered})
	first, second := b.create("a"), b.create("b")
	for _, id := range []topup.ID{first, second} {
		if err := b.run(id); err != nil {
			t.Fatal(err)
		}
	}
	waiting := b.get(second)
	if b.state(first) != topup.Succeeded || waiting.State != topup.Accepted || !waiting.DueAt.Equal(begin.Add(2*time.Minute)) {
		t.Fatalf("first %s, second %s due %v", b.state(first), waiting.State, waiting.DueAt)
	}
	if !strings.Contains(waiting.Explain(), "topped up moments ago") {
		t.Errorf("explanation %q", waiting.Explain())
	}
	b.pass(2 * time.Minute)
	if err := b.run(second); err != nil || b.state(second) != topup.Succeeded {
		t.Errorf("second after its wait: %v, %s", err, b.state(second))
	}
}

func TestPausedProviderWaitsAndProbes(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.provider.submit = answer(topup.Outcome{Answer: topup.Blocked, Code: topup.CodeFloatEmpty, Pause: true})
	first, second, third := b.create("a"), b.create("b"), b.create("c")
	_, _ = b.run(first), b.run(second)
	if b.state(first) != topup.Held || b.state(second) != topup.Accepted || b.provider.sent() != 1 {
		t.Fatalf("first %s, second %s, %d sends", b.state(first), b.state(second), b.provider.sent())
	}
	b.provider.submit = answer(topup.Outcome{Answer: topup.Delivered})
	b.pass(pauseFirst)
	if err := b.run(second); err != nil || b.state(second) != topup.Succeeded {
		t.Fatalf("the probe: %v, %s", err, b.state(second))
	}
	if err := b.run(third); err != nil || b.state(third) != topup.Succeeded {
		t.Errorf("after the probe: %v, %s", err, b.state(third))
	}
}

func TestExpiredIsNeverSent(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	id := b.create("r")
	b.pass(24 * time.Hour)
	if err := b.run(id); err != nil || b.state(id) != topup.Failed || b.provider.sent() != 0 {
		t.Errorf("%v, state %s after %d sends", err, b.state(id), b.provider.sent())
	}
}

func TestOddTasks(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	for _, payload := range []string{"", "garbage", strings.Repeat("a", 1000), string(topup.NewID("x", "never"))} {
		if err := b.run(topup.ID(payload)); !errors.Is(err, asynq.SkipRetry) {
			t.Errorf("payload %q: %v, want the archive", payload, err)
		}
	}
}

// TestAnswerAboutAnEarlierSend holds back the answer to a question until the same reference was sent again: it must
// not close the later send.
func TestAnswerAboutAnEarlierSend(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	id := b.create("r")
	b.provider.submit = answer(topup.Outcome{})
	if err := b.run(id); err != nil {
		t.Fatal(err)
	}
	b.provider.check = func(ctx context.Context, _ topup.Ref) (topup.Outcome, error) {
		_, err := b.store.Update(ctx, id, func(x *topup.Topup) error { x.Attempts++; return nil })
		return topup.Outcome{Answer: topup.Refused, Code: topup.CodeProviderFailed}, err
	}
	if err := b.ask(id); err != nil {
		t.Fatal(err)
	}
	if got := b.state(id); got != topup.Unknown {
		t.Errorf("state %s, want unknown", got)
	}
}

func TestPINIsSealed(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.provider.submit = answer(topup.Outcome{Answer: topup.Delivered, PIN: "0000123"})
	id := b.create("r")
	if err := b.run(id); err != nil {
		t.Fatal(err)
	}
	x := b.get(id)
	if strings.Contains(fmt.Sprintf("%s %q", x.PIN, x.PIN), "0000123") {
		t.Error("the PIN is stored as it is")
	}
	if pin, err := b.submit.Keyring.Open(x.PIN, string(id)); err != nil || pin.Reveal() != "0000123" {
		t.Errorf("opened %v: %v", pin.Reveal(), err)
	}
}
