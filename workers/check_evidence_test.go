package workers

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"topupq/topup"
)

// together asks n times at the same moment: no answer comes before every question has been put.
func (b *bench) together(n int, id topup.ID, o topup.Outcome) {
	b.t.Helper()
	var put, done sync.WaitGroup
	put.Add(n)
	b.provider.check = func(context.Context, topup.Ref) (topup.Outcome, error) {
		put.Done()
		put.Wait()
		return o, nil
	}
	for range n {
		done.Go(func() {
			if err := b.check.ProcessTask(b.t.Context(), asynq.NewTask("check", []byte(id))); err != nil {
				b.t.Error(err)
			}
		})
	}
	done.Wait()
}

// TestQuestionsOfOneMomentCountOnce asks several times at once, as "run all" does: what takes two answers takes two
// questions, one after the other.
func TestQuestionsOfOneMomentCountOnce(t *testing.T) {
	t.Parallel()
	t.Run("absence", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, 0)
		b.provider.submit = answer(topup.Outcome{})
		id := b.create("r")
		if err := b.run(id); err != nil {
			t.Fatal(err)
		}
		b.pass(time.Hour)
		b.together(5, id, topup.Outcome{Answer: topup.Absent})
		if x := b.get(id); x.State != topup.Unknown || x.Absences != 1 {
			t.Errorf("%s after one moment, %d absences", x.State, x.Absences)
		}
	})
	t.Run("contradiction", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, 0)
		b.provider.submit = answer(topup.Outcome{Answer: topup.Delivered})
		id := b.create("r")
		if err := b.run(id); err != nil {
			t.Fatal(err)
		}
		b.pass(time.Hour)
		b.together(5, id, topup.Outcome{Answer: topup.Refused, Code: topup.CodeProviderFailed})
		if x := b.get(id); x.State != topup.Succeeded || x.Contradictions != 1 {
			t.Errorf("%s after one moment, %d contradictions", x.State, x.Contradictions)
		}
	})
}

// TestAbsenceCountsFromTheQuestion has an answer that took long: it says how things stood when it was asked for.
func TestAbsenceCountsFromTheQuestion(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.provider.submit = answer(topup.Outcome{})
	id := b.create("r")
	if err := b.run(id); err != nil {
		t.Fatal(err)
	}
	b.provider.check = read(topup.Outcome{Answer: topup.Absent})
	b.pass(10 * time.Second)
	if err := b.ask(id); err != nil {
		t.Fatal(err)
	}
	b.pass(60 * time.Second) // 70 s after the send: the deadline is at 20 s, the provider may hold it for 60 s more
	b.provider.check = func(context.Context, topup.Ref) (topup.Outcome, error) {
		b.pass(20 * time.Second)
		return topup.Outcome{Answer: topup.Absent}, nil
	}
	if err := b.ask(id); err != nil || b.state(id) != topup.Unknown {
		t.Fatalf("%v, state %s, want unknown", err, b.state(id))
	}
	if err := b.ask(id); err != nil || b.state(id) != topup.Accepted {
		t.Errorf("%v, state %s, want accepted", err, b.state(id))
	}
}

// TestDeliveredIsNeverDropped has the answer "delivered" arrive when absence was just proved by others.
func TestDeliveredIsNeverDropped(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.provider.submit = answer(topup.Outcome{})
	id := b.create("r")
	if err := b.run(id); err != nil {
		t.Fatal(err)
	}
	b.pass(2 * time.Minute)
	b.provider.check = func(context.Context, topup.Ref) (topup.Outcome, error) {
		b.provider.check = read(topup.Outcome{Answer: topup.Absent})
		for range 2 {
			if err := b.ask(id); err != nil {
				t.Error(err)
			}
		}
		if b.state(id) != topup.Accepted {
			t.Errorf("state %s, want accepted", b.state(id))
		}
		return topup.Outcome{Answer: topup.Delivered}, nil
	}
	if err := b.ask(id); err != nil || b.state(id) != topup.Succeeded {
		t.Errorf("%v, state %s, want succeeded", err, b.state(id))
	}
}

// TestEvidenceAgainstAFailureIsFollowedUp has a lost worker's success arrive after the top-up was failed, while the
// provider cannot be asked.
func TestEvidenceAgainstAFailureIsFollowedUp(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]func(context.Context, topup.Ref) (topup.Outcome, error){
		"not answered": func(context.Context, topup.Ref) (topup.Outcome, error) {
			return topup.Outcome{}, errors.New("timeout")
		},
		"in progress": read(topup.Outcome{Answer: topup.InProgress}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 0)
			b.provider.submit = answer(topup.Outcome{Answer: topup.Refused, Code: topup.CodeOperatorRefused})
			id := b.create("r")
			if err := b.run(id); err != nil || b.state(id) != topup.Failed {
				t.Fatalf("%v, state %s", err, b.state(id))
			}
			route := b.check.Routes[topup.AAT]
			if _, err := b.store.Update(t.Context(), id, func(x *topup.Topup) error {
				return x.RecordSend(route.Policy, 42, topup.Outcome{Answer: topup.Delivered}, b.clock())
			}); err != nil {
				t.Fatal(err)
			}
			b.provider.check = first
			if err := b.ask(id); err != nil {
				t.Fatal(err)
			}
			b.provider.check = read(topup.Outcome{Answer: topup.Delivered})
			for range 2 {
				due := b.get(id).DueAt
				if due.IsZero() {
					t.Fatal("nobody asks any more")
				}
				b.now.Store(max(due.UnixMilli(), b.now.Load()))
				if err := b.ask(id); err != nil {
					t.Fatal(err)
				}
			}
			if b.state(id) != topup.Succeeded {
				t.Errorf("state %s, want succeeded", b.state(id))
			}
		})
	}
}

// TestContradictionOutlivesAFailedQuestion has the second question fail: the first answer is not forgotten.
func TestContradictionOutlivesAFailedQuestion(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.provider.submit = answer(topup.Outcome{Answer: topup.Delivered})
	id := b.create("r")
	if err := b.run(id); err != nil {
		t.Fatal(err)
	}
	b.pass(time.Hour)
	refused := topup.Outcome{Answer: topup.Refused, Code: topup.CodeProviderFailed}
	for _, o := range []topup.Outcome{refused, {}, refused} {
		b.provider.check = read(o)
		if err := b.ask(id); err != nil {
			t.Fatal(err)
		}
		if x := b.get(id); x.State == topup.Succeeded {
			if x.DueAt.IsZero() || !x.ConfirmedAt.IsZero() {
				t.Fatalf("after %s: due %v, confirmed %v", o.Answer, x.DueAt, x.ConfirmedAt)
			}
			b.now.Store(x.DueAt.UnixMilli())
		}
	}
	if b.state(id) != topup.Reversed {
		t.Errorf("state %s, want reversed", b.state(id))
	}
}
