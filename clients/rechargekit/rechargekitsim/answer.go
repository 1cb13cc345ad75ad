package rechargekitsim

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"
)

const (
	textDuplicate    = "Duplicate order, Order ID must be unique"
	textInsufficient = "Insufficient balance"
	textDenied       = "access denied."
	textQueued       = "order in queue"
)

// orderAnswer has the members of the provider's examples, in their order. Pointers are members that not every
// answer has.
type orderAnswer struct {
	Error        int         `json:"error"`
	Msg          string      `json:"msg"`
	Status       int         `json:"status"`
	OrderID      string      `json:"orderid"`
	OpTransID    string      `json:"optransid"`
	PartnerReqID *string     `json:"partnerreqid,omitempty"`
	Amount       json.Number `json:"amount,omitempty"`
	Commission   json.Number `json:"commission"`
	UserVar1     *string     `json:"user_var1,omitempty"`
	UserVar2     *string     `json:"user_var2,omitempty"`
	UserVar3     *string     `json:"user_var3,omitempty"`
}

func (s *Sim) newOrderAnswer(o *order, status int) orderAnswer {
	a := orderAnswer{Msg: "failed", Status: status, OrderID: o.id(), Commission: "0"}
	switch status {
	case statusPending:
		a.Msg = textQueued
	case statusSuccess:
		a.Msg, a.OpTransID, a.Commission = "success", o.opTransID(), json.Number(o.commission().String())
	}
	return a
}

// orderBody is the answer to a recharge. That of a postpaid one has no partnerreqid, as in the provider's example.
func (s *Sim) orderBody(o *order, status int) []byte {
	a := s.newOrderAnswer(o, status)
	if o.service != pathPostpaid {
		a.PartnerReqID = &o.reference
	}
	a.UserVar1, a.UserVar2, a.UserVar3 = &o.userVars[0], &o.userVars[1], &o.userVars[2]
	return encode(a)
}

// statusBody is the answer to statusCheck, modelled on third-party clients.
func (s *Sim) statusBody(o *order, status int) []byte {
	a := s.newOrderAnswer(o, status)
	a.Amount = json.Number(o.amount.String())
	return encode(a)
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte(`{"error":1,"msg":"simulator: cannot encode"}`)
	}
	return b
}

// refusal is an answer without status and ids.
func refusal(code, msg string) outbound {
	return outbound{status: http.StatusOK, body: encode(struct {
		Error json.RawMessage `json:"error"`
		Msg   string          `json:"msg"`
	}{json.RawMessage(code), msg})}
}

// denied is the answer to a wrong token and to a method that is not allowed.
func denied() outbound {
	out := refusal("1", textDenied)
	out.status = http.StatusUnauthorized
	return out
}

// scripted is the answer of the fault "error".
func scripted(r Rule) outbound {
	code := cmp.Or(r.Code, "1")
	if !json.Valid([]byte(code)) {
		code = string(encode(code))
	}
	out := refusal(code, r.Body)
	if strings.HasPrefix(r.Body, "{") || strings.HasPrefix(r.Body, "<") {
		out.body = []byte(r.Body)
	}
	if r.Status != 0 {
		out.status = r.Status
	}
	return out
}
