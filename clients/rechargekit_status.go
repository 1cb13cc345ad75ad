package clients

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/shopspring/decimal"

	"topupq/clients/rechargekit"
	"topupq/topup"
)

// rechargeKitStatuses is what the documented values of status prove when error is 0 (provider's pages). Any other
// value is held as in progress: the server has taken the order and has not said how it ends.
var rechargeKitStatuses = map[int64]topup.Outcome{
	rechargekit.StatusSuccess: {Answer: topup.Delivered, Code: topup.CodeDelivered, Message: "The recharge was delivered."},
	rechargekit.StatusPending: {Answer: topup.InProgress, Code: topup.CodeInProgress, Message: "The provider is processing the recharge."},
	rechargekit.StatusFailed:  {Answer: topup.Refused, Code: topup.CodeProviderFailed, Message: "The provider reports that the recharge failed."},
}

// rechargeKitRule is one compiled line of a table by text.
type rechargeKitRule struct {
	match   *regexp.Regexp
	outcome topup.Outcome
}

// rechargeKitTexts are the refusals that are known before any setting. The first is on the provider's page. The
// second is seen by other integrators; whether an order was entered is not documented, so it proves nothing. The
// last is assumed wording: it stops a batch from running against an empty wallet, and proves nothing either.
var rechargeKitTexts = []rechargeKitRule{
	{regexp.MustCompile(`(?i)duplicate order\b|order id must be unique`), topup.Outcome{
		Answer: topup.Duplicate, Code: topup.CodeDuplicateReference,
		Message: "The provider already has an order with this reference.",
	}},
	{regexp.MustCompile(`(?i)^access denied`), topup.Outcome{
		Answer: topup.Unclear, Code: topup.CodeCredentialsRefused, Pause: true,
		Message: "The provider denied access.",
	}},
	{regexp.MustCompile(`(?i)\b(insufficient|low)\b.*\b(balance|fund|funds|wallet)\b`), topup.Outcome{
		Answer: topup.Unclear, Code: topup.CodeFloatEmpty, Pause: true,
		Message: "The provider seems to say that our wallet is empty.",
	}},
}

// rechargeKitNotFound is assumed wording of statusCheck for an id without an order.
var rechargeKitNotFound = regexp.MustCompile(`(?i)\b(order|transaction|record|request|data)s?( id)? (was |is )?(not found|does not exist|doesn't exist)\b|\bno (such )?(order|transaction|record|data)s?( found)?\b`)

// rechargeKitSettable are the answers that RechargeKitText may give to a text.
var rechargeKitSettable = map[topup.Answer]string{
	topup.Refused:  "The provider refused the order.",
	topup.NotTaken: "The provider did not take the order for now.",
	topup.Blocked:  "The provider takes no orders from this account at present.",
}

func newRechargeKitRule(t RechargeKitText) (rechargeKitRule, error) {
	message, ok := rechargeKitSettable[t.Answer]
	if !ok {
		return rechargeKitRule{}, fmt.Errorf("rechargekit text %q: answer must be refused, not_taken or blocked", t.Match)
	}
	match, err := regexp.Compile("(?i)" + t.Match)
	if err != nil || t.Match == "" {
		return rechargeKitRule{}, fmt.Errorf("rechargekit text %q is not a regular expression", t.Match)
	}
	return rechargeKitRule{match, topup.Outcome{Answer: t.Answer, Code: t.Code, Message: message, Pause: t.Answer == topup.Blocked}}, nil
}

// refusalOutcome is what a refused paying call proves. The provider's page says that every error other than 0 was
// not taken; that is believed only where somebody has listed the text, and never of a duplicate.
func (p *RechargeKit) refusalOutcome(e *rechargekit.Error) topup.Outcome {
	out := topup.Outcome{Code: topup.CodeProviderError, Message: "The provider answered with an error that does not tell whether it took the order."}
	switch e.HTTPStatus {
	case http.StatusOK, http.StatusUnauthorized, http.StatusForbidden:
		if o, ok := p.textOutcome(e); ok {
			out = o
		}
	case http.StatusTooManyRequests:
		out = topup.Outcome{
			Answer: topup.NotTaken, Code: topup.CodeRateLimited, RetryAfter: e.RetryAfter, Unspent: true,
			Message: "The provider is limiting our rate.",
		}
	}
	out.ProviderCode, out.ProviderMessage = rechargeKitCode(e), cut(e.Message)
	return out
}

