package workers

import (
	"context"
	"time"

	"topupq/topup"
)

// TextDebts keeps that a PIN has to be sent by SMS.
type TextDebts interface {
	OweSMS(ctx context.Context, id topup.ID, at time.Time) error
}

// oweText notes, before a voucher is bought, that its PIN has to be sent: whatever is lost between the sale and the
// text, the scheduler rings for it again.
func (c *Config) oweText(ctx context.Context, t *topup.Topup) error {
	if c.Texts == nil || !t.WantsText() {
		return nil
	}
	return c.Texts.OweSMS(ctx, t.ID, c.Now().Add(textWait))
}
