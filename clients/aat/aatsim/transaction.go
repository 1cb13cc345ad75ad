package aatsim

import (
	"fmt"
	"strconv"
	"time"

	"github.com/shopspring/decimal"
)

// The states of a Booking.
const (
	stateBooked   = "booked"
	statePending  = "pending"
	stateFailed   = "failed"
	stateRefunded = "refunded"
)

// The words of Status. Only OK is documented; the others are made up.
const (
	wordOK       = "OK"
	wordFailed   = "Failed"
	wordRefunded = "Refunded"
)

// transaction is one reference in the provider's books.
type transaction struct {
	reference string
	recipient string
	amount    decimal.Decimal
	voucher   voucher
	kind      voucherType
	at        time.Time
	state     string
	// count is how often it was booked, number the running number of the last booking.
	count, number int
	// asked counts the questions about it, twice doubles its call-backs.
	asked int
	twice bool
}

func (t *transaction) booking() Booking {
	b := Booking{
		Reference: t.reference, Recipient: t.recipient, Amount: written(t.amount), Currency: "ZAR",
		State: t.state, Count: t.count, At: t.at,
	}
	if t.number > 0 {
		b.TransactionID = t.orderRef()
	}
	return b
}

// The numbers of a booking are made from its running number, in the form of the guide's examples. A ticket has a
// stray space at its end, a PIN has zeros at its front.
func (t *transaction) orderRef() string { return strconv.Itoa(98187963 + t.number) }
func (t *transaction) ticket() string   { return fmt.Sprintf("SAWPK%07d ", t.number) }
func (t *transaction) box() string      { return strconv.Itoa(13004933 + t.number) }
func (t *transaction) batch() string    { return strconv.Itoa(130049347 + t.number) }

// pin is empty for a pinless product.
func (t *transaction) pin() string {
	if !t.voucher.pinned {
		return ""
	}
	return fmt.Sprintf("%016d", 11180836+t.number)
}

// told is the truth of GetTransactionInfo.
func (t *transaction) told() info {
	i := info{
		msisdn: t.recipient, amount: t.amount, voucherType: strconv.Itoa(t.kind.id), ticket: t.ticket(),
		orderRef: t.orderRef(), box: t.box(), batch: t.batch(),
		status: map[string]string{stateBooked: wordOK, stateFailed: wordFailed, stateRefunded: wordRefunded}[t.state],
	}
	if p := t.pin(); p != "" {
		i.pin = p + " "
	}
	return i
}

// change is what happens to a transaction at a time: a pending request ends, or a success is taken back.
type change struct {
	at        time.Time
	reference string
	state     string
	// takesBack means that a success is taken back; otherwise a pending request ends.
	takesBack bool
}

// advance carries out the changes that are due. The caller holds the lock.
func (s *Sim) advance() {
	if len(s.changes) == 0 {
		return
	}
	now := s.opts.Clock()
	var later []change
	for _, c := range s.changes {
		if now.Before(c.at) {
			later = append(later, c)
			continue
		}
		s.apply(c)
	}
	s.changes = later
}

func (s *Sim) apply(c change) {
	t := s.transactions[c.reference]
	switch {
	case c.takesBack:
		s.credit = s.credit.Add(t.amount)
		t.state = c.state
		s.owe(t, false)
	case c.state == stateBooked:
		// The request that was at work ends here, whatever has been booked under its reference meanwhile.
		s.book(t)
		s.owe(t, true)
	case t.state == statePending:
		s.number(t)
		t.state = c.state
		s.owe(t, false)
	}
}

// book takes the money for t. The caller holds the lock.
func (s *Sim) book(t *transaction) {
	s.number(t)
	t.count++
	t.state = stateBooked
	s.credit = s.credit.Sub(t.amount)
}

func (s *Sim) number(t *transaction) {
	s.booked++
	t.number = s.booked
}
