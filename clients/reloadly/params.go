package reloadly

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/shopspring/decimal"
)

// params reads loosely typed parameters by name. The first complaint sticks and is told by done.
type params struct {
	values map[string]any
	used   map[string]bool
	err    error
}

func newParams(values map[string]any) *params {
	return &params{values: values, used: map[string]bool{}}
}

func (p *params) fail(field, problem string) {
	if p.err == nil {
		p.err = &RequestError{Field: field, Problem: problem}
	}
}

// done reports the first complaint, or a parameter that nobody asked for.
func (p *params) done() error {
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		if !p.used[name] {
			p.fail(name, "is not a parameter of this action")
		}
	}
	return p.err
}

// text reads a scalar as text; "" where it is missing.
func (p *params) text(name string, required bool) string {
	p.used[name] = true
	v, ok := p.values[name]
	s, fits := plainText(v)
	switch {
	case ok && !fits:
		p.fail(name, "must be text, a number or a boolean")
	case required && s == "":
		p.fail(name, "is required")
	}
	return s
}

// plainText writes a scalar as it came. Whole floats, which JSON decoders make of numbers, lose their point.
func plainText(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case int, int64:
		return fmt.Sprint(v), true
	default:
		return "", false
	}
}

func (p *params) id(name string) int64 {
	s := p.text(name, true)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		p.fail(name, "must be a whole number above 0")
	}
	return n
}

func (p *params) amount(name string) decimal.Decimal {
	d, err := parseDecimal(p.text(name, true))
	if err != nil || d.Sign() <= 0 {
		p.fail(name, "must be a decimal number above 0")
	}
	return d
}

func (p *params) iso() string {
	s, err := cleanISO(p.text("countryCode", true))
	if err != nil {
		p.fail("countryCode", "must be two letters (ISO 3166-1 alpha-2)")
	}
	return s
}

// phone reads the number from the first of the names that is given.
func (p *params) phone(names ...string) string {
	name := names[0]
	for _, n := range names {
		if _, ok := p.values[n]; ok {
			name = n
			break
		}
	}
	s, err := cleanPhone(p.text(name, true))
	if err != nil {
		p.fail(name, "must be 3 to 20 digits with an optional leading +")
	}
	return s
}

func (p *params) language() url.Values { return language(p.text("languageCode", false)) }

// flags reads those of the named booleans that are given.
func (p *params) flags(names []string) url.Values {
	q := url.Values{}
	for _, name := range names {
		s := p.text(name, false)
		if s != "" && s != "true" && s != "false" {
			p.fail(name, "must be true or false")
		}
		q = with(q, name, s)
	}
	return q
}

// page reads page and size into q.
func (p *params) page(q url.Values) url.Values {
	for _, name := range []string{"page", "size"} {
		s := p.text(name, false)
		if n, err := strconv.Atoi(s); s != "" && (err != nil || n < 1 || n > 1_000_000) {
			p.fail(name, "must be a whole number from 1")
		}
		q = with(q, name, s)
	}
	return q
}
