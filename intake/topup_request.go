package intake

import (
	"strings"

	"topupq/topup"
)

// topupRequest is a top-up as it came in, before anything is known of it. The tags are the rules that need nothing
// but the field itself; rules.go holds the others.
type topupRequest struct {
	Reference string            `json:"reference" validate:"required,reference"`
	Recipient string            `json:"recipient" validate:"required,recipient"`
	Amount    string            `json:"amount" validate:"required,amount"`
	Currency  string            `json:"currency" validate:"required,iso4217"`
	Provider  string            `json:"provider" validate:"omitempty,oneof=reloadly aat rechargekit"`
	Product   productRequest    `json:"product"`
	Priority  string            `json:"priority" validate:"omitempty,oneof=high normal bulk"`
	ExpiresAt string            `json:"expires_at" validate:"omitempty,datetime=2006-01-02T15:04:05Z07:00"`
	Metadata  map[string]string `json:"metadata" validate:"max=20,dive,keys,min=1,max=64,plain,endkeys,max=512,plain"`

	// given names the product's fields that were sent, whatever their values.
	given []string
}

// productRequest has the fields of topup.Product in the same order, so that one converts to the other.
type productRequest struct {
	OperatorID     int64  `json:"operator_id"`
	UseLocalAmount bool   `json:"use_local_amount"`
	SenderPhone    string `json:"sender_phone" validate:"omitempty,phone"`
	RecipientEmail string `json:"recipient_email" validate:"omitempty,max=254,email"`
	Mode           string `json:"mode" validate:"omitempty,oneof=async sync"`

	Recharge    string `json:"recharge" validate:"omitempty,oneof=pinless pinned pinned_without_msisdn"`
	VoucherID   int64  `json:"voucher_id"`
	FixedAmount bool   `json:"fixed_amount"`
	DeliverPIN  string `json:"deliver_pin" validate:"omitempty,oneof=sms"`

	Service      string   `json:"service" validate:"omitempty,oneof=prepaid postpaid dth"`
	OperatorCode int64    `json:"operator_code"`
	Circle       int64    `json:"circle"`
	RechargeType string   `json:"recharge_type" validate:"omitempty,max=8,number"`
	Dest         string   `json:"dest" validate:"omitempty,oneof=online offline"`
	UserVars     []string `json:"user_vars" validate:"max=3,dive,max=64,plain"`
}

// productOwners says which provider a product's field belongs to.
var productOwners = map[string]topup.ProviderName{
	"operator_id": topup.Reloadly, "use_local_amount": topup.Reloadly, "sender_phone": topup.Reloadly,
	"recipient_email": topup.Reloadly, "mode": topup.Reloadly,
	"recharge": topup.AAT, "voucher_id": topup.AAT, "fixed_amount": topup.AAT, "deliver_pin": topup.AAT,
	"service": topup.RechargeKit, "operator_code": topup.RechargeKit, "circle": topup.RechargeKit,
	"recharge_type": topup.RechargeKit, "dest": topup.RechargeKit, "user_vars": topup.RechargeKit,
}

// readTopup fills a request from a JSON object. What has the wrong type or an unknown name is noted in m.
func readTopup(v *value, m *mistakes) topupRequest {
	var q topupRequest
	if v.kind != kindObject {
		m.add("", fieldType, "a top-up must be an object, not "+kindNames[v.kind])
		return q
	}
	for i, name := range v.names {
		q.readField(name, &v.items[i], m)
	}
	return q
}

func (q *topupRequest) readField(name string, v *value, m *mistakes) {
	switch name {
	case "reference":
		q.Reference = m.text(v, "", name)
	case "recipient":
		q.Recipient = m.text(v, "", name)
	case "amount":
		q.Amount = m.textOrNumber(v, "", name)
	case "currency":
		q.Currency = m.text(v, "", name)
	case "provider":
		q.Provider = m.text(v, "", name)
	case "expires_at":
		q.ExpiresAt = m.text(v, "", name)
	case "priority":
		q.Priority = m.text(v, "", name)
	case "metadata":
		q.Metadata = m.pairs(v, "", name)
	case "product":
		q.readProduct(v, m)
	default:
		m.unknown("", name)
	}
}

const productPrefix = "product"

func (q *topupRequest) readProduct(v *value, m *mistakes) {
	if !m.is(kindObject, v, "", productPrefix) {
		return
	}
	for i, name := range v.names {
		item := &v.items[i]
		if _, known := productOwners[name]; !known {
			m.unknown(productPrefix, name)
			continue
		}
		if item.kind != kindNull {
			q.given = append(q.given, name)
			q.Product.readField(name, item, m)
		}
	}
}

func (p *productRequest) readField(name string, v *value, m *mistakes) {
	switch name {
	case "recharge_type":
		p.RechargeType = m.textOrNumber(v, productPrefix, name)
	case "user_vars":
		p.UserVars = m.texts(v, productPrefix, name)
	default:
		if n, f, s := p.number(name), p.flag(name), p.textField(name); n != nil {
			*n = m.positive(v, productPrefix, name)
		} else if f != nil {
			*f = m.flag(v, productPrefix, name)
		} else if s != nil {
			*s = m.text(v, productPrefix, name)
		}
	}
}

// readCell fills a product's field from text, as a CSV has it.
func (p *productRequest) readCell(name, cell string, m *mistakes) {
	if name == "user_vars" {
		p.UserVars = splitCell(cell)
		return
	}
	if n, f, s := p.number(name), p.flag(name), p.textField(name); n != nil {
		*n = m.positiveText(cell, productPrefix, name)
	} else if f != nil {
		*f = cell == "true" || cell == "1"
		if !*f && cell != "false" && cell != "0" {
			m.add(joinPath(productPrefix, name), fieldType, "must be true or false")
		}
	} else if s != nil {
		*s = cell
	}
}

// splitCell reads several values from one cell, separated by "|" or ";".
func splitCell(cell string) []string {
	if strings.Contains(cell, "|") {
		return strings.Split(cell, "|")
	}
	return strings.Split(cell, ";")
}

func (p *productRequest) number(name string) *int64 {
	switch name {
	case "operator_id":
		return &p.OperatorID
	case "voucher_id":
		return &p.VoucherID
	case "operator_code":
		return &p.OperatorCode
	case "circle":
		return &p.Circle
	}
	return nil
}

func (p *productRequest) flag(name string) *bool {
	switch name {
	case "use_local_amount":
		return &p.UseLocalAmount
	case "fixed_amount":
		return &p.FixedAmount
	}
	return nil
}

func (p *productRequest) textField(name string) *string {
	switch name {
	case "sender_phone":
		return &p.SenderPhone
	case "recipient_email":
		return &p.RecipientEmail
	case "mode":
		return &p.Mode
	case "recharge":
		return &p.Recharge
	case "deliver_pin":
		return &p.DeliverPIN
	case "service":
		return &p.Service
	case "recharge_type":
		return &p.RechargeType
	case "dest":
		return &p.Dest
	}
	return nil
}
