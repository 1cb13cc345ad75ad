package intake

import (
	"errors"
	"slices"
	"strings"
	"time"

	"topupq/topup"
)

// indianPrefix is the country code of India. A DTH subscriber's number stands behind it without being a phone number.
const indianPrefix = "+91"

// country is that of the recipient. A DTH subscriber's number is in no numbering plan: only its form is checked.
func (r *rules) country(q *topupRequest, m *mistakes) string {
	if q.Product.Service == topup.ServiceDTH && strings.HasPrefix(q.Recipient, indianPrefix) {
		return "IN"
	}
	country, err := recipientCountry(q.Recipient)
	if err != nil {
		m.add("recipient", fieldInvalid, err.Error())
	}
	return country
}

// provider is the one asked for, or the one routed to with those that may take its place; "" with a mistake noted when
// it is not configured or does not serve the country.
func (r *rules) provider(q *topupRequest, w wish, m *mistakes) (topup.ProviderName, []topup.ProviderName) {
	name, country := topup.ProviderName(q.Provider), w.country
	var alternates []topup.ProviderName
	if name == "" {
		name, alternates = r.routed(q, w)
	}
	settings, ok := r.cfg.Providers[name]
	switch {
	case !ok && name == "":
		m.add("provider", codeNotConfigured, "no provider serves "+country)
	case !ok:
		m.add("provider", codeNotConfigured, string(name)+" is not configured here")
	case country != "" && len(settings.Countries) > 0 && !slices.Contains(settings.Countries, country):
		m.add("recipient", fieldInvalid, string(name)+" serves numbers of "+strings.Join(settings.Countries, ", ")+" only")
	}
	if !ok {
		return "", nil
	}
	return name, alternates
}

// money is the amount, checked against the currency's places and the provider's own currency.
func (r *rules) money(q *topupRequest, p topup.ProviderName, m *mistakes) topup.Money {
	d, err := topup.ParseAmount(q.Amount)
	if err != nil {
		m.add("amount", fieldInvalid, amountText(err))
		return topup.Money{}
	}
	money := topup.Money{Amount: d, Currency: q.Currency}
	if err := topup.CheckAmount(money); err != nil {
		m.add("amount", fieldInvalid, amountText(err))
	}
	if only := r.cfg.Providers[p].Currency; only != "" && only != q.Currency {
		m.add("currency", fieldInvalid, string(p)+" is paid in "+only+" only")
	}
	return money
}

// amountText is the error's own text without the words of the sentinel.
func amountText(err error) string {
	if !errors.Is(err, topup.ErrAmount) {
		return "is not valid"
	}
	return strings.TrimPrefix(err.Error(), topup.ErrAmount.Error()+": ")
}

// product checks that the fields given belong to the provider and fit each other.
func (r *rules) product(q *topupRequest, p topup.ProviderName, m *mistakes) {
	for _, name := range q.given {
		if owner := productOwners[name]; owner != p {
			m.add(joinPath(productPrefix, name), fieldUnknown, "belongs to "+string(owner)+", and the provider is "+string(p))
		}
	}
	if p != topup.AAT {
		return
	}
	pinned := topup.Product(q.Product).Pinned()
	if pinned && !r.cfg.Keyring.CanSeal() {
		m.add("product.recharge", codeKeyMissing, "vouchers with a PIN need an encryption key, and none is set here")
	}
	switch {
	case q.Product.DeliverPIN == "":
	case !pinned:
		m.add("product.deliver_pin", fieldInvalid, "only a pinned recharge has a PIN to deliver")
	case r.cfg.NoSMS:
		m.add("product.deliver_pin", codeNotConfigured, "no provider of SMS is configured here")
	}
}

// expiry is the time after which q is never sent, and whether it is past at now. Its form was checked before.
func (r *rules) expiry(q *topupRequest, now time.Time) (at time.Time, past bool) {
	if q.ExpiresAt == "" {
		return now.Add(r.cfg.DefaultExpiry), false
	}
	at, err := time.Parse(time.RFC3339, q.ExpiresAt)
	at = at.UTC().Truncate(time.Millisecond)
	return at, err != nil || !at.After(now)
}

// expiredError is the mistake of a request whose expires_at is past and that is no repeat.
func expiredError() FieldError {
	return FieldError{Field: "expires_at", Code: fieldExpired, Message: "is in the past: it would never be sent"}
}
