package workers

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"topupq/topup"
	"topupq/webhook"
)

// takes is an endpoint as a function of what is posted to it.
type takes struct {
	mu    sync.Mutex
	posts []string
	do    func(m webhook.Message) webhook.Result
}

func (p *takes) Send(_ context.Context, m webhook.Message) webhook.Result {
	r := p.do(m)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.posts = append(p.posts, m.ID)
	return r
}

func (p *takes) Timeout() time.Duration { return time.Second }

// TestBatchCompletesWhilePausedIsTold closes a batch while batch.paused is on its way: what comes of that says nothing about
// batch.completed, which is sent next, and both are in the feed.
func TestBatchCompletesWhilePausedIsTold(t *testing.T) {
	t.Parallel()
	for name, group := range map[string]int{"one by one": 0, "in groups": 10} {
		for answer, first := range map[string]webhook.Result{
			"taken": {OK: true, Status: 204}, "refused": {Status: 500}, "postponed": {Postponed: time.Now().Add(time.Hour)},
		} {
			t.Run(name+" "+answer, func(t *testing.T) {
				t.Parallel()
				l := newLedgerBench(t)
				m, err := l.store.GetMerchant(t.Context(), l.merchant)
				check(t, err)
				m.Webhook.MaxEvents = group
				check(t, l.store.PutMerchant(t.Context(), m))
				b := &topup.Batch{ID: topup.NewBatchID(), Merchant: l.merchant, CreatedAt: time.Now(), Sealed: true}
				check(t, l.store.CreateBatch(t.Context(), b))
				change := func(do func(*topup.Batch) error) *topup.Batch {
					t.Helper()
					b, err := l.store.UpdateBatch(t.Context(), b.ID, do)
					check(t, err)
					return b
				}
				change(func(b *topup.Batch) error {
					return b.Brake(topup.BatchPaused{Operator: "aat:ZA", Settled: 9, Failed: 9, Since: time.Now()})
				})
				end := &takes{}
				end.do = func(webhook.Message) webhook.Result {
					r := webhook.Result{OK: true, Status: 204, At: time.Now()}
					if len(end.posts) == 0 {
						r = first
						r.At = time.Now()
						change(func(b *topup.Batch) error { return b.Close(time.Now()) })
					}
					return r
				}
				c := NewCallbacks(CallbacksConfig{Store: l.store, Sender: end, Retries: contractRetries()})
				ring(t, c, string(b.ID))
				check(t, pollUntil(t, func() bool {
					return change(func(*topup.Batch) error { return topup.ErrUnchanged }).Callback.State == topup.CallbackDelivered
				}))
				check(t, c.Stop(t.Context()))
				got := change(func(*topup.Batch) error { return topup.ErrUnchanged }).Callback
				if got.Type != topup.EventBatchCompleted || got.Version != 2 || len(got.Attempts) != 1 || len(end.posts) != 2 {
					t.Errorf("%+v after %v", got, end.posts)
				}
				if group == 0 && len(end.posts) == 2 && (end.posts[0] != topup.CallbackID(string(b.ID), 1) || end.posts[1] != topup.CallbackID(string(b.ID), 2)) {
					t.Errorf("posted %v", end.posts)
				}
				_, err = l.store.PublishEvents(t.Context(), 10)
				check(t, err)
				page, err := l.store.EventsAfter(t.Context(), l.merchant, 0, 10)
				check(t, err)
				var types []string
				for _, e := range page.Events {
					types = append(types, string(e.Type))
				}
				if d := cmp.Diff("batch.paused batch.completed", strings.Join(types, " ")); d != "" {
					t.Errorf("feed: %s", d)
				}
			})
		}
	}
}
