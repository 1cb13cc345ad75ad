package intake

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-playground/validator/v10"

	"topupq/topup"
)

// rules turn requests into top-ups, or say everything that is wrong with them. Safe for concurrent use.
type rules struct {
	cfg    Config
	fields *validator.Validate
}

func newRules(cfg Config) (*rules, error) {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		return name
	})
	own := map[string]func(string) bool{
		"reference": topup.ValidReference,
		"recipient": func(s string) bool { return recipientForm(s) == "" },
		"phone":     topup.ValidMSISDN,
		"amount":    func(s string) bool { _, err := topup.ParseAmount(s); return err == nil },
		"plain":     plainText,
	}
	for tag, valid := range own {
		err := v.RegisterValidation(tag, func(f validator.FieldLevel) bool { return valid(f.Field().String()) })
		if err != nil {
			return nil, fmt.Errorf("register validation %s: %w", tag, err)
		}
	}
	return &rules{cfg: cfg, fields: v}, nil
}

// plainText reports whether s has no control characters: they have no place in a till number, and would break
// logs and exports.
func plainText(s string) bool { return strings.IndexFunc(s, unicode.IsControl) < 0 }

// candidate is a request that may become a top-up.
type candidate struct {
	topup *topup.Topup
	// routed means that the provider was ours to choose: a repeat may then have another one.
	routed bool
	// expired means that expires_at is past: it can only be a repeat of what we have.
	expired bool
}

// sameAs reports whether c asks for what existing already is.
func (c candidate) sameAs(existing *topup.Topup) bool {
	t := *c.topup
	if c.routed {
		t.Provider = existing.Provider
	}
	return existing.SameContent(&t)
}

// topup turns q into a candidate of merchant at now, or notes in m what is wrong. With anything in m the candidate
// is not to be used.
func (r *rules) topup(q *topupRequest, merchant topup.MerchantID, now time.Time, m *mistakes) candidate {
	if m.has("") { // no object at all
		return candidate{}
	}
	r.checkFields(q, m)
	t := &topup.Topup{
		Merchant: merchant, Reference: q.Reference, Recipient: topup.MSISDN(q.Recipient),
		Product: topup.Product(q.Product), Metadata: q.Metadata,
	}
	c := candidate{topup: t, routed: q.Provider == ""}
	if !m.has("recipient") {
		t.Country = r.country(q, m)
	}
	if !m.has("provider") && (t.Country != "" || !c.routed) {
		t.Provider, t.Alternates = r.provider(q, wish{t.Country, merchant, q}, m)
	}
	if !m.has("amount") && !m.has("currency") {
		t.Amount = r.money(q, t.Provider, m)
	}
	if t.Provider != "" {
		r.product(q, t.Provider, m)
	}
	if len(m.list) > 0 {
		return c
	}
	t.Priority, _ = topup.ParsePriority(q.Priority) // the rules of the fields have checked it
	t.ExpiresAt, c.expired = r.expiry(q, now)
	t.ID = topup.NewID(merchant, q.Reference)
	if err := t.Accept(topup.ActorIntake, now); err != nil {
		m.add("", fieldInvalid, err.Error())
	}
	return c
}

// has reports whether something is wrong with a top-level field already.
func (m *mistakes) has(field string) bool {
	return slices.ContainsFunc(m.list, func(e FieldError) bool { return e.Field == field })
}

// checkFields applies the rules of the tags.
func (r *rules) checkFields(q *topupRequest, m *mistakes) {
	err := r.fields.Struct(q)
	var wrong validator.ValidationErrors
	if !errors.As(err, &wrong) {
		return
	}
	for _, e := range wrong {
		field := fieldPath(e.Namespace())
		if !m.has(field) { // a wrong type leaves the field empty: that is said already
			code, text := fieldMessage(e)
			m.add(field, code, text)
		}
	}
}

// fieldPath turns "topupRequest.metadata[till]" into "metadata.till"; indexes stay as they are.
func fieldPath(namespace string) string {
	_, path, _ := strings.Cut(namespace, ".")
	if key, ok := strings.CutPrefix(path, "metadata["); ok {
		return "metadata." + printable(strings.TrimSuffix(key, "]"))
	}
	return path
}

func fieldMessage(e validator.FieldError) (code, text string) {
	switch e.Tag() {
	case "required":
		return fieldRequired, "is required"
	case "reference":
		return fieldInvalid, "must be 1 to 64 of A-Z a-z 0-9 . _ : -"
	case "recipient":
		return fieldInvalid, recipientForm(fmt.Sprint(e.Value()))
	case "phone":
		return fieldInvalid, "must be in E.164 form, such as +27831234567"
	case "amount":
		return fieldInvalid, `must be a plain decimal such as "5" or "2.50": no sign, exponent, separator or unit`
	case "iso4217":
		return fieldInvalid, "must be a currency of ISO 4217 in capitals, such as ZAR"
	case "datetime":
		return fieldInvalid, "must be a time with its zone, such as 2026-11-23T00:00:00Z"
	case "email":
		return fieldInvalid, "must be an e-mail address"
	case "number":
		return fieldInvalid, "must be a number"
	case "plain":
		return fieldInvalid, "must not have control characters"
	case "oneof":
		return fieldInvalid, "must be one of " + strings.ReplaceAll(e.Param(), " ", ", ")
	case "min", "max":
		return fieldInvalid, sizeMessage(e)
	default:
		return fieldInvalid, "is not valid"
	}
}

func sizeMessage(e validator.FieldError) string {
	unit := "characters"
	if e.Kind() == reflect.Map || e.Kind() == reflect.Slice {
		unit = "entries"
	}
	if e.Tag() == "min" {
		return "must not be empty"
	}
	return "must have at most " + e.Param() + " " + unit
}
