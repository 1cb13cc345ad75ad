package clients

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"topupq/clients/reloadly"
	"topupq/topup"
)

const (
	// reloadlyHold is how long an order may run before the report shows it: the longest hold seen was 52 s.
	reloadlyHold = 60 * time.Second
	// reloadlyCatalogueTTL is how long an operator's bounds and denominations are believed.
	reloadlyCatalogueTTL = 10 * time.Minute
)

// ReloadlyConfig holds what is ours to decide. The zero value is usable.
type ReloadlyConfig struct {
	// MNP finds the operator of orders that name none by number portability lookup, which Reloadly bills, before
	// the free detection by prefix.
	MNP bool
	// Hold is Traits.Hold. Default 60 s.
	Hold time.Duration
	// CatalogueTTL is how long an operator is cached. Default 10 min.
	CatalogueTTL time.Duration
	// Now is the clock of the cache. Default time.Now.
	Now func() time.Time
}

// Reloadly is the adapter of Reloadly's airtime service. It is safe for concurrent use.
type Reloadly struct {
	api       *reloadly.Client
	cfg       ReloadlyConfig
	operators *reloadlyOperators
	report    *reloadlyIndex
}

// NewReloadly returns the adapter over a wire client.
func NewReloadly(api *reloadly.Client, cfg ReloadlyConfig) *Reloadly {
	if cfg.Hold <= 0 {
		cfg.Hold = reloadlyHold
	}
	if cfg.CatalogueTTL <= 0 {
		cfg.CatalogueTTL = reloadlyCatalogueTTL
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Reloadly{api: api, cfg: cfg, operators: newReloadlyOperators(api, cfg), report: newReloadlyIndex()}
}

// Traits are Reloadly's: it refuses a repeated identifier for ever once an order was taken, and an empty report proves
// absence when nothing can be running any more. The float's currency is the account's.
func (r *Reloadly) Traits() topup.Traits {
	return topup.Traits{
		Name: topup.Reloadly, RefusesRepeat: true, AbsenceByAnswer: true, Hold: r.cfg.Hold, Actions: reloadly.Actions(),
		Priced: true, Catalogue: reloadlyCatalogue(), Owned: reloadlyOwned(),
	}
}

// Submit sends one order under its reference: makeAsyncTopup, or makeTopup with mode "sync". The operator is detected
// where the order names none. An order that breaks the operator's bounds, denominations or currency is Refused before
// anything is sent. Outcome.Resolved has the operator that was chosen.
func (r *Reloadly) Submit(ctx context.Context, o topup.Order) (topup.Outcome, error) {
	ctx = observed(ctx, reloadly.Observe)
	op, err := r.operatorFor(ctx, o)
	if err != nil {
		return r.notFound(o, err)
	}
	req, refusal := reloadlyRequest(o, op)
	if refusal != nil {
		return *refusal, nil
	}
	out, err := r.send(ctx, o, req)
	if err != nil {
		return out, err
	}
	out.Predicted = reloadlyPredict(req.Amount, req.UseLocalAmount, op)
	if o.Product.OperatorID == 0 {
		resolved := o.Product
		resolved.OperatorID = req.OperatorID
		out.Resolved = &resolved
	}
	return out, nil
}

// Quote implements topup.Quoter: the operator is found and its rules are applied as by Submit. A detour that says
// nothing of its product is ordered in the local currency where that is the currency of its amount.
func (r *Reloadly) Quote(ctx context.Context, o topup.Order) (topup.Quote, error) {
	op, err := r.operatorFor(ctx, o)
	if err != nil {
		refusal, err := r.notFound(o, err)
		if err != nil {
			return topup.Quote{}, err
		}
		return topup.Quote{Refusal: &refusal}, nil
	}
	local := o.Amount.Currency == string(op.DestinationCurrencyCode) && o.Amount.Currency != string(op.SenderCurrencyCode)
	if o.Detour && local {
		o.Product.UseLocalAmount = true
	}
	req, refusal := reloadlyRequest(o, op)
	if refusal != nil {
		return topup.Quote{Refusal: refusal}, nil
	}
	q := topup.Quote{Product: o.Product, Cost: reloadlyPredict(req.Amount, req.UseLocalAmount, op)}
	q.Product.OperatorID = req.OperatorID
	return q, nil
}

// notFound is the result of an order whose operator could not be read or found. Where it was looked for by the number
// the refusal says how.
func (r *Reloadly) notFound(o topup.Order, err error) (topup.Outcome, error) {
	out, err := reloadlyBefore(err)
	if err == nil && out.ProviderCode == reloadly.CodeCountryNotSupported && o.Product.OperatorID == 0 {
		out.Message = "The order names no operator, and Reloadly's autoDetectOperator does not serve the number's country."
	}
	if err != nil || out.Code != topup.CodeNotResolved || o.Product.RecipientEmail != "" {
		return out, err
	}
	tried := "autoDetectOperator finds none"
	if r.cfg.MNP {
		tried = "mnpLookupGet and autoDetectOperator find none"
	}
	out.Message = "The order names no operator, and Reloadly's " + tried + " for the number."
	return out, nil
}

// send makes the paying call.
func (r *Reloadly) send(ctx context.Context, o topup.Order, req reloadly.TopupRequest) (topup.Outcome, error) {
	if o.Product.Mode == topup.ModeSync {
		t, err := r.api.Topup(ctx, req)
		if err != nil {
			return reloadlySent(err)
		}
		return reloadlyAnswered(&t, reloadlyRef(o)), nil
	}
	id, err := r.api.TopupAsync(ctx, req)
	if err != nil {
		return reloadlySent(err)
	}
	return topup.Outcome{
		Answer: topup.InProgress, Code: topup.CodeInProgress, Message: "Reloadly has taken the order.",
		Reference: strconv.FormatInt(id, 10), TransactionID: strconv.FormatInt(id, 10),
	}, nil
}

// Balance is the account's float, shared by all Reloadly products.
func (r *Reloadly) Balance(ctx context.Context) (topup.Money, error) {
	b, err := r.api.AccountBalance(ctx)
	if err != nil {
		return topup.Money{}, fmt.Errorf("read reloadly balance: %w", err)
	}
	return topup.Money{Amount: b.Balance.Decimal, Currency: string(b.CurrencyCode)}, nil
}

// ParseCallback reads which order a call-back is about. Verify it with reloadly.VerifyCallback first, and Check the
// order whatever it says. A reference that is none of ours is left empty; TransactionID may be then.
func (r *Reloadly) ParseCallback(body []byte) (topup.Ref, error) {
	cb, err := reloadly.ParseCallback(body)
	if err != nil {
		return topup.Ref{}, err
	}
	ref := topup.Ref{TransactionID: cb.TransactionID}
	if id := topup.ID(cb.CustomIdentifier); id.Valid() {
		ref.Reference = id
	}
	return ref, nil
}

// reloadlyRef is what an order's answer is compared with.
func reloadlyRef(o topup.Order) topup.Ref {
	return topup.Ref{Reference: o.Reference, Recipient: o.Recipient, Amount: o.Amount, Product: o.Product}
}

// reloadlySent is the result of a paying call that ended in err.
func reloadlySent(err error) (topup.Outcome, error) {
	var token *reloadly.TokenError
	var request *reloadly.RequestError
	var unread *reloadly.AnswerError
	switch {
	case errors.As(err, &token):
		return reloadlyBefore(err)
	case errors.As(err, &request):
		return *reloadlyRefusal(topup.CodeInvalidRequest, "The order cannot be sent: "+request.Error()+"."), nil
	case errors.As(err, &unread):
		return unreadable(""), nil
	}
	if e, answered := reloadly.AsError(err); answered {
		return reloadlyVerdict(e), nil
	}
	return noAnswer(err, reloadly.Reached(err))
}
