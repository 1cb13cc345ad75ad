package workers

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
	"topupq/webhook"
)

const (
	// offAfter is how long an endpoint may fail before it is switched off.
	offAfter = 5 * 24 * time.Hour
	// markEvery keeps a flapping endpoint from having its merchant's record written at every turn.
	markEvery  = 10 * time.Second
	amendTries = 3
)

// Reasons for which an endpoint is switched off, as the merchant sees them.
const (
	offGone    = "410 Gone"
	offFailing = "failing for 5 days"
)

// judge keeps the merchant's record in step with how its endpoint does: since when it fails, and whether it is to be
// left alone. It writes only what changes.
func (c *Callbacks) judge(l *lane, ep *endpoint, r webhook.Result) {
	switch failing := ep.hook.FailingSince; {
	case r.OK && failing.IsZero():
	case r.OK:
		c.amend(l, ep, recovered)
	case r.Gone:
		c.amend(l, ep, func(w *topup.Webhook) bool { return switchOff(w, offGone) })
	case failing.IsZero():
		c.amend(l, ep, func(w *topup.Webhook) bool {
			if !w.FailingSince.IsZero() || r.At.Sub(l.marked) < markEvery {
				return false
			}
			w.FailingSince = r.At
			return true
		})
	case r.At.Sub(failing) >= offAfter:
		c.amend(l, ep, func(w *topup.Webhook) bool {
			stillFailing := !w.FailingSince.IsZero() && r.At.Sub(w.FailingSince) >= offAfter
			return stillFailing && switchOff(w, offFailing)
		})
	}
}

func recovered(w *topup.Webhook) bool {
	changed := !w.FailingSince.IsZero()
	w.FailingSince = time.Time{}
	return changed
}

func switchOff(w *topup.Webhook, reason string) bool {
	w.Disabled, w.DisabledReason = true, reason
	return true
}

// amend changes the merchant's settings as stored, unless they are about another endpoint by now or it is off
// already. Where it cannot, the next callback tries again.
func (c *Callbacks) amend(l *lane, ep *endpoint, change func(*topup.Webhook) bool) {
	l.endpointMu.Lock()
	defer l.endpointMu.Unlock()
	l.endpoint = nil
	for range amendTries {
		err := c.amendOnce(l, ep, change)
		if errors.Is(err, topup.ErrContention) {
			continue
		}
		if err != nil {
			c.cfg.Log.Warn("state of the endpoint not recorded", zap.String("merchant", string(l.merchant)), zap.Error(err))
		}
		return
	}
}

func (c *Callbacks) amendOnce(l *lane, ep *endpoint, change func(*topup.Webhook) bool) error {
	ctx, cancel := c.storeContext()
	defer cancel()
	m, err := c.cfg.Store.GetMerchant(ctx, l.merchant)
	if err != nil {
		return err
	}
	if m.Webhook.URL != ep.hook.URL || m.Webhook.Disabled || !change(&m.Webhook) {
		return nil
	}
	if err := c.cfg.Store.PutMerchant(ctx, m); err != nil {
		return err
	}
	l.marked = c.cfg.Now()
	if m.Webhook.Disabled {
		c.cfg.Log.Warn("endpoint switched off", zap.String("merchant", string(l.merchant)), zap.String("reason", m.Webhook.DisabledReason))
	}
	return nil
}
