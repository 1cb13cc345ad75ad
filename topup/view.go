package topup

import (
	"time"
)

// View is a top-up as merchants see it: the answer of GET /v1/topups/{id} and the data of a callback. What is not
// known is null, never left out, so that every answer has the same members.
type View struct {
	ID        ID                `json:"id"`
	Reference string            `json:"reference"`
	BatchID   *BatchID          `json:"batch_id"`
	Recipient string            `json:"recipient"`
	Amount    string            `json:"amount"`
	Currency  string            `json:"currency"`
	Provider  ProviderName      `json:"provider"`
	Product   Product           `json:"product"`
	ExpiresAt *time.Time        `json:"expires_at"`
	Metadata  map[string]string `json:"metadata"`
	Priority  string            `json:"priority"`

	State      string `json:"state"`
	RefundSafe bool   `json:"refund_safe"`
	Attempts   int    `json:"attempts"`

	ProviderReference     *string `json:"provider_reference"`
	ProviderTransactionID *string `json:"provider_transaction_id"`
	OperatorTransactionID *string `json:"operator_transaction_id"`
	DeliveredAmount       *string `json:"delivered_amount"`
	DeliveredCurrency     *string `json:"delivered_currency"`
	// Cost is what the provider debited, in CostCurrency (the provider account's, which need not be Currency).
	Cost         *string `json:"cost"`
	CostCurrency *string `json:"cost_currency"`
	// PredictedCost is what it was expected to cost before it was sent, by the provider's published prices.
	PredictedCost         *string `json:"predicted_cost"`
	PredictedCostCurrency *string `json:"predicted_cost_currency"`

	Failure     *FailureView `json:"failure"`
	Explanation string       `json:"explanation"`
	Checks      ChecksView   `json:"checks"`
	// PIN is never set by View: only the single GET adds it, for a key that may read PINs.
	PIN *string `json:"pin,omitempty"`

	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
	ClosedAt    *time.Time `json:"closed_at"`
	ConfirmedAt *time.Time `json:"confirmed_at"`
}

// FailureView says why a top-up failed, is held or was reversed.
type FailureView struct {
	Code         Code    `json:"code"`
	Message      string  `json:"message"`
	ProviderCode *string `json:"provider_code"`
}

// ChecksView counts the questions asked about a top-up and tells when the next one is due.
type ChecksView struct {
	Done   int        `json:"done"`
	NextAt *time.Time `json:"next_at"`
}

// View returns the public representation of t, without its PIN. For a callback that tells of an earlier version
// take t.AsOf(version).View().
func (t *Topup) View() View {
	v := View{
		ID: t.ID, Reference: t.Reference, BatchID: optional(t.Batch), Recipient: t.Recipient.E164(),
		Amount: t.Amount.Text(), Currency: t.Amount.Currency, Provider: t.Provider, Product: t.Product,
		ExpiresAt: optionalTime(t.ExpiresAt), Metadata: t.Metadata, Priority: t.Urgency().String(),
		State: t.State.String(), RefundSafe: t.RefundSafe(), Attempts: t.Attempts,
		ProviderReference:     optional(t.ProviderReference),
		ProviderTransactionID: optional(t.ProviderTransactionID),
		OperatorTransactionID: optional(t.OperatorTransactionID),
		Explanation:           t.Explain(),
		Checks:                ChecksView{Done: t.Checks, NextAt: t.nextCheck()},
		CreatedAt:             t.CreatedAt.UTC(), UpdatedAt: t.UpdatedAt.UTC(),
		ClosedAt: optionalTime(t.ClosedAt), ConfirmedAt: optionalTime(t.ConfirmedAt),
	}
	v.DeliveredAmount, v.DeliveredCurrency = moneyView(t.Delivered)
	v.Cost, v.CostCurrency = moneyView(t.Cost)
	v.PredictedCost, v.PredictedCostCurrency = moneyView(t.Predicted)
	if t.Failure != nil {
		v.Failure = &FailureView{Code: t.Failure.Code, Message: t.Failure.Message, ProviderCode: optional(t.Failure.ProviderCode)}
	}
	if v.Metadata == nil {
		v.Metadata = map[string]string{}
	}
	return v
}

// Final reports whether a callback about the present state says "final": succeeded, failed or reversed.
func (t *Topup) Final() bool { return t.State.Closed() }

// nextCheck is when the provider is asked next; nothing while t is still to be sent.
func (t *Topup) nextCheck() *time.Time {
	if t.State == Accepted || t.State == Held {
		return nil
	}
	return optionalTime(t.DueAt)
}

// moneyView is an amount as text and its currency, both nil where nothing is known.
func moneyView(m Money) (amount, currency *string) {
	if m.IsZero() {
		return nil, nil
	}
	text := m.Text()
	return &text, optional(m.Currency)
}

func optional[S ~string](s S) *S {
	if s == "" {
		return nil
	}
	return &s
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// BatchView is a batch as merchants see it: the answer of GET /v1/batches/{id} and the data of batch.completed.
type BatchView struct {
	BatchID    BatchID `json:"batch_id"`
	Name       string  `json:"name"`
	Rows       int64   `json:"rows"`
	Accepted   int64   `json:"accepted"`
	Duplicates int64   `json:"duplicates"`
	Rejected   int64   `json:"rejected"`
	// States has every state, those without a top-up as 0.
	States   map[string]int64     `json:"states"`
	Progress float64              `json:"progress"`
	Totals   map[string]TotalView `json:"totals"`
	// StatesHash sums up the closed rows, as RowHash tells; null where it does not cover all of them.
	StatesHash *string `json:"states_hash"`

	// Hold says why nothing further of the batch is sent, null where it goes its way.
	Hold *HoldView `json:"hold"`
	// Paused is the operator whose rows were stopped last because too many failed, null for none.
	Paused *BatchPaused `json:"paused"`

	CreatedAt time.Time  `json:"created_at"`
	ClosedAt  *time.Time `json:"closed_at"`
}

// HoldView is a hold as merchants see it.
type HoldView struct {
	Reason Code      `json:"reason"`
	Since  time.Time `json:"since"`
}

// TotalView sums the accepted rows of one currency: what was asked for and what was delivered, as decimal text.
type TotalView struct {
	Requested string `json:"requested"`
	Succeeded string `json:"succeeded"`
}

// View returns the public representation of b.
func (b *Batch) View() BatchView {
	v := BatchView{
		BatchID: b.ID, Name: b.Name, Rows: b.Rows, Accepted: b.Accepted, Duplicates: b.Duplicates, Rejected: b.Rejected,
		States: make(map[string]int64, len(States)), Progress: b.Progress(), Totals: map[string]TotalView{}, StatesHash: b.statesHash(),
		CreatedAt: b.CreatedAt.UTC(), ClosedAt: optionalTime(b.ClosedAt),
	}
	v.Paused = b.Paused
	if b.Hold != nil {
		v.Hold = &HoldView{Reason: b.Hold.Reason, Since: b.Hold.Since.UTC()}
	}
	for _, s := range States {
		v.States[s.String()] = b.States[s]
	}
	for currency, requested := range b.Requested {
		succeeded := Money{Amount: b.Succeeded[currency].Amount, Currency: currency}
		v.Totals[currency] = TotalView{Requested: requested.Text(), Succeeded: succeeded.Text()}
	}
	return v
}
