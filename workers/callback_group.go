package workers

import (
	"go.uber.org/zap"

	"topupq/topup"
	"topupq/webhook"
)

// groupLanes is how many groups are on their way to one endpoint at once: while they are, the next ones grow.
const groupLanes = 2

// part is one event of a group.
type part struct {
	turn *turn
	debt debt
	body []byte
}

// sendGroup posts the event of a turn together with those of turns that wait behind it, as many as the merchant takes in
// one body, and records for each what came of it. False means that tn's turn is over.
func (c *Callbacks) sendGroup(l *lane, tn *turn, d debt, ep *endpoint, body []byte) bool {
	parts := []part{{tn, d, body}}
	var others []*turn
	defer func() { // what is left of them where something panicked
		for _, other := range others {
			c.drop(other)
			l.finish(other)
		}
	}()
	for len(parts) < ep.hook.MaxEvents {
		other := l.another()
		if other == nil {
			break
		}
		others = append(others, other)
		if other.stale(c.cfg.Now()) && !c.refresh(other) {
			continue
		}
		if p, ok := c.partOf(ep, other); ok {
			parts = append(parts, p)
		}
	}
	stuck := c.postGroup(l, ep, parts)
	for len(others) > 0 {
		other := others[0]
		others = others[1:]
		if stuck[other] {
			c.drop(other)
		} else {
			c.take(l, other) // what else it owes
		}
		l.finish(other)
	}
	return !stuck[tn]
}

// postGroup posts the events and returns the turns that can do nothing more, because it was cut short or not recorded.
func (c *Callbacks) postGroup(l *lane, ep *endpoint, parts []part) map[*turn]bool {
	stuck := map[*turn]bool{}
	members := make([]webhook.Member, len(parts))
	for i, p := range parts {
		stuck[p.turn] = true
		members[i] = webhook.Member{ID: topup.CallbackID(p.turn.id, p.debt.callback.Version), Body: p.body}
	}
	id, whole, err := webhook.GroupBody(members)
	if err != nil {
		c.cfg.Log.Error("callbacks wait: no body", append(parts[0].turn.fields(parts[0].debt), zap.Error(err))...)
		return stuck
	}
	for _, p := range parts {
		if !p.turn.leased() {
			l.noteTold(p.turn.id, p.debt.callback.Version)
		}
	}
	r := c.cfg.Sender.Send(c.base, ep.message(l.merchant, id, whole))
	if c.base.Err() != nil && !r.OK {
		return stuck
	}
	if r.Postponed.IsZero() {
		c.judge(l, ep, r)
	}
	for _, p := range parts {
		if r.Postponed.IsZero() {
			c.logAttempt(p.turn, p.debt, r)
		}
		stuck[p.turn] = !c.record(p.turn, p.debt, recorded(r, c.cfg.Retries))
	}
	return stuck
}

// drop gives up a turn: what it owes stays owed.
func (c *Callbacks) drop(tn *turn) {
	if tn.leased() {
		c.release(tn.id)
	}
}

// partOf is what a turn adds to a group, false where it owes nothing that is to be sent now.
func (c *Callbacks) partOf(ep *endpoint, tn *turn) (part, bool) {
	now := c.cfg.Now()
	d, due := tn.debt(now)
	if !due || d.withoutSending(ep.hook, now) != nil {
		return part{}, false
	}
	body, err := d.body(ep.hook.Format)
	return part{tn, d, body}, err == nil
}
