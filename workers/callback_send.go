package workers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
	"topupq/webhook"
)

// endpoint is a merchant's endpoint as it was at loaded, ready to be posted to.
type endpoint struct {
	hook   topup.Webhook
	keys   []webhook.Key
	loaded time.Time
}

// endpointFor is how long a merchant's settings are believed.
const endpointFor = 2 * time.Second

func (e *endpoint) message(m topup.MerchantID, id string, body []byte) webhook.Message {
	return webhook.Message{Merchant: m, URL: e.hook.URL, ID: id, Body: body, Keys: e.keys, Headers: e.hook.Headers}
}

// settle brings one callback a step further: sends it, or says why not, and records it. False means that the turn is
// over, because nothing more can be done or nothing could be recorded.
func (c *Callbacks) settle(l *lane, tn *turn, d debt) bool {
	ep, err := c.endpoint(l)
	if err != nil {
		c.cfg.Log.Warn("callback waits: endpoint not known", append(tn.fields(d), zap.Error(err))...)
		return false
	}
	if change := d.withoutSending(ep.hook, c.cfg.Now()); change != nil {
		return c.record(tn, d, func(cb *topup.Callback) error {
			if cb.State != topup.CallbackWaiting {
				return topup.ErrUnchanged
			}
			change(cb)
			return nil
		})
	}
	body, err := d.body(ep.hook.Format)
	if err != nil {
		c.cfg.Log.Error("callback waits: no body", append(tn.fields(d), zap.Error(err))...)
		return false
	}
	if ep.hook.MaxEvents > 1 {
		return c.sendGroup(l, tn, d, ep, body)
	}
	return c.send(l, tn, d, ep, body)
}

func (c *Callbacks) send(l *lane, tn *turn, d debt, ep *endpoint, body []byte) bool {
	if !tn.leased() {
		l.noteTold(tn.id, d.callback.Version)
	}
	r := c.cfg.Sender.Send(c.base, ep.message(tn.merchant, topup.CallbackID(tn.id, d.callback.Version), body))
	if c.base.Err() != nil && !r.OK {
		return false // cut short by Stop: that is no fault of the endpoint, and the callback is still owed
	}
	if r.Postponed.IsZero() {
		c.logAttempt(tn, d, r)
		c.judge(l, ep, r)
	}
	// The endpoint is free for another: that this one was told need not be written before.
	defer l.yield(func() { c.wg.Go(func() { c.work(l) }) })()
	return c.record(tn, d, recorded(r, c.cfg.Retries))
}

// record writes what became of a callback and takes over the record as written. When that fails the callback stays
// owed; one that was delivered is delivered again later under the same webhook-id.
func (c *Callbacks) record(tn *turn, d debt, change func(*topup.Callback) error) bool {
	ctx, cancel := c.storeContext()
	defer cancel()
	var err error
	if tn.batch != nil {
		tn.batch, err = c.recordBatch(ctx, tn.batch, d.callback.Version, change)
	} else {
		tn.topup, err = c.recordTopup(ctx, tn.topup, d.callback.Version, change)
	}
	if err != nil {
		c.cfg.Log.Warn("callback not recorded", append(tn.fields(d), zap.Error(err))...)
	}
	return err == nil
}

func (c *Callbacks) recordTopup(ctx context.Context, t *topup.Topup, version int, change func(*topup.Callback) error) (*topup.Topup, error) {
	return c.cfg.Store.UpdateLoaded(ctx, t, func(t *topup.Topup) error {
		cb := t.CallbackFor(version)
		if cb == nil {
			return topup.ErrUnchanged
		}
		return change(cb)
	})
}

// recordBatch leaves alone what a later event has put in the place of the one that was sent.
func (c *Callbacks) recordBatch(ctx context.Context, b *topup.Batch, version int, change func(*topup.Callback) error) (*topup.Batch, error) {
	return c.cfg.Store.UpdateBatch(ctx, b.ID, func(b *topup.Batch) error {
		if b.Callback == nil || b.Callback.Version != version {
			return topup.ErrUnchanged
		}
		return change(b.Callback)
	})
}

// logAttempt notes a failure, and a success for whoever looks closely. What the endpoint answered is kept on the
// record and not logged: it is the merchant's.
func (c *Callbacks) logAttempt(tn *turn, d debt, r webhook.Result) {
	level := zap.DebugLevel
	if !r.OK {
		level = zap.InfoLevel
	}
	entry := c.cfg.Log.Check(level, "callback attempt")
	if entry == nil {
		return
	}
	fields := append(tn.fields(d), zap.Int("attempt", d.callback.Tries+1), zap.Int("status", r.Status), zap.Duration("latency", r.Latency))
	if r.Status == 0 {
		fields = append(fields, zap.String("error", r.Excerpt))
	}
	entry.Write(fields...)
}

// fields are what every log line about a callback tells.
func (tn *turn) fields(d debt) []zap.Field {
	return []zap.Field{
		zap.String("topup", tn.id), zap.String("merchant", string(tn.merchant)),
		zap.String("event", string(d.callback.Type)), zap.Int("version", d.callback.Version),
	}
}

// endpoint is the merchant's endpoint, at most endpointFor old.
func (c *Callbacks) endpoint(l *lane) (*endpoint, error) {
	l.endpointMu.Lock()
	defer l.endpointMu.Unlock()
	if l.endpoint != nil && c.cfg.Now().Sub(l.endpoint.loaded) < endpointFor {
		return l.endpoint, nil
	}
	ctx, cancel := c.storeContext()
	defer cancel()
	m, err := c.cfg.Store.GetMerchant(ctx, l.merchant)
	if errors.Is(err, topup.ErrNotFound) {
		m, err = &topup.Merchant{ID: l.merchant}, nil // nobody to tell: its callbacks are parked
	}
	if err != nil {
		return nil, fmt.Errorf("load merchant: %w", err)
	}
	ep, err := c.open(m)
	if err != nil {
		return nil, err
	}
	l.endpoint = ep
	l.setGrouped(ep.hook.MaxEvents > 1)
	return ep, nil
}

// open makes a merchant's endpoint ready: its live secrets are opened. Nothing is ever sent unsigned.
func (c *Callbacks) open(m *topup.Merchant) (*endpoint, error) {
	ep := &endpoint{hook: m.Webhook, loaded: c.cfg.Now()}
	if m.Webhook.URL == "" {
		return ep, nil
	}
	var err error
	if ep.keys, err = webhook.LiveKeys(c.cfg.Keyring, m, ep.loaded); err != nil {
		return nil, err
	}
	return ep, nil
}
