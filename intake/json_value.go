package intake

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// kind is the type of a JSON value.
type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
)

var kindNames = [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}

// Bounds of a JSON document. Nothing that we take comes near them.
const (
	maxDepth   = 32
	maxMembers = 256
	maxItems   = 4096
)

// value is a parsed JSON value. Numbers are kept as they were written, so that no amount ever is a float.
type value struct {
	kind kind
	// text is the string, the number's literal, or "true" and "false".
	text string
	// names are the members of an object; items their values, or those of an array.
	names []string
	items []value
}

// forget takes the text members of a name out of an object.
func (v *value) forget(name string) {
	if v.kind != kindObject {
		return
	}
	for i := len(v.names) - 1; i >= 0; i-- {
		if v.names[i] == name && v.items[i].kind == kindString {
			v.names, v.items = slices.Delete(v.names, i, i+1), slices.Delete(v.items, i, i+1)
		}
	}
}

// jsonError says what is wrong with a JSON text. Without syntax the text is JSON, but not of the kind that we take:
// a member twice, too deep, too many.
type jsonError struct {
	field          string
	offset         int
	text           string
	syntax, repeat bool
}

// Error is one sentence with the place.
func (e *jsonError) Error() string {
	if e.field != "" {
		return fmt.Sprintf("%s: %s (at byte %d)", e.field, e.text, e.offset)
	}
	return fmt.Sprintf("%s (at byte %d)", e.text, e.offset)
}

// parseJSON reads one JSON value and nothing after it. It is stricter than encoding/json: valid UTF-8 only, no
// member twice, no lone surrogates, bounded depth and size. The error is a *jsonError.
func parseJSON(src string) (value, error) {
	if !utf8.ValidString(src) {
		return value{}, &jsonError{text: "not valid UTF-8"}
	}
	p := jsonParser{src: src}
	p.space()
	v, err := p.value(0)
	if err != nil {
		return value{}, err
	}
	if p.space(); p.pos < len(p.src) {
		return value{}, p.syntax("unexpected text after the JSON value")
	}
	return v, nil
}

// readJSON reads the body of a request as one JSON value. No content type is taken for JSON. An empty body is
// refused, like everything that cannot be read.
func readJSON(r *http.Request) (value, error) {
	if err := wantJSON(r); err != nil {
		return value{}, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return value{}, bodyError(err)
	}
	v, err := parseJSON(string(body))
	if err != nil {
		return value{}, asRequestError(err)
	}
	return v, nil
}

type jsonParser struct {
	src string
	pos int
}

func (p *jsonParser) syntax(text string) error {
	return &jsonError{offset: p.pos, text: text, syntax: true}
}

func (p *jsonParser) refuse(text string) error { return &jsonError{offset: p.pos, text: text} }

// fieldError is e as a mistake in a field, where it is one.
func (e *jsonError) fieldError() (FieldError, bool) {
	return FieldError{Field: e.field, Code: fieldRepeated, Message: "given twice"}, e.repeat
}

// within puts the name of the member or item before the field of an error from inside it.
func within(name string, err error) error {
	var e *jsonError
	if errors.As(err, &e) && !e.syntax {
		e.field = joinPath(name, e.field)
	}
	return err
}

func joinPath(outer, inner string) string {
	switch {
	case outer == "":
		return inner
	case inner == "" || inner[0] == '[':
		return outer + inner
	default:
		return outer + "." + inner
	}
}

func (p *jsonParser) space() {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\t', '\r', '\n':
			p.pos++
		default:
			return
		}
	}
}

// peek is the next byte, 0 at the end.
func (p *jsonParser) peek() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

func (p *jsonParser) value(depth int) (value, error) {
	if depth > maxDepth {
		return value{}, p.refuse(fmt.Sprintf("nested deeper than %d", maxDepth))
	}
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		s, err := p.str()
		return value{kind: kindString, text: s}, err
	case c == '-' || (c >= '0' && c <= '9'):
		return p.number()
	default:
		return p.literal()
	}
}

func (p *jsonParser) literal() (value, error) {
	for _, l := range [...]value{{kind: kindBool, text: "true"}, {kind: kindBool, text: "false"}, {kind: kindNull, text: "null"}} {
		if strings.HasPrefix(p.src[p.pos:], l.text) {
			p.pos += len(l.text)
			return l, nil
		}
	}
	if p.pos >= len(p.src) {
		return value{}, p.syntax("the JSON text ends too early")
	}
	return value{}, p.syntax("not a JSON value")
}

// number reads a literal by the grammar of RFC 8259.
func (p *jsonParser) number() (value, error) {
	start := p.pos
	if p.peek() == '-' {
		p.pos++
	}
	switch c := p.peek(); {
	case c == '0':
		p.pos++
	case c >= '1' && c <= '9':
		p.digits()
	default:
		return value{}, p.syntax("not a number")
	}
	if p.peek() == '.' {
		p.pos++
		if !p.digits() {
			return value{}, p.syntax("a digit is missing after the point")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		if !p.digits() {
			return value{}, p.syntax("a digit is missing in the exponent")
		}
	}
	return value{kind: kindNumber, text: p.src[start:p.pos]}, nil
}

func (p *jsonParser) digits() bool {
	start := p.pos
	for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
		p.pos++
	}
	return p.pos > start
}

func (p *jsonParser) array(depth int) (value, error) {
	v := value{kind: kindArray}
	p.pos++
	if p.space(); p.peek() == ']' {
		p.pos++
		return v, nil
	}
	for {
		p.space()
		item, err := p.value(depth + 1)
		if err != nil {
			return v, within(fmt.Sprintf("[%d]", len(v.items)), err)
		}
		if v.items = append(v.items, item); len(v.items) > maxItems {
			return v, p.refuse(fmt.Sprintf("more than %d items", maxItems))
		}
		more, err := p.more(']')
		if !more {
			return v, err
		}
	}
}

func (p *jsonParser) object(depth int) (value, error) {
	v := value{kind: kindObject}
	p.pos++
	if p.space(); p.peek() == '}' {
		p.pos++
		return v, nil
	}
	v.names, v.items = make([]string, 0, 8), make([]value, 0, 8)
	for {
		if err := p.member(&v, depth); err != nil {
			return v, err
		}
		more, err := p.more('}')
		if !more {
			return v, err
		}
	}
}

func (p *jsonParser) member(v *value, depth int) error {
	p.space()
	if p.peek() != '"' {
		return p.syntax("a member's name in double quotes is missing")
	}
	name, err := p.str()
	if err != nil {
		return err
	}
	for _, other := range v.names {
		if other == name {
			return &jsonError{field: name, offset: p.pos, text: "given twice", repeat: true}
		}
	}
	if p.space(); p.peek() != ':' {
		return p.syntax("a colon is missing")
	}
	p.pos++
	p.space()
	item, err := p.value(depth + 1)
	if err != nil {
		return within(name, err)
	}
	v.names, v.items = append(v.names, name), append(v.items, item)
	if len(v.names) > maxMembers {
		return p.refuse(fmt.Sprintf("more than %d members", maxMembers))
	}
	return nil
}

// more reads the comma or the end of an array or object.
func (p *jsonParser) more(end byte) (bool, error) {
	p.space()
	switch p.peek() {
	case ',':
		p.pos++
		return true, nil
	case end:
		p.pos++
		return false, nil
	case 0:
		return false, p.syntax("the JSON text ends too early")
	default:
		return false, p.syntax("a comma or " + string(end) + " is missing")
	}
}