// textOutcome looks the text up: duplicates first, since no setting may turn one into a refusal, then the settings,
// then the other known texts. A refused token is known by its HTTP status as well.
func (p *RechargeKit) textOutcome(e *rechargekit.Error) (topup.Outcome, bool) {
	text := strings.TrimSpace(e.Message)
	rules := append([]rechargeKitRule{rechargeKitTexts[0]}, p.texts...)
	for _, r := range append(rules, rechargeKitTexts[1:]...) {
		if r.match.MatchString(text) {
			return r.outcome, true
		}
	}
	return rechargeKitTexts[1].outcome, e.HTTPStatus != http.StatusOK
}

// statusRefusal is what a refused statusCheck tells: at best that there is no such order now, and mostly nothing.
func (p *RechargeKit) statusRefusal(e *rechargekit.Error) topup.Outcome {
	out := topup.Outcome{Code: topup.CodeProviderError, Message: "The provider did not tell what became of the order."}
	if e.HTTPStatus == http.StatusOK && p.cfg.NotFound.MatchString(e.Message) {
		out = topup.Outcome{Answer: topup.Absent, Code: topup.CodeNotFoundAtProvider, Message: "The provider says that it has no such order."}
	}
	out.ProviderCode, out.ProviderMessage = rechargeKitCode(e), cut(e.Message)
	return out
}

// rechargeKitCode is the provider's code of a refusal, "error 1" or "http 500".
func rechargeKitCode(e *rechargekit.Error) string {
	if e.HTTPStatus != http.StatusOK {
		return fmt.Sprintf("http %d", e.HTTPStatus)
	}
	return cut("error " + e.Code)
}

// rechargeKitAsked is what an answer about an order must agree with.
type rechargeKitAsked struct {
	reference string
	number    string
	amount    decimal.Decimal
}

// agrees reports whether nothing that the answer tells contradicts what was asked for. What it leaves out (the
// amount after a recharge, the number always as far as documented) contradicts nothing.
func (a rechargeKitAsked) agrees(o rechargekit.Order) bool {
	if o.PartnerReqID != "" && o.PartnerReqID != a.reference {
		return false
	}
	if amount, told := o.Amount.Decimal(); told && !a.amount.IsZero() && !amount.Equal(a.amount) {
		return false
	}
	return o.MobileNo == "" || a.number == "" || strings.HasSuffix(o.MobileNo, a.number)
}

// rechargeKitOutcome is what an order as an answer proves.
func rechargeKitOutcome(o rechargekit.Order, asked rechargeKitAsked) topup.Outcome {
	status, whole := o.Status.Int()
	if !o.Error.Told() || !whole {
		return unreadable("")
	}
	out, known := rechargeKitStatuses[status]
	if !known {
		out = topup.Outcome{Answer: topup.InProgress, Code: topup.CodeInProgress, Message: "The provider has the order and gives it a status that is not documented."}
	}
	if !asked.agrees(o) {
		out = rechargeKitMismatch(out.Answer)
	}
	out.ProviderCode, out.ProviderMessage = cut("status "+o.Status.String()), cut(o.Msg)
	out.Reference, out.TransactionID, out.OperatorID = rechargeKitID(o.OrderID), rechargeKitID(o.OrderID), rechargeKitID(o.OpTransID)
	return out
}

// rechargeKitMismatch is the outcome of an answer that is about something else: as success it is a mismatch, and as
// anything else it proves nothing about our order. Either way nothing more should be sent until somebody has looked.
func rechargeKitMismatch(answer topup.Answer) topup.Outcome {
	out := topup.Outcome{
		Answer: topup.Unclear, Code: topup.CodeMismatch, Pause: true,
		Message: "The provider's answer is about another number, amount or reference.",
	}
	if answer == topup.Delivered {
		out.Answer = topup.Mismatch
	}
	return out
}

// rechargeKitID is an id of the provider, or nothing where it cannot be one.
func rechargeKitID(id string) string {
	if len(id) > 100 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return id
}
