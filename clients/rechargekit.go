package clients

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"topupq/clients/rechargekit"
	"topupq/topup"
)

// rechargeKitHold is how long RechargeKit is assumed to hold an order before statusCheck shows it, or to drop it.
const rechargeKitHold = 300 * time.Second

// rupees is the only currency of RechargeKit.
const rupees = "INR"

// RechargeKitConfig holds what depends on the account. The zero value is usable.
type RechargeKitConfig struct {
	// OperatorByPrefix is the operator_code of prepaid numbers by the first digits of the 10-digit number, the
	// longest prefix winning; PostpaidOperatorByPrefix the same for postpaid. They serve orders that name no
	// operator. India has number portability, so a prefix is only ever a good guess.
	OperatorByPrefix         map[string]int64
	PostpaidOperatorByPrefix map[string]int64
	// CircleByPrefix is the circle by the first digits of the number. The provider's circle list is not public.
	CircleByPrefix map[string]int64
	// Texts are refusals whose text is known to mean that the order was not taken; see RechargeKitText.
	Texts []RechargeKitText
	// NotFound matches the msg by which statusCheck says that it knows no such order. Default is assumed wording such
	// as "order not found": no document says what statusCheck answers.
	NotFound *regexp.Regexp
	// Hold is Traits.Hold. Default 300 s.
	Hold time.Duration
}

// RechargeKitText says what a refusal (error other than 0) proves. RechargeKit publishes no list of them, so a text
// that is not listed proves nothing.
type RechargeKitText struct {
	// Match is compared with msg, as a regular expression without regard to case: "^invalid mobile" and the like.
	Match string
	// Answer is Refused, NotTaken or Blocked. Blocked also pauses the provider.
	Answer topup.Answer
	// Code is our reason.
	Code topup.Code
}

// RechargeKit is the adapter of RechargeKit: recharges in India, in whole rupees. It is safe for concurrent use.
type RechargeKit struct {
	client *rechargekit.Client
	cfg    RechargeKitConfig
	texts  []rechargeKitRule
}

// NewRechargeKit returns the adapter over a wire client. It fails on a text that is no regular expression or whose
// answer is none of those allowed.
func NewRechargeKit(client *rechargekit.Client, cfg RechargeKitConfig) (*RechargeKit, error) {
	if cfg.NotFound == nil {
		cfg.NotFound = rechargeKitNotFound
	}
	if cfg.Hold <= 0 {
		cfg.Hold = rechargeKitHold
	}
	p := &RechargeKit{client: client, cfg: cfg}
	for _, t := range cfg.Texts {
		rule, err := newRechargeKitRule(t)
		if err != nil {
			return nil, err
		}
		p.texts = append(p.texts, rule)
	}
	return p, nil
}

// Traits are RechargeKit's: it refuses every repeated id, and only such a repeat can prove that an order is absent.
func (p *RechargeKit) Traits() topup.Traits {
	return topup.Traits{
		Name: topup.RechargeKit, Currency: rupees,
		RefusesRepeat: true, AbsenceByAnswer: false, Hold: p.cfg.Hold,
		Actions: rechargeKitActions(), Catalogue: []string{"prepaidPlanFetch", "servicewiseOperatorFetch"},
		Owned: []topup.OwnedAction{{Action: "statusCheck", Reference: "partner_request_id"}},
	}
}

// Submit sends one recharge under the order's reference. What cannot be sent as ordered (another country, paise, no
// operator code) is Refused before anything leaves.
func (p *RechargeKit) Submit(ctx context.Context, o topup.Order) (topup.Outcome, error) {
	ctx = observed(ctx, rechargekit.Observe)
	req, refusal := p.prepare(o)
	if refusal != nil {
		return *refusal, nil
	}
	answer, err := p.send(ctx, req)
	var out topup.Outcome
	if err != nil {
		out, err = p.submitError(err)
	} else {
		out = rechargeKitOutcome(answer, rechargeKitAsked{reference: string(o.Reference), number: req.number, amount: o.Amount.Amount})
	}
	if req.resolved {
		out.Resolved = &req.product
	}
	return out, err
}

