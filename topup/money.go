package topup

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/shopspring/decimal"
)

// Money is an exact amount in one currency (ISO 4217, upper case). It never passes through a float.
type Money struct {
	Amount   decimal.Decimal
	Currency string
}

// MicroScale is the number of decimal places in which sums are kept: 1 unit of currency is 100,000 micros.
// Providers use up to 5 places (Reloadly's costs).
const MicroScale = 5

// maxAmount keeps every sum of a million amounts inside 64 bits of micros.
var maxAmount = decimal.New(9_999_999, 0)

var amountPattern = regexp.MustCompile(`^[0-9]{1,15}(\.[0-9]{1,10})?$`)

// ErrAmount is wrapped by every error of ParseAmount and of CheckAmount.
var ErrAmount = errors.New("invalid amount")

// ParseAmount reads plain decimal text such as "5" or "2.50". Signs, exponents, separators, spaces and anything
// that a float printer might add (NaN, 5e0) are refused; the error wraps ErrAmount and says how to write it.
func ParseAmount(text string) (decimal.Decimal, error) {
	if !amountPattern.MatchString(text) {
		return decimal.Decimal{}, fmt.Errorf("%w: write a plain decimal such as \"5\" or \"2.50\"", ErrAmount)
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return decimal.Decimal{}, fmt.Errorf("%w: not a decimal number", ErrAmount)
	}
	return d, nil
}

// CheckAmount reports why m cannot be the amount of a top-up: not above zero, above 9,999,999, or with more
// decimal places than the currency has. An unknown currency is the caller's to refuse. The error wraps ErrAmount.
func CheckAmount(m Money) error {
	if m.Amount.Sign() <= 0 {
		return fmt.Errorf("%w: must be above 0", ErrAmount)
	}
	if m.Amount.GreaterThan(maxAmount) {
		return fmt.Errorf("%w: must be at most %s", ErrAmount, maxAmount)
	}
	if places := CurrencyPlaces(m.Currency); !m.Amount.Equal(m.Amount.Truncate(places)) {
		return fmt.Errorf("%w: %s has %d decimal places", ErrAmount, m.Currency, places)
	}
	return nil
}

// CurrencyPlaces is the number of decimal places of a currency (ISO 4217 minor units); 2 where it is not listed.
func CurrencyPlaces(currency string) int32 {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	default:
		return 2
	}
}

// Micros is the amount in 1/100,000 of the currency unit, for sums kept as integers. Finer places are cut off.
func (m Money) Micros() int64 { return m.Amount.Shift(MicroScale).IntPart() }

// FromMicros is the inverse of Money.Micros.
func FromMicros(micros int64, currency string) Money {
	return Money{Amount: decimal.New(micros, -MicroScale), Currency: currency}
}

// Text is the amount as the API shows it: with the currency's own places, more only where the amount has more.
func (m Money) Text() string {
	places := CurrencyPlaces(m.Currency)
	if m.Amount.Equal(m.Amount.Truncate(places)) {
		return m.Amount.StringFixed(places)
	}
	return m.Amount.String()
}

// Equal reports whether both are the same amount of the same currency; 5 and 5.00 are.
func (m Money) Equal(o Money) bool { return m.Currency == o.Currency && m.Amount.Equal(o.Amount) }

// IsZero reports whether m holds nothing at all.
func (m Money) IsZero() bool { return m.Currency == "" && m.Amount.IsZero() }

// String is "2.50 ZAR".
func (m Money) String() string { return m.Text() + " " + m.Currency }
