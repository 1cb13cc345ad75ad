package clients

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"topupq/clients/aat"
	"topupq/topup"
)

// aatKind is what decides which Perform call buys a product.
type aatKind struct {
	recharge string
	fixed    bool
}

type aatPerform func(*aat.Client, context.Context, aat.RechargeRequest) (aat.RechargeInfo, error)

// aatPerforms are the six paying calls.
var aatPerforms = map[aatKind]aatPerform{
	{topup.RechargePinless, false}:       (*aat.Client).PerformPinlessRecharge,
	{topup.RechargePinned, false}:        (*aat.Client).PerformPinnedRecharge,
	{topup.RechargePinnedNoPhone, false}: (*aat.Client).PerformPinnedRechargeWithoutMsisdn,
	{topup.RechargePinless, true}:        (*aat.Client).PerformPinlessRechargeFixedAmount,
	{topup.RechargePinned, true}:         (*aat.Client).PerformPinnedRechargeFixedAmount,
	{topup.RechargePinnedNoPhone, true}:  (*aat.Client).PerformPinnedRechargeWithoutMsisdnFixedAmount,
}

// aatPurchase is an order made ready for the wire.
type aatPurchase struct {
	reference string
	number    string
	amount    topup.Money
	product   topup.Product
	// chosen means that the voucher came from the catalogue of network.
	chosen bool
	// network is the voucher's, as far as it was asked for.
	network aat.NetworkInfo
	// priceKnown means that a fixed price is known to be the order's amount.
	priceKnown bool
}

// newAATPurchase turns an order into a purchase, or into the refusal that says why it cannot be one.
func newAATPurchase(o topup.Order) (*aatPurchase, *topup.Outcome) {
	p := o.Product
	if p.Recharge == "" {
		p.Recharge = topup.RechargePinless
	}
	number, ok := southAfricanNumber(o.Recipient)
	switch {
	case aatPerforms[aatKind{p.Recharge, p.FixedAmount}] == nil:
		return nil, aatRefusal(topup.CodeInvalidRequest, "product.recharge must be pinless, pinned or pinned_without_msisdn.")
	case p.VoucherID < 0 || p.VoucherID > math.MaxInt32:
		return nil, aatRefusal(topup.CodeInvalidRequest, "product.voucher_id is not a voucher id of AAT.")
	case !ok && (p.Recharge != topup.RechargePinnedNoPhone || p.VoucherID == 0):
		return nil, aatRefusal(topup.CodeInvalidRecipient, "AAT recharges South African numbers only: +27 and 9 digits.")
	case o.Amount.Currency != aatCurrency:
		return nil, aatRefusal(topup.CodeInvalidAmount, "AAT takes South African rand (ZAR) only.")
	case o.Amount.Amount.Sign() <= 0 || !o.Amount.Amount.Equal(o.Amount.Amount.Truncate(2)):
		return nil, aatRefusal(topup.CodeInvalidAmount, "AAT takes amounts above 0 with at most two decimal places.")
	}
	return &aatPurchase{reference: string(o.Reference), number: number, amount: o.Amount, product: p}, nil
}

// southAfricanNumber is a number as AAT takes it, 27 and nine digits; empty for any other.
func southAfricanNumber(m topup.MSISDN) (string, bool) {
	digits := m.Digits()
	if len(digits) != 11 || !strings.HasPrefix(m.E164(), "+27") || strings.Trim(digits, "0123456789") != "" {
		return "", false
	}
	return digits, true
}

// perform makes the paying call.
func (p *aatPurchase) perform(ctx context.Context, c *aat.Client) (aat.RechargeInfo, error) {
	return aatPerforms[aatKind{p.product.Recharge, p.product.FixedAmount}](c, ctx, aat.RechargeRequest{
		RecipientMSISDN: p.number, VoucherID: int(p.product.VoucherID), Amount: p.amount.Amount, ClientRef: p.reference,
	})
}

