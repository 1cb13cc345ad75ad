package clients

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nyaruka/phonenumbers"
	"github.com/shopspring/decimal"

	"topupq/clients/reloadly"
	"topupq/topup"
)

// reloadlyOperators caches operators by ID.
type reloadlyOperators struct {
	api *reloadly.Client
	ttl time.Duration
	now func() time.Time

	mu    sync.Mutex
	known map[int64]reloadlyKnown
}

type reloadlyKnown struct {
	operator reloadly.Operator
	until    time.Time
}

func newReloadlyOperators(api *reloadly.Client, cfg ReloadlyConfig) *reloadlyOperators {
	return &reloadlyOperators{api: api, ttl: cfg.CatalogueTTL, now: cfg.Now, known: map[int64]reloadlyKnown{}}
}

// get returns an operator from the cache, or from Reloadly if it is not there, too old, or fresh is asked for.
func (s *reloadlyOperators) get(ctx context.Context, id int64, fresh bool) (op reloadly.Operator, cached bool, err error) {
	s.mu.Lock()
	k, ok := s.known[id]
	s.mu.Unlock()
	if ok && !fresh && s.now().Before(k.until) {
		return k.operator, true, nil
	}
	op, err = s.api.Operator(ctx, id)
	if err != nil {
		return reloadly.Operator{}, false, err
	}
	s.put(id, op)
	return op, false, nil
}

func (s *reloadlyOperators) put(id int64, op reloadly.Operator) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[id] = reloadlyKnown{op, s.now().Add(s.ttl)}
}

// errNoOperator means that the order names no operator and has no number to find one by.
var errNoOperator = errors.New("no operator named")

// operatorFor finds the order's operator. Nothing that it does pays for a top-up. A cached operator that would refuse
// the order is read anew first, since its bounds follow the exchange rate.
func (r *Reloadly) operatorFor(ctx context.Context, o topup.Order) (reloadly.Operator, error) {
	id := o.Product.OperatorID
	if id == 0 {
		return r.detect(ctx, o)
	}
	op, cached, err := r.operators.get(ctx, id, o.FreshCatalogue)
	if err != nil || !cached || reloadlyViolation(o, op) == nil {
		return op, err
	}
	op, _, err = r.operators.get(ctx, id, true)
	return op, err
}

// detect asks for the operator of the number; by prefix also where the portability lookup knows nothing.
func (r *Reloadly) detect(ctx context.Context, o topup.Order) (reloadly.Operator, error) {
	if o.Product.RecipientEmail != "" {
		return reloadly.Operator{}, errNoOperator
	}
	if r.cfg.MNP {
		op, err := r.api.MNPLookup(ctx, o.Recipient.Digits(), o.Country)
		if err == nil || !reloadly.IsNotFound(err) {
			return op, err
		}
	}
	op, err := r.api.AutoDetect(ctx, o.Recipient.Digits(), o.Country)
	if err == nil {
		r.operators.put(op.Key(), op)
	}
	return op, err
}

// reloadlyRequest makes the order a request, or says why it cannot be one.
func reloadlyRequest(o topup.Order, op reloadly.Operator) (reloadly.TopupRequest, *topup.Outcome) {
	if refusal := reloadlyViolation(o, op); refusal != nil {
		return reloadly.TopupRequest{}, refusal
	}
	req := reloadly.TopupRequest{
		OperatorID: o.Product.OperatorID, Amount: o.Amount.Amount, UseLocalAmount: o.Product.UseLocalAmount,
		CustomIdentifier: string(o.Reference),
	}
	if req.OperatorID == 0 {
		req.OperatorID = op.Key()
	}
	if o.Product.RecipientEmail != "" {
		req.RecipientEmail = o.Product.RecipientEmail
	} else {
		req.RecipientPhone = &reloadly.Phone{CountryCode: o.Country, Number: o.Recipient.Digits()}
	}
	if o.Product.SenderPhone == "" {
		return req, nil
	}
	sender, ok := reloadlySender(o.Product.SenderPhone)
	if !ok {
		return req, reloadlyRefusal(topup.CodeInvalidRequest, "product.sender_phone must be a number in international form, such as +14155550100.")
	}
	req.SenderPhone = sender
	return req, nil
}

