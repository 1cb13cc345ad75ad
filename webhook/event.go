package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"topupq/topup"
)

// ErrNotSayable means that a format has no words for an event, so that it is not sent in that format.
var ErrNotSayable = errors.New("event cannot be said in this format")

// Sayable reports whether an event can be said in a format. Everything can in the standard one. The AAT format has
// a Success that is true or false and nothing else, so it has no word for unresolved, batches and tests.
func Sayable(format string, e topup.EventType) bool {
	if format != topup.FormatAAT {
		return true
	}
	switch e {
	case topup.EventSucceeded, topup.EventFailed, topup.EventReversed, topup.EventCorrected:
		return true
	default:
		return false
	}
}

// event is the body of the standard format.
type event struct {
	Type topup.EventType `json:"type"`
	// Timestamp is when the event happened, not when it is sent: it is the same on every attempt.
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// topupData is a top-up as GET shows it, and which version of it this is.
type topupData struct {
	topup.View
	Version int  `json:"version"`
	Final   bool `json:"final"`
}

// TopupBody returns the body that tells of version as an event of type e: the record as it stood after that move,
// never its PIN. It returns ErrNotSayable where the format has no words for it. The same record gives the same
// bytes; what was learned since the move (provider's references, costs, confirmation) may be added in between.
func TopupBody(format string, t *topup.Topup, version int, e topup.EventType) ([]byte, error) {
	if !Sayable(format, e) {
		return nil, ErrNotSayable
	}
	then := t.AsOf(version)
	if format == topup.FormatAAT {
		return encode(aatBody(then))
	}
	view := then.View()
	view.PIN = nil
	return encode(event{
		Type: e, Timestamp: movedAt(then),
		Data: topupData{View: view, Version: version, Final: then.Final()},
	})
}

// BatchBody returns the body of batch.completed: the batch as GET showed it when it closed. ErrNotSayable in
// the AAT format.
func BatchBody(format string, b *topup.Batch) ([]byte, error) {
	if !Sayable(format, topup.EventBatchCompleted) {
		return nil, ErrNotSayable
	}
	return encode(event{Type: topup.EventBatchCompleted, Timestamp: b.ClosedAt.UTC(), Data: b.AsClosed().View()})
}

// TestBody returns the body of webhook.test, which a merchant asks for to try its endpoint. ErrNotSayable in the
// AAT format.
func TestBody(format string, m topup.MerchantID, now time.Time) ([]byte, error) {
	if !Sayable(format, topup.EventTest) {
		return nil, ErrNotSayable
	}
	data := struct {
		Merchant topup.MerchantID `json:"merchant_id"`
		Message  string           `json:"message"`
	}{m, "A test of this endpoint; no top-up is behind it."}
	return encode(event{Type: topup.EventTest, Timestamp: now.UTC(), Data: data})
}

// aatEvent is the call-back of the AAT guide, field for field.
type aatEvent struct {
	TransactionID string      `json:"TransactionId"`
	ClientRef     string      `json:"ClientRef"`
	OrderRef      string      `json:"OrderRef"`
	MSISDN        string      `json:"MSISDN"`
	Amount        json.Number `json:"Amount"`
	VoucherType   string      `json:"VoucherType"`
	Description   string      `json:"Description"`
	Network       string      `json:"Network"`
	Success       bool        `json:"Success"`
	FailReason    string      `json:"FailReason"`
}

// aatBody maps a record to the ten fields. Network is the network's name where it was asked for, else the operator's
// number where one was ordered. We do not keep AAT's own voucher type, so VoucherType is the kind of recharge.
func aatBody(t *topup.Topup) aatEvent {
	p := t.Ordered()
	e := aatEvent{
		TransactionID: string(t.ID), ClientRef: t.Reference, OrderRef: t.ProviderReference,
		MSISDN: t.Recipient.Digits(), Amount: json.Number(t.Amount.Text()),
		VoucherType: p.Recharge, Description: "Airtime top-up",
		Success: t.State == topup.Succeeded,
	}
	if e.VoucherType == "" {
		e.VoucherType = p.Service
	}
	if p.Pinned() {
		e.Description = "Airtime voucher"
	}
	e.Network = t.Network
	if operator := p.OperatorID + p.OperatorCode; e.Network == "" && operator != 0 {
		e.Network = strconv.FormatInt(operator, 10)
	}
	if !e.Success {
		e.FailReason = t.Explain()
	}
	return e
}

// movedAt is when the record came to be as it is.
func movedAt(t *topup.Topup) time.Time {
	if n := len(t.History); n > 0 {
		return t.History[n-1].At.UTC()
	}
	return t.UpdatedAt.UTC()
}

func encode(body any) ([]byte, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return b, nil
}
