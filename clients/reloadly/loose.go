package reloadly

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"topupq/clients/internal/httpcall"
)

// Secret is text that never prints: client secret, signing key, PIN. Reveal is the only way to it.
type Secret = httpcall.Secret

// The types of this file read what Reloadly sends in more than one form. They accept what the documents and the
// recordings show and refuse everything else, so that a wrong answer is an error and never a zero.

// Text is a scalar that comes as a string or as a number (phones, identifiers, PIN fields); null is "".
type Text string

// UnmarshalJSON reads a string, a number or null.
func (t *Text) UnmarshalJSON(b []byte) error {
	s, _, err := scalar(b)
	*t = Text(s)
	return err
}

// Int is a whole number that comes as a number or as a numeric string (IDs, seconds); null is 0.
type Int int64

// UnmarshalJSON reads a whole number, bare or quoted, or null.
func (i *Int) UnmarshalJSON(b []byte) error {
	s, null, err := scalar(b)
	if err != nil || null || s == "" {
		*i = 0
		return err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return fmt.Errorf("not a whole number: %w", errShape)
	}
	*i = Int(n)
	return nil
}

// Number is an exact decimal that comes as a number, as a numeric string or as null. The zero Number is null.
type Number struct {
	decimal.Decimal
	// Known is false for null and for a missing field.
	Known bool
}

// maxNumberText bounds what is parsed: decimals with huge exponents are cheap to write and dear to calculate with.
const (
	maxNumberText = 48
	maxExponent   = 30
)

// UnmarshalJSON reads a number, bare or quoted, or null.
func (n *Number) UnmarshalJSON(b []byte) error {
	s, null, err := scalar(b)
	if err != nil || null || s == "" {
		*n = Number{}
		return err
	}
	d, err := parseDecimal(s)
	if err != nil {
		return err
	}
	*n = Number{Decimal: d, Known: true}
	return nil
}

// MarshalJSON writes a bare number without exponent, or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Known {
		return []byte("null"), nil
	}
	return []byte(n.String()), nil
}

func parseDecimal(s string) (decimal.Decimal, error) {
	if len(s) > maxNumberText {
		return decimal.Decimal{}, fmt.Errorf("number too long: %w", errShape)
	}
	d, err := decimal.NewFromString(s)
	if err != nil || d.Exponent() > maxExponent || d.Exponent() < -maxExponent {
		return decimal.Decimal{}, fmt.Errorf("not a usable number: %w", errShape)
	}
	return d, nil
}

// Flag is a boolean that may come quoted; null is false.
type Flag bool

// UnmarshalJSON reads true, false, the same quoted, or null.
func (f *Flag) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "true", `"true"`:
		*f = true
	case "false", `"false"`, "null":
		*f = false
	default:
		return fmt.Errorf("not a boolean: %w", errShape)
	}
	return nil
}

// Map is an object keyed by an amount as written ("5.00"); empty ones come as null or as an empty array.
type Map[V any] map[string]V

// UnmarshalJSON reads an object, an empty array or null.
func (m *Map[V]) UnmarshalJSON(b []byte) error {
	if s := strings.Join(strings.Fields(string(b)), ""); s == "[]" || s == "null" {
		*m = nil
		return nil
	}
	var plain map[string]V
	if err := json.Unmarshal(b, &plain); err != nil {
		return err
	}
	*m = plain
	return nil
}

// SecretText is a secret that comes as a string or as a number; null is "".
type SecretText struct{ Secret }

// UnmarshalJSON reads a string, a number or null.
func (s *SecretText) UnmarshalJSON(b []byte) error {
	text, _, err := scalar(b)
	s.Secret = Secret(text)
	return err
}

// errShape is wrapped by every complaint about a value's form.
var errShape = errors.New("unexpected form")

// scalar reads a JSON string, number or null as text; null tells null from "".
func scalar(b []byte) (text string, null bool, err error) {
	switch {
	case len(b) == 0:
		return "", false, errShape
	case bytes.Equal(b, []byte("null")):
		return "", true, nil
	case b[0] == '"' && bytes.IndexByte(b, '\\') < 0 && utf8.Valid(b):
		return string(b[1 : len(b)-1]), false, nil // what json.Unmarshal would make of it, without its cost
	case b[0] == '"':
		if err := json.Unmarshal(b, &text); err != nil {
			return "", false, err
		}
		return text, false, nil
	case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
		return string(b), false, nil
	default:
		return "", false, fmt.Errorf("a %s where text or a number belongs: %w", kindOf(b[0]), errShape)
	}
}

func kindOf(first byte) string {
	switch first {
	case '{':
		return "object"
	case '[':
		return "list"
	default:
		return "boolean"
	}
}