// Quote implements topup.Quoter: the order is checked and completed from the tables. Its cost is not known before.
func (p *RechargeKit) Quote(_ context.Context, o topup.Order) (topup.Quote, error) {
	req, refusal := p.prepare(o)
	return topup.Quote{Product: req.product, Refusal: refusal}, nil
}

// Check asks statusCheck for the order's outcome. Absent is only as good as RechargeKitConfig.NotFound; see Traits.
func (p *RechargeKit) Check(ctx context.Context, ref topup.Ref) (topup.Outcome, error) {
	ctx = observed(ctx, rechargekit.Observe)
	status, err := p.client.StatusCheck(ctx, string(ref.Reference))
	if err != nil {
		return p.checkError(err)
	}
	number, _ := indianNumber(ref.Recipient)
	asked := rechargeKitAsked{reference: string(ref.Reference), number: number, amount: ref.Amount.Amount}
	out := rechargeKitOutcome(status.Order, asked)
	if amount, told := status.Amount.Decimal(); told && out.Answer == topup.Delivered {
		out.Delivered = topup.Money{Amount: amount, Currency: rupees}
	}
	return out, nil
}

// Balance is the recharge wallet.
func (p *RechargeKit) Balance(ctx context.Context) (topup.Money, error) {
	b, err := p.client.BalanceCheck(ctx)
	if err != nil {
		return topup.Money{}, fmt.Errorf("read rechargekit balance: %w", err)
	}
	amount, _ := b.Wallet.Decimal() // BalanceCheck fails where it was not told
	return topup.Money{Amount: amount, Currency: rupees}, nil
}

// ParseCallback reads a call-back of RechargeKit, in the query or the body, and returns the order it is about. It is
// not signed: the only thing to do with it is to Check. The error wraps rechargekit.ErrCallback.
func (p *RechargeKit) ParseCallback(query url.Values, body []byte) (topup.Ref, error) {
	cb, err := rechargekit.ParseCallback(query, body)
	if err != nil {
		return topup.Ref{}, err
	}
	return topup.Ref{Reference: topup.ID(cb.PartnerRequestID), TransactionID: cb.OrderID}, nil
}

// rechargeKitRequest is an order made ready for the wire.
type rechargeKitRequest struct {
	reference string
	number    string
	rupees    int64
	product   topup.Product
	userVars  [3]string
	// resolved means that product was completed from the tables.
	resolved bool
}

// prepare turns an order into a request, or into the refusal that says why it cannot be one.
func (p *RechargeKit) prepare(o topup.Order) (rechargeKitRequest, *topup.Outcome) {
	number, ok := indianNumber(o.Recipient)
	if !ok {
		return rechargeKitRequest{}, rechargeKitRefusal(topup.CodeInvalidRecipient, "RechargeKit recharges Indian numbers only: +91 and 10 digits.")
	}
	if o.Amount.Currency != rupees {
		return rechargeKitRequest{}, rechargeKitRefusal(topup.CodeInvalidAmount, "RechargeKit takes Indian rupees (INR) only.")
	}
	if !o.Amount.Amount.IsInteger() || o.Amount.Amount.Sign() <= 0 {
		return rechargeKitRequest{}, rechargeKitRefusal(topup.CodeInvalidAmount, "RechargeKit takes whole rupees only.")
	}
	req := rechargeKitRequest{reference: string(o.Reference), number: number, rupees: o.Amount.Amount.IntPart(), product: o.Product}
	if req.product.Service == "" {
		req.product.Service = topup.ServicePrepaid
	}
	copy(req.userVars[:], o.Product.UserVars)
	return p.resolve(req)
}

