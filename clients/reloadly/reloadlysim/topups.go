package reloadlysim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// loose is a scalar that the service takes quoted or not.
type loose string

// UnmarshalJSON reads a string, a number or null.
func (l *loose) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	if b[0] == '"' {
		return json.Unmarshal(b, (*string)(l))
	}
	var n json.Number
	err := json.Unmarshal(b, &n)
	*l = loose(n)
	return err
}

// orderBody is the body of an order.
type orderBody struct {
	OperatorID       loose      `json:"operatorId"`
	Amount           loose      `json:"amount"`
	UseLocalAmount   bool       `json:"useLocalAmount"`
	CustomIdentifier loose      `json:"customIdentifier"`
	RecipientPhone   *phoneBody `json:"recipientPhone"`
	RecipientEmail   loose      `json:"recipientEmail"`
	SenderPhone      *phoneBody `json:"senderPhone"`
}

type phoneBody struct {
	CountryCode string `json:"countryCode"`
	Number      loose  `json:"number"`
}

const (
	maxIdentifier = 150
	spacing       = 2 * time.Minute
	slowHold      = 52 * time.Second
	maxPlaces     = 5
)

// topup is makeTopup: a final state at once, unless a fault says otherwise.
func (s *Sim) topup(c *call) reply {
	o, refused := s.place(c, false)
	if refused != nil {
		return *refused
	}
	return ok(s.show(c, o, o.shown(c.now)))
}

// topupAsync is makeAsyncTopup: the ID and nothing else.
func (s *Sim) topupAsync(c *call) reply {
	o, refused := s.place(c, true)
	if refused != nil {
		return *refused
	}
	return ok(fields{"transactionId": o.id})
}

// place checks an order and books it. The reply is the refusal.
func (s *Sim) place(c *call, async bool) (*order, *reply) {
	o, refused := s.read(c)
	if refused == nil {
		refused = s.admit(c, o)
	}
	if refused != nil {
		return nil, refused
	}
	s.serial++
	o.id, o.at, o.async, o.oldBalance = s.serial, c.now, async, s.balance
	if async {
		o.wait = s.opt.Processing
		if s.opt.WebhookURL != "" {
			s.unsaid[o] = true
		}
	}
	s.replan(o, true)
	s.balance = s.balance.Sub(o.price.cost)
	s.orders = append(s.orders, o)
	s.byID[o.id] = o
	key := strings.ToLower(o.ref)
	s.byRef[key] = append(s.byRef[key], o)
	s.open[o] = true
	s.lastTime[o.recipient()] = c.now
	return o, nil
}

// read makes an order of the body, or says what is wrong with it.
func (s *Sim) read(c *call) (*order, *reply) {
	b := c.order
	if b == nil || b.OperatorID == "" || b.Amount == "" || utf8.RuneCountInString(c.ref) > maxIdentifier {
		return nil, bad(c, "INVALID_INPUT_PROVIDED", "Invalid input provided")
	}
	amount, err := decimal.NewFromString(string(b.Amount))
	if err != nil || amount.Sign() <= 0 || amount.Exponent() < -maxPlaces {
		return nil, bad(c, "INVALID_INPUT_PROVIDED", "Invalid input provided")
	}
	op := s.cat.byText(string(b.OperatorID))
	if op == nil || op.inactive {
		r := refuse(c, http.StatusServiceUnavailable, "OPERATOR_UNAVAILABLE_OR_CURRENTLY_INACTIVE",
			"Operator is unavailable or currently inactive")
		return nil, &r
	}
	o := &order{ref: c.ref, op: op, amount: amount, local: b.UseLocalAmount}
	if refused := s.readRecipient(c, o); refused != nil {
		return nil, refused
	}
	if b.SenderPhone != nil {
		o.sender = onlyDigits(string(b.SenderPhone.Number))
	}
	return o, nil
}

func (s *Sim) readRecipient(c *call, o *order) *reply {
	b := c.order
	if o.op.email && b.RecipientEmail != "" {
		o.email, o.country = string(b.RecipientEmail), o.op.iso
		if strings.HasSuffix(o.email, "@nauta.com.cu") || strings.HasSuffix(o.email, "@nauta.co.cu") {
			return nil
		}
		return bad(c, "INVALID_INPUT_PROVIDED", "Invalid recipient email")
	}
	if b.RecipientPhone == nil {
		return bad(c, "INVALID_INPUT_PROVIDED", "Invalid input provided")
	}
	digits, fits := s.cat.international(string(b.RecipientPhone.Number), b.RecipientPhone.CountryCode)
	if !fits {
		return bad(c, "INVALID_RECIPIENT_PHONE", "Recipient phone number is not valid")
	}
	o.phone, o.country = digits, strings.ToUpper(b.RecipientPhone.CountryCode)
	return nil
}

// admit applies the rules of operator, identifier, number and money, in this order (assumed).
func (s *Sim) admit(c *call, o *order) *reply {
	if o.ref != "" && s.used(c, o.ref) {
		return bad(c, "CUSTOM_IDENTIFIER_ALREADY_USED", "Custom identifier already used")
	}
	if code, message := o.op.refuses(o.amount, o.local); code != "" {
		return bad(c, code, message)
	}
	if s.slowOperator(c) > 0 {
		return bad(c, "TRANSACTION_CANNOT_BE_PROCESSED_AT_THE_MOMENT", "Transaction cannot be processed at the moment")
	}
	last, before := s.lastTime[o.recipient()]
	if s.opt.TwoMinuteRule && before && c.now.Sub(last) < spacing {
		return bad(c, "PHONE_RECENTLY_RECHARGED", "Phone was recently recharged")
	}
	o.price = o.op.price(o.amount, o.local)
	o.delivered = o.price.delivered
	if s.balance.LessThan(o.price.cost) {
		s.settle() // refunds may have come in
	}
	if s.balance.LessThan(o.price.cost) {
		return bad(c, "INSUFFICIENT_BALANCE", "Insufficient balance")
	}
	return nil
}

// used compares identifiers exactly; only orders that were taken count, and those of the race window do not yet.
func (s *Sim) used(c *call, ref string) bool {
	return slices.ContainsFunc(s.byRef[strings.ToLower(ref)], func(o *order) bool {
		return o.ref == ref && c.now.Sub(o.at) >= s.opt.RaceWindow
	})
}

// slowOperator is how long the operator that always fails keeps an order waiting.
func (s *Sim) slowOperator(c *call) time.Duration {
	if c.placing && c.order != nil && string(c.order.OperatorID) == slowOperatorID {
		return slowHold
	}
	return 0
}

func bad(c *call, code, message string) *reply {
	r := refuse(c, http.StatusBadRequest, code, message)
	return &r
}
