package rechargekit

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"

	"github.com/shopspring/decimal"
)

// Number is a number that RechargeKit writes as a JSON number or as text. The zero Number was not told.
type Number struct {
	text string
}

// numberPattern leaves out exponents: 1e999999999 would be a number of a gigabyte.
var numberPattern = regexp.MustCompile(`^-?[0-9]{1,18}(\.[0-9]{1,10})?$`)

var errNumber = errors.New("not a number")

// ParseNumber reads plain decimal text; empty text is the untold Number.
func ParseNumber(text string) (Number, error) {
	text = strings.TrimSpace(text)
	if text != "" && !numberPattern.MatchString(text) {
		return Number{}, errNumber
	}
	return Number{text: text}, nil
}

// UnmarshalJSON reads a number, a number in quotes, "" or null (both untold). Everything else is an error.
func (n *Number) UnmarshalJSON(b []byte) error {
	text := string(b)
	switch {
	case text == "null":
		text = ""
	case strings.HasPrefix(text, `"`):
		if err := json.Unmarshal(b, &text); err != nil {
			return errNumber
		}
	}
	parsed, err := ParseNumber(text)
	if err != nil {
		return err
	}
	*n = parsed
	return nil
}

// Told reports whether the answer had the number.
func (n Number) Told() bool { return n.text != "" }

// String is the number as received.
func (n Number) String() string { return n.text }

// Decimal is the exact value; false where it was not told.
func (n Number) Decimal() (decimal.Decimal, bool) {
	if !n.Told() {
		return decimal.Decimal{}, false
	}
	d, err := decimal.NewFromString(n.text)
	return d, err == nil
}

// Int is the value of a whole number (1, "1" or "1.0"); false for any other and where it was not told.
func (n Number) Int() (int64, bool) {
	d, ok := n.Decimal()
	if !ok || !d.IsInteger() {
		return 0, false
	}
	return d.IntPart(), true
}
