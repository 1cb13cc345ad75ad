package clients

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"topupq/clients/aat"
	"topupq/topup"
)

// aatCurrency is the only currency of AAT: rand.
const aatCurrency = "ZAR"

// Defaults of AATConfig.
const (
	aatHold         = 120 * time.Second
	aatCatalogueAge = time.Hour
)

// AATConfig holds what depends on the account. The zero value is usable.
type AATConfig struct {
	// StatusFailed are the words of GetTransactionInfo's Status that mean failed. Default Failed, Reversed, Refunded
	// and Cancelled, which are assumed: only OK is documented. Compared without regard to case.
	StatusFailed []string
	// AirtimeTypes are words of which one must be in the name of a voucher type, in any case, for its vouchers to be
	// chosen for an order that names none. Default "airtime", so that nobody is sold a data bundle instead.
	AirtimeTypes []string
	// CatalogueAge is how long voucher types and vouchers are kept in memory. Default 1 h.
	CatalogueAge time.Duration
	// Hold is Traits.Hold. Default 120 s.
	Hold time.Duration
	// Clock tells the catalogue's age. Default time.Now.
	Clock func() time.Time
}

// AAT is the adapter of AAT: top-ups and PIN vouchers in South Africa, in rand. It is safe for concurrent use.
type AAT struct {
	client    *aat.Client
	cfg       AATConfig
	catalogue *aatCatalogue
}