// resolve completes operator and circle from the tables.
func (p *RechargeKit) resolve(req rechargeKitRequest) (rechargeKitRequest, *topup.Outcome) {
	operators := map[string]map[string]int64{
		topup.ServicePrepaid: p.cfg.OperatorByPrefix, topup.ServicePostpaid: p.cfg.PostpaidOperatorByPrefix, topup.ServiceDTH: nil,
	}
	byPrefix, known := operators[req.product.Service]
	if !known {
		return req, rechargeKitRefusal(topup.CodeInvalidRequest, "product.service must be prepaid, postpaid or dth.")
	}
	if req.product.OperatorCode == 0 {
		code, ok := rechargeKitByPrefix(byPrefix, req.number)
		if !ok {
			return req, rechargeKitRefusal(topup.CodeNotResolved, rechargeKitNotResolved("operator_code", req.product.Service, len(byPrefix)))
		}
		req.product.OperatorCode, req.resolved = code, true
	}
	if req.product.Circle == 0 && req.product.Service != topup.ServiceDTH {
		circle, ok := rechargeKitByPrefix(p.cfg.CircleByPrefix, req.number)
		if !ok {
			return req, rechargeKitRefusal(topup.CodeNotResolved, rechargeKitNotResolved("circle", req.product.Service, len(p.cfg.CircleByPrefix)))
		}
		req.product.Circle, req.resolved = circle, true
	}
	return req, nil
}

func rechargeKitNotResolved(field, service string, prefixes int) string {
	return fmt.Sprintf("The order names no product.%s, and the %s table by number prefix (%d entries) has none for this number.", field, service, prefixes)
}

func rechargeKitRefusal(code topup.Code, message string) *topup.Outcome {
	return &topup.Outcome{Answer: topup.Refused, Code: code, Message: message}
}

// send makes the paying call.
func (p *RechargeKit) send(ctx context.Context, r rechargeKitRequest) (rechargekit.Order, error) {
	switch r.product.Service {
	case topup.ServicePostpaid:
		return p.client.Postpaid(ctx, rechargekit.PostpaidRequest{
			MobileNo: r.number, OperatorCode: r.product.OperatorCode, Amount: r.rupees, PartnerRequestID: r.reference,
			Circle: r.product.Circle, RechargeType: r.product.RechargeType, UserVars: r.userVars,
		})
	case topup.ServiceDTH:
		// Orders have no field for a subscriber number; DTH operators know subscribers by their mobile number too.
		return p.client.DTH(ctx, rechargekit.DTHRequest{
			CustomerID: r.number, OperatorCode: r.product.OperatorCode, Amount: r.rupees, PartnerRequestID: r.reference,
		})
	default:
		return p.client.Prepaid(ctx, rechargekit.PrepaidRequest{
			MobileNo: r.number, OperatorCode: r.product.OperatorCode, Amount: r.rupees, PartnerRequestID: r.reference,
			Circle: r.product.Circle, RechargeType: r.product.RechargeType, Dest: r.product.Dest, UserVars: r.userVars,
		})
	}
}

// submitError is what a paying call without an order as its answer proves.
func (p *RechargeKit) submitError(err error) (topup.Outcome, error) {
	var refused *rechargekit.Error
	var broken *rechargekit.UnreadableError
	switch {
	case errors.As(err, &refused):
		return p.refusalOutcome(refused), nil
	case errors.As(err, &broken):
		return unreadable(""), nil
	default:
		return noAnswer(err, rechargekit.Reached(err))
	}
}

// checkError is what a statusCheck without an order as its answer tells.
func (p *RechargeKit) checkError(err error) (topup.Outcome, error) {
	var refused *rechargekit.Error
	var broken *rechargekit.UnreadableError
	switch {
	case errors.Is(err, rechargekit.ErrStatusCheckOff):
		return topup.Outcome{Code: topup.CodeNoOutcome, Message: "statusCheck is switched off for this account."}, nil
	case errors.As(err, &refused):
		return p.statusRefusal(refused), nil
	case errors.As(err, &broken):
		return unreadable(""), nil
	default:
		return topup.Outcome{}, fmt.Errorf("check rechargekit order: %w", err)
	}
}

// indianNumber is the 10-digit form of an Indian number.
func indianNumber(m topup.MSISDN) (string, bool) {
	number, ok := strings.CutPrefix(m.E164(), "+91")
	return number, ok && len(number) == 10 && strings.Trim(number, "0123456789") == ""
}

// rechargeKitByPrefix is the value of the longest key that number begins with.
func rechargeKitByPrefix(table map[string]int64, number string) (int64, bool) {
	for n := len(number); n > 0; n-- {
		if v, ok := table[number[:n]]; ok {
			return v, true
		}
	}
	return 0, false
}