// reloadlySender finds the country that Reloadly wants with a sender's number.
func reloadlySender(phone string) (*reloadly.Phone, bool) {
	n, err := phonenumbers.Parse("+"+strings.TrimPrefix(phone, "+"), "")
	if err != nil {
		return nil, false
	}
	country := phonenumbers.GetRegionCodeForNumber(n)
	digits := strings.TrimPrefix(phonenumbers.Format(n, phonenumbers.E164), "+")
	return &reloadly.Phone{CountryCode: country, Number: digits}, len(country) == 2
}

// reloadlyViolation checks the order against the operator's rules as Reloadly publishes them; nil is no violation.
func reloadlyViolation(o topup.Order, op reloadly.Operator) *topup.Outcome {
	switch o.Product.Mode {
	case "", topup.ModeAsync, topup.ModeSync:
	default:
		return reloadlyRefusal(topup.CodeInvalidRequest, "product.mode must be async or sync.")
	}
	if o.Product.UseLocalAmount && !bool(op.SupportsLocalAmounts) {
		return reloadlyRefusal(topup.CodeInvalidAmount, "This operator does not take amounts in the local currency.")
	}
	if complaint := reloadlyTermsOf(op, o.Product.UseLocalAmount).complaint(o.Amount); complaint != "" {
		return reloadlyRefusal(topup.CodeInvalidAmount, complaint)
	}
	return nil
}

// reloadlyTerms are what an operator takes in one of its two currencies.
type reloadlyTerms struct {
	currency    string
	fixedOnly   bool
	fixed       []reloadly.Number
	plans       []reloadly.Number // in some circles only
	least, most reloadly.Number
}

func reloadlyTermsOf(op reloadly.Operator, local bool) reloadlyTerms {
	t := reloadlyTerms{
		currency: string(op.SenderCurrencyCode), fixedOnly: op.DenominationType == reloadly.Fixed,
		fixed: op.FixedAmounts, least: op.MinAmount, most: op.MaxAmount,
	}
	if local {
		t.currency, t.fixed = string(op.DestinationCurrencyCode), op.LocalFixedAmounts
		t.least, t.most = op.LocalMinAmount, op.LocalMaxAmount
	}
	for _, plan := range op.GeographicalRechargePlans {
		if local {
			t.plans = append(t.plans, plan.LocalAmounts...)
		} else {
			t.plans = append(t.plans, plan.FixedAmounts...)
		}
	}
	return t
}

// complaint says why m cannot be ordered, "" if it can.
func (t reloadlyTerms) complaint(m topup.Money) string {
	isAmount := func(n reloadly.Number) bool { return n.Equal(m.Amount) }
	switch {
	case m.Currency != t.currency:
		return fmt.Sprintf("The currency must be %s for this operator.", t.currency)
	case m.Amount.Sign() <= 0:
		return "The amount must be above 0."
	case t.fixedOnly && !slices.ContainsFunc(t.fixed, isAmount) && !slices.ContainsFunc(t.plans, isAmount):
		return fmt.Sprintf("The amount is not one of the operator's denominations%s.", reloadlyList(t.fixed, t.currency))
	case t.fixedOnly:
		return ""
	case t.least.Known && m.Amount.LessThan(t.least.Decimal), t.most.Known && m.Amount.GreaterThan(t.most.Decimal):
		return fmt.Sprintf("The operator takes amounts from %s to %s %s.", reloadlyBound(t.least), reloadlyBound(t.most), t.currency)
	}
	return ""
}

func reloadlyBound(n reloadly.Number) string {
	if !n.Known {
		return "any"
	}
	return n.String()
}

// reloadlyList names up to eight denominations.
func reloadlyList(list []reloadly.Number, currency string) string {
	if len(list) == 0 {
		return ""
	}
	var texts []string
	for _, n := range list[:min(len(list), 8)] {
		texts = append(texts, n.String())
	}
	if len(list) > len(texts) {
		texts = append(texts, "…")
	}
	return " (" + strings.Join(texts, ", ") + " " + currency + ")"
}

func reloadlyRefusal(code topup.Code, message string) *topup.Outcome {
	return &topup.Outcome{Answer: topup.Refused, Code: code, Message: message}
}

// reloadlyTolerance is how far a delivered amount may lie from the one ordered where only it can be compared.
var reloadlyTolerance = decimal.New(1, -2)
