package topup

import "time"

// SMS is what is known of the text that carries a top-up's PIN. It is kept beside the record: a text that fails never
// changes the sale.
type SMS struct {
	// Number is the one under which the text is sent and repeated, 1 to 2^31-1.
	Number int32
	// Sent means that the provider has taken the text.
	Sent bool
	// Stale means that the number was given so long ago that the provider does not recognise a repeat of it any more.
	Stale bool
}

// SMSReport is what the SMS provider says became of a text.
type SMSReport struct {
	// Topup is our reference of the text, Message the provider's number of it.
	Topup   ID
	Message string
	// Status is the provider's word, such as "DELIVERED" or "FAILED.BLOCKED"; Final means that it will not change.
	Status string
	Final  bool
	At     time.Time
}

// WantsText reports whether t was ordered with its PIN to be sent by SMS.
func (t *Topup) WantsText() bool { return t.Product.DeliverPIN == DeliverBySMS && t.Ordered().Pinned() }

// Textable reports whether the PIN can be sent now: it is known, and good.
func (t *Topup) Textable() bool {
	return t.WantsText() && t.State == Succeeded && len(t.PIN) > 0 && !t.PINVoid
}

// TextOver reports whether there never will be a PIN to send.
func (t *Topup) TextOver() bool {
	return !t.WantsText() || t.PINVoid || t.State == Failed || t.State == Reversed ||
		t.State == Succeeded && len(t.PIN) == 0 && t.DueAt.IsZero()
}
