package intake

import (
	"strconv"
	"strings"
	"unicode"
)

// Codes of FieldErrors, beside provider_not_configured and encryption_key_missing.
const (
	fieldUnknown  = "unknown_field"
	fieldRepeated = "repeated_field"
	fieldRequired = "required"
	fieldType     = "wrong_type"
	fieldInvalid  = "invalid"
	fieldExpired  = "in_the_past"
	// fieldNotAllowed is what the operator has switched off.
	fieldNotAllowed = "not_allowed"
)

// mistakes collects what is wrong with a request, so that everything is said at once. Its read methods return the
// zero value where the field is of the wrong type; null is the same as absent.
type mistakes struct {
	list []FieldError
}

func (m *mistakes) add(field, code, message string) {
	m.list = append(m.list, FieldError{Field: field, Code: code, Message: message})
}

func (m *mistakes) unknown(prefix, name string) {
	m.add(joinPath(prefix, printable(name)), fieldUnknown, "there is no such field")
}

// err is the 422 for what was collected, nil when there is nothing.
func (m *mistakes) err() error {
	if len(m.list) == 0 {
		return nil
	}
	return invalid(m.list)
}

// is checks the kind of v; false means absent or, with a mistake added, wrong.
func (m *mistakes) is(want kind, v *value, prefix, name string) bool {
	if v.kind == want {
		return true
	}
	if v.kind != kindNull {
		m.add(joinPath(prefix, name), fieldType, "must be "+kindNames[want]+", not "+kindNames[v.kind])
	}
	return false
}

func (m *mistakes) text(v *value, prefix, name string) string {
	if !m.is(kindString, v, prefix, name) {
		return ""
	}
	return v.text
}

// textOrNumber takes a number as it was written, digit by digit.
func (m *mistakes) textOrNumber(v *value, prefix, name string) string {
	if v.kind == kindNumber {
		return v.text
	}
	return m.text(v, prefix, name)
}

func (m *mistakes) flag(v *value, prefix, name string) bool {
	return m.is(kindBool, v, prefix, name) && v.text == "true"
}

// positive reads a whole number above 0.
func (m *mistakes) positive(v *value, prefix, name string) int64 {
	if !m.is(kindNumber, v, prefix, name) {
		return 0
	}
	return m.positiveText(v.text, prefix, name)
}

func (m *mistakes) positiveText(text, prefix, name string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		m.add(joinPath(prefix, name), fieldInvalid, "must be a whole number above 0")
		return 0
	}
	return n
}

func (m *mistakes) texts(v *value, prefix, name string) []string {
	if !m.is(kindArray, v, prefix, name) {
		return nil
	}
	list := make([]string, 0, len(v.items))
	for i := range v.items {
		item := name + "[" + strconv.Itoa(i) + "]"
		if v.items[i].kind == kindNull {
			m.add(joinPath(prefix, item), fieldType, "must be a string, not null")
			continue
		}
		list = append(list, m.text(&v.items[i], prefix, item))
	}
	return list
}

// pairs reads an object of strings. Unlike elsewhere null is no value here: it would be lost silently.
func (m *mistakes) pairs(v *value, prefix, name string) map[string]string {
	if !m.is(kindObject, v, prefix, name) {
		return nil
	}
	pairs := make(map[string]string, len(v.names))
	for i, key := range v.names {
		if v.items[i].kind != kindString {
			m.add(joinPath(prefix, name+"."+printable(key)), fieldType, "must be a string, not "+kindNames[v.items[i].kind])
			continue
		}
		pairs[key] = v.items[i].text
	}
	return pairs
}

// printable is a name as sent, cut and without anything that could upset a terminal or a log.
func printable(name string) string {
	const limit = 64
	clean := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, name)
	if len([]rune(clean)) > limit {
		clean = string([]rune(clean)[:limit]) + "…"
	}
	return clean
}

func quoted(name string) string { return strconv.Quote(printable(name)) }
