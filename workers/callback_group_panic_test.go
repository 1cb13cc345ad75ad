package workers

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"topupq/topup"
	"topupq/webhook"
)

// panicsOnce is a poster that panics at its second post.
type panicsOnce struct {
	poster
	posts int
}

func (p *panicsOnce) Send(ctx context.Context, m webhook.Message) webhook.Result {
	if p.posts++; p.posts == 2 {
		panic("post")
	}
	return p.poster.Send(ctx, m)
}

// TestPanicOfAGroup: a post of several events that panics leaves none of them behind: they are still owed, and told.
func TestPanicOfAGroup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		w := newWorld(func(arrival) reply { return reply{status: 200, after: time.Second} })
		merchant, secret := m.addMerchant(t, "shop", groupsOf(50))
		c := dispatcher(t, m, w, func(cfg *CallbacksConfig) { cfg.Sender = &panicsOnce{poster: cfg.Sender} })
		want := map[string]bool{}
		for n := range 120 {
			r := m.succeeded(t, merchant, n)
			want[topup.CallbackID(string(r.ID), r.Version())] = true
			c.Notify(r)
		}
		pass(t, m, c, 10*time.Minute)
		told, _ := readGroups(t, w, secret)
		missing := 0
		for id := range want {
			if told[id] == 0 {
				missing++
			}
		}
		if missing > 0 {
			t.Errorf("%d of %d events were never told", missing, len(want))
		}
	})
}
