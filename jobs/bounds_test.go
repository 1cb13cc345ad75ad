package jobs_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"topupq/jobs"
	"topupq/topup"
)

// TestEveryTaskBoundsItself: asynq's own defaults are 25 retries, after which a task is put away for good, and half an
// hour. Neither suits any of our tasks: how often something about money is tried is the ledger's to decide, and a
// task that a store's absence has used up would leave its top-up to the scheduler alone.
func TestEveryTaskBoundsItself(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, b bench) {
		ctx, one := t.Context(), due(1)
		err := errors.Join(
			b.client.Sends(ctx, topup.AAT, one), b.client.Sends(ctx, topup.Reloadly, due(3)),
			b.client.SendsAgain(ctx, topup.RechargeKit, one), b.client.Check(ctx, topup.AAT, one[0]),
			b.client.Callback(ctx, string(one[0].ID)), b.client.Lookup(ctx, "lkpabc"), b.client.SMS(ctx, one[0].ID),
		)
		if err != nil {
			t.Fatal(err)
		}
		queues, err := b.inspector.Queues()
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[string]bool{}
		for _, queue := range queues {
			for _, task := range b.pending(t, queue) {
				kind, _, _ := strings.Cut(task.Type, ":")
				kinds[kind] = true
				longest := time.Minute + 30*time.Second // the provider's timeout and what a handler does around it
				if task.MaxRetry < 1000 || task.Timeout <= 0 || task.Timeout > longest {
					t.Errorf("%s in %s: %d retries, timeout %s", task.Type, queue, task.MaxRetry, task.Timeout)
				}
			}
		}
		for _, kind := range []string{jobs.KindSubmit, jobs.KindCheck, jobs.KindCallback, jobs.KindLookup, jobs.KindSMS} {
			if !kinds[kind] {
				t.Errorf("no task of kind %s was seen", kind)
			}
		}
	})
}