// complete chooses a voucher for an order that names none, and compares the price of one that is bought without an
// amount. It returns the refusal of an order that cannot be sent, or a *topup.NotSentError; nothing has been paid.
func (a *AAT) complete(ctx context.Context, o topup.Order, p *aatPurchase) (*topup.Outcome, error) {
	ctx, cancel := aatBeforePaying(ctx)
	defer cancel()
	named := p.product.VoucherID != 0
	if named && (!p.product.FixedAmount || p.number == "") {
		p.network = a.networkForText(ctx, p)
		return nil, nil
	}
	network, err := a.client.GetNetwork(ctx, p.number)
	var shelf aatShelf
	if err == nil {
		shelf, err = a.catalogue.of(ctx, network, o.FreshCatalogue)
	}
	p.network = network
	if named {
		return a.compare(ctx, p, shelf, err)
	}
	if err != nil {
		return aatCatalogueError(err)
	}
	offer, found := shelf.choose(p, a.cfg.AirtimeTypes)
	if !found {
		refusal := aatRefusal(topup.CodeProductUnavailable, fmt.Sprintf("AAT has no %s airtime voucher of %s for %s (%d vouchers looked at).",
			strings.ReplaceAll(p.product.Recharge, "_", " "), cut(network.Name), p.amount, len(shelf.offers)))
		refusal.RefreshCatalogue = shelf.cached
		return refusal, nil
	}
	p.chosen, p.priceKnown = true, true
	p.product.VoucherID, p.product.FixedAmount = int64(offer.ID), offer.fixed
	return nil, nil
}

// compare holds a named fixed-price voucher against the order's amount. A voucher that AAT's catalogue does not show,
// or a catalogue that makes no sense, is no reason not to buy what the merchant named: its price is then compared
// after the purchase, by Check. No answer at all, bad credentials and a rate limit are.
func (a *AAT) compare(ctx context.Context, p *aatPurchase, shelf aatShelf, err error) (*topup.Outcome, error) {
	if err != nil {
		refusal, err := aatCatalogueError(err)
		var later *topup.NotSentError
		if errors.As(err, &later) && later.Code != topup.CodeProviderError || refusal != nil && refusal.Answer == topup.Blocked {
			return refusal, err
		}
		return nil, nil
	}
	offer, found := shelf.byID(int(p.product.VoucherID))
	if !found && p.product.Recharge == topup.RechargePinnedNoPhone {
		p.network = a.networkForText(ctx, p) // not that of the number
	}
	if !found || !offer.MinAmount.Equal(offer.MaxAmount) {
		return nil, nil
	}
	if !offer.MinAmount.Equal(p.amount.Amount) {
		price := topup.Money{Amount: offer.MinAmount, Currency: aatCurrency}
		return aatRefusal(topup.CodeInvalidAmount, fmt.Sprintf("The voucher costs %s, the order says %s.", price, p.amount)), nil
	}
	p.priceKnown = true
	return nil, nil
}

// aatCatalogueError is what a failed reading before the Perform call means for the order.
func aatCatalogueError(err error) (*topup.Outcome, error) {
	var api *aat.APIError
	var status *aat.StatusError
	code, wait := topup.CodeProviderError, time.Duration(0)
	switch {
	case errors.As(err, &api):
		if out, listed := aatCatalogueKind(api); listed {
			return &out, nil
		}
	case errors.As(err, &status) && aatRefusesUs(status.Status):
		out := aatCredentials(topup.Blocked, status.Text)
		return &out, nil
	case errors.As(err, &status) && status.Status == aatTooMany:
		code, wait = topup.CodeRateLimited, status.RetryAfter
	case errors.As(err, &status), errors.As(err, new(*aat.UndecodableError)):
	default:
		code = topup.CodeProviderUnreachable
	}
	return nil, &topup.NotSentError{Code: code, RetryAfter: wait, Err: fmt.Errorf("read aat catalogue: %w", err)}
}

// aatBeforePaying bounds what comes before the paying call to half of the time there is.
func aatBeforePaying(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/2)
}

func aatRefusal(code topup.Code, message string) *topup.Outcome {
	return &topup.Outcome{Answer: topup.Refused, Code: code, Message: message}
}

// aatOffer is a voucher with what its type says about it.
type aatOffer struct {
	aat.VoucherDetails
	kind  string
	fixed bool
}

// suits reports whether the voucher is what p asks for: airtime, with or without a PIN, for its amount.
func (o aatOffer) suits(p *aatPurchase, airtime []string) bool {
	amount := p.amount.Amount
	if o.PinnedVoucher != p.product.Pinned() || p.product.FixedAmount && !o.fixed || amount.LessThan(o.MinAmount) || amount.GreaterThan(o.MaxAmount) {
		return false
	}
	if o.fixed && !o.MinAmount.Equal(o.MaxAmount) {
		return false // without an amount on the wire the price would be a guess
	}
	for _, word := range airtime {
		if strings.Contains(strings.ToLower(o.kind), strings.ToLower(word)) {
			return true
		}
	}
	return false
}

func (o aatOffer) width() decimal.Decimal { return o.MaxAmount.Sub(o.MinAmount) }