// NewAAT returns the adapter over a wire client. It fails when a word for failure is the one for success, or empty.
func NewAAT(client *aat.Client, cfg AATConfig) (*AAT, error) {
	if len(cfg.StatusFailed) == 0 {
		cfg.StatusFailed = []string{"Failed", "Reversed", "Refunded", "Cancelled"}
	}
	for _, word := range cfg.StatusFailed {
		if strings.TrimSpace(word) == "" || strings.EqualFold(strings.TrimSpace(word), aat.StatusOK) {
			return nil, fmt.Errorf("aat: %q cannot be a word for failure", word)
		}
	}
	if len(cfg.AirtimeTypes) == 0 {
		cfg.AirtimeTypes = []string{"airtime"}
	}
	if cfg.CatalogueAge <= 0 {
		cfg.CatalogueAge = aatCatalogueAge
	}
	if cfg.Hold <= 0 {
		cfg.Hold = aatHold
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &AAT{client: client, cfg: cfg, catalogue: newAATCatalogue(client, cfg.CatalogueAge, cfg.Clock)}, nil
}

// Traits are AAT's: a reference is refused again after it has succeeded, and GetTransactionInfo proves absence.
func (a *AAT) Traits() topup.Traits {
	return topup.Traits{
		Name: topup.AAT, Currency: aatCurrency,
		RefusesRepeat: true, RepeatKnownAfterSuccess: true, AbsenceByAnswer: true, Hold: a.cfg.Hold,
		Actions: aatActions(), Catalogue: []string{"GetNetworkList", "GetVoucherType", "GetVoucher"},
		Owned: []topup.OwnedAction{{Action: "GetTransactionInfo", Reference: "clientRef", Recipient: "MSISDN"}},
	}
}

// Submit makes one of the six Perform calls under the order's reference. An order that names no voucher gets one from
// the catalogue first. What fails before the Perform call is Refused, Blocked or a *topup.NotSentError; nothing that
// comes after it ever is the latter unless the request was provably not written.
func (a *AAT) Submit(ctx context.Context, o topup.Order) (topup.Outcome, error) {
	ctx = observed(ctx, aat.Observe)
	buy, refusal := newAATPurchase(o)
	if refusal != nil {
		return *refusal, nil
	}
	refusal, err := a.complete(ctx, o, buy)
	if err != nil {
		return topup.Outcome{}, err
	}
	if refusal != nil {
		return *refusal, nil
	}
	info, err := buy.perform(ctx, a.client)
	out, err := a.performed(buy, info, err)
	out.Network = cut(buy.network.Name)
	if buy.chosen {
		out.Resolved = &buy.product
		if out.RefreshCatalogue {
			a.catalogue.drop(buy.network.ID)
		}
	}
	return out, err
}

// Quote implements topup.Quoter: the voucher is chosen or compared as by Submit. AAT does not tell what it debits.
func (a *AAT) Quote(ctx context.Context, o topup.Order) (topup.Quote, error) {
	buy, refusal := newAATPurchase(o)
	if refusal != nil {
		return topup.Quote{Refusal: refusal}, nil
	}
	refusal, err := a.complete(ctx, o, buy)
	if err != nil {
		return topup.Quote{}, err
	}
	return topup.Quote{Product: buy.product, Refusal: refusal}, nil
}

// performed is what the answer to a Perform call proves.
func (a *AAT) performed(buy *aatPurchase, info aat.RechargeInfo, err error) (topup.Outcome, error) {
	if err != nil {
		return aatSubmitError(err)
	}
	out := topup.Outcome{
		Answer: topup.Delivered, Code: topup.CodeDelivered, Message: "AAT reports the recharge as done.",
		Reference: info.OrderRef, TransactionID: info.OrderRef, OperatorID: info.TicketNumber,
		Delivered: buy.amount,
	}
	if buy.product.Pinned() {
		out.PIN = topup.Secret(info.VoucherPIN.Reveal())
	}
	switch {
	case buy.product.Pinned() && out.PIN == "":
		out.Answer, out.Code = topup.Unclear, topup.CodeAnswerUnreadable
		out.Message = "AAT reports the voucher as sold but its answer has no PIN."
		out.Delivered = topup.Money{}
	case buy.product.FixedAmount && !buy.priceKnown:
		out.Answer, out.Code = topup.InProgress, topup.CodeInProgress
		out.Message = "AAT reports the voucher as sold; its price is still to be compared with the order."
		out.Delivered = topup.Money{}
	}
	return out, nil
}

// Check asks GetTransactionInfo by our reference. Only Status OK for our number and amount is Delivered.
func (a *AAT) Check(ctx context.Context, ref topup.Ref) (topup.Outcome, error) {
	ctx = observed(ctx, aat.Observe)
	info, err := a.client.GetTransactionInfo(ctx, string(ref.Reference))
	if err != nil {
		return aatCheckError(err)
	}
	return a.judge(info, ref), nil
}

// Balance is what is left of the account's credit.
func (a *AAT) Balance(ctx context.Context) (topup.Money, error) {
	credit, err := a.client.GetUserCredit(ctx)
	if err != nil {
		return topup.Money{}, fmt.Errorf("read aat credit: %w", err)
	}
	return topup.Money{Amount: credit.RemainingCredit, Currency: aatCurrency}, nil
}

// ParseCallback reads a call-back of AAT and returns our reference of the order it is about; query is not used. It is
// not signed and may come again with the other outcome, so nothing else of it is passed on: the only thing to do with
// it is to Check. The error wraps aat.ErrCallback.
func (a *AAT) ParseCallback(_ url.Values, body []byte) (topup.Ref, error) {
	cb, err := aat.ParseCallback(body)
	if err != nil {
		return topup.Ref{}, err
	}
	return topup.Ref{Reference: topup.ID(cb.ClientRef)}, nil
}

// aatSubmitError is what a Perform call without a success as its answer proves.
func aatSubmitError(err error) (topup.Outcome, error) {
	var api *aat.APIError
	var status *aat.StatusError
	var broken *aat.UndecodableError
	switch {
	case errors.As(err, &api):
		return aatPerformKind(api), nil
	case errors.As(err, &status):
		return aatPerformStatus(status), nil
	case errors.As(err, &broken):
		return unreadable(""), nil
	default:
		return noAnswer(err, aat.Reached(err))
	}
}

// aatCheckError is what a GetTransactionInfo without a transaction as its answer tells.
func aatCheckError(err error) (topup.Outcome, error) {
	var api *aat.APIError
	var status *aat.StatusError
	var broken *aat.UndecodableError
	switch {
	case errors.As(err, &api):
		return aatCheckKind(api), nil
	case errors.As(err, &status) && aatRefusesUs(status.Status):
		return aatCredentials(topup.Unclear, status.Text), nil
	case errors.As(err, &broken):
		return unreadable(""), nil
	default:
		return topup.Outcome{}, fmt.Errorf("check aat transaction: %w", err)
	}
}
