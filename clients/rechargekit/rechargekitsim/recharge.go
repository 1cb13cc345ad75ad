package rechargekitsim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/shopspring/decimal"
)

// The paths, all second hand.
const (
	pathPrepaid   = "/recharge/prepaid"
	pathPostpaid  = "/recharge/postpaid"
	pathDTH       = "/recharge/dth"
	pathStatus    = "/recharge/statusCheck"
	pathBalance   = "/recharge/balanceCheck"
	pathPlans     = "/recharge/prepaidPlanFetch"
	pathBill      = "/recharge/postPaidBillFetch"
	pathOperators = "/recharge/servicewiseOperatorFetch"

	// payPaths marks a magic rule that is for recharges only.
	payPaths = "pay"
)

const maxRequest = 1 << 20

// inbound is one call to the provider, as far as rules and handlers need it.
type inbound struct {
	method, path string
	authorized   bool
	// pays means that the call is a recharge; reused that its connection has carried a call before.
	pays, reused bool
	values       map[string]string
	reference    string
	recipient    string
	amount       decimal.Decimal
	userVars     [3]string
	// request is the call's line in the history.
	request *Request
}

// outbound is the answer that the provider means to give, with the rule that decides how it is delivered.
type outbound struct {
	status int
	body   []byte
	rule   Rule
	// order is the one that the answer is about, nil for none.
	order *order
	// beforeAnswer runs before anything is written; nil for nothing.
	beforeAnswer func()
}

// receive reads a call and enters it into the list of requests.
func (s *Sim) receive(r *http.Request) *inbound {
	values := readValues(r)
	in := &inbound{
		method: r.Method, path: r.URL.Path, values: values, reference: values["partner_request_id"],
		recipient:  cmp.Or(values["mobile_no"], values["customer_id"]),
		authorized: r.Header.Get("Authorization") == "Bearer "+s.opts.Token,
		userVars:   [3]string{values["user_var1"], values["user_var2"], values["user_var3"]},
	}
	in.pays = in.path == pathPrepaid || in.path == pathPostpaid || in.path == pathDTH
	in.amount, _ = decimal.NewFromString(values["amount"])
	s.mu.Lock()
	defer s.mu.Unlock()
	in.request, in.reused = s.history.Enter(r, s.opts.Clock(), in.reference)
	if o := s.orders[in.reference]; o != nil && !in.pays {
		in.recipient = o.recipient
	}
	return in
}

// readValues are the members of a JSON body, numbers as they were written, or the query of a GET.
func readValues(r *http.Request) map[string]string {
	values := map[string]string{}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return values
	}
	if r.Method == http.MethodGet {
		return firstValues(r.URL.Query())
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var members map[string]any
	if dec.Decode(&members) != nil {
		return values
	}
	for name, v := range members {
		switch v := v.(type) {
		case string:
			values[name] = v
		case json.Number:
			values[name] = v.String()
		}
	}
	return values
}

func firstValues(q url.Values) map[string]string {
	values := map[string]string{}
	for name := range q {
		values[name] = q.Get(name)
	}
	return values
}

// handle decides the answer: the rules, then the provider's own checks.
func (s *Sim) handle(in *inbound) outbound {
	s.mu.Lock()
	defer s.mu.Unlock()
	about, delivery := s.take(in)
	out := s.answer(in, about, delivery)
	out.rule = delivery
	return out
}

// answer is handle below the lock.
func (s *Sim) answer(in *inbound, about []Rule, delivery Rule) outbound {
	f, _ := findFault(delivery.Fault)
	switch {
	case !in.authorized || f.name == "unauthorized":
		return denied()
	case f.name == "duplicate":
		return refusal("1", textDuplicate)
	case f.name == "insufficient":
		return refusal("1", textInsufficient)
	case f.name == "error":
		return scripted(delivery)
	case f.before && in.pays:
		return outbound{status: http.StatusOK}
	case in.pays:
		return s.recharge(in, about)
	default:
		return s.read(in, about)
	}
}

// recharge books an order and answers it.
func (s *Sim) recharge(in *inbound, about []Rule) outbound {
	if in.method != http.MethodPost && (in.method != http.MethodGet || in.path != pathPrepaid) {
		return denied()
	}
	if text := invalid(in); text != "" {
		return refusal("1", text)
	}
	if _, exists := s.orders[in.reference]; exists {
		return refusal("1", textDuplicate)
	}
	if s.payBack(s.opts.Clock()).LessThan(in.amount) {
		return refusal("1", textInsufficient)
	}
	o := s.book(in, about)
	out := outbound{status: http.StatusOK, order: o, body: s.orderBody(o, o.status(o.at))}
	if o.early {
		url, n := s.callbackURL, notice{o, o.at, o.outcome}
		out.body = s.orderBody(o, statusPending)
		out.beforeAnswer = func() { s.notify(url, n) }
	}
	return out
}

// invalid is the text that refuses a recharge with members that cannot be right; the texts are made up.
func invalid(in *inbound) string {
	switch {
	case in.reference == "":
		return "Invalid partner_request_id"
	case in.path != pathDTH && (len(in.recipient) != 10 || strings.Trim(in.recipient, "0123456789") != ""):
		return "Invalid mobile_no"
	case in.recipient == "":
		return "Invalid customer_id"
	case in.values["operator_code"] == "" || in.values["operator_code"] == "0":
		return "Invalid operator_code"
	case in.path != pathDTH && in.values["circle"] == "":
		return "Invalid circle"
	case in.amount.Sign() <= 0 || !in.amount.IsInteger():
		return "Invalid amount"
	}
	return ""
}
