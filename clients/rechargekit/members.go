package rechargekit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// members are the members of one JSON object by their exact names, with the object as received.
type members struct {
	raw    json.RawMessage
	values map[string]json.RawMessage
}

// Errors of an answer that cannot be read. They repeat nothing of it: it may hold a phone number.
var (
	errNotObject = errors.New("not one JSON object")
	errTwice     = errors.New("a member comes twice")
)

// parseMembers reads one JSON object and nothing after it. encoding/json alone would take the last of two members
// of the same name and match names in any case, so an answer that says both success and failure would pass.
func parseMembers(body []byte) (members, error) {
	b := bytes.Trim(body, " \t\r\n") // no other space is JSON
	if len(b) == 0 || b[0] != '{' || !json.Valid(b) {
		return members{}, errNotObject
	}
	values := make(map[string]json.RawMessage, 12)
	for i := skipSpace(b, 1); b[i] != '}'; {
		end := skipValue(b, i)
		name, err := memberName(b[i:end])
		if err != nil {
			return members{}, err
		}
		if _, twice := values[name]; twice {
			return members{}, errTwice
		}
		start := skipSpace(b, skipSpace(b, end)+1) // behind the colon
		end = skipValue(b, start)
		values[name] = b[start:end:end]
		if i = skipSpace(b, end); b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
	return members{raw: body, values: values}, nil
}

func memberName(quoted []byte) (string, error) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	var name string
	if json.Unmarshal(quoted, &name) != nil {
		return "", errNotObject
	}
	return name, nil
}

// skipSpace and skipValue find their way through what is known to be valid JSON: the next byte that is no space, and the
// byte behind the value that begins at i.
func skipSpace(b []byte, i int) int {
	for b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n' {
		i++
	}
	return i
}

func skipValue(b []byte, i int) int {
	depth := 0
	for ; ; i++ {
		switch b[i] {
		case '"':
			if i = skipText(b, i); depth == 0 {
				return i
			}
			i--
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth <= 0 {
				if depth < 0 {
					return i // the end of a number or word
				}
				return i + 1
			}
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
}

// skipText is the byte behind the text that begins at i.
func skipText(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// refusal is the *Error of an answer whose member error is other than 0. A missing one is not refused here: the
// caller decides what an answer without it is worth.
func (m members) refusal(op string) error {
	var code Number
	if err := m.number("error", &code); err != nil {
		return &UnreadableError{Op: op, Err: err}
	}
	if n, ok := code.Int(); !code.Told() || ok && n == 0 {
		return nil
	}
	return &Error{Op: op, HTTPStatus: 200, Code: code.String(), Message: m.looseText("msg")}
}

// number reads the member name; a missing one leaves n untold.
func (m members) number(name string, n *Number) error {
	v, ok := m.values[name]
	if !ok {
		return nil
	}
	if err := n.UnmarshalJSON(v); err != nil {
		return fmt.Errorf("member %q is not a number", name)
	}
	return nil
}

// text reads the member name, which may be text or a number; a missing one and null are empty.
func (m members) text(name string, s *string) error {
	t := m.looseText(name)
	if t == "" && !emptyValue(m.values[name]) {
		return fmt.Errorf("member %q is not text", name)
	}
	*s = t
	return nil
}

// looseText is the member name as text, empty where it is missing or of another type.
func (m members) looseText(name string) string {
	v := bytes.TrimSpace(m.values[name])
	if len(v) == 0 {
		return ""
	}
	if v[0] == '"' {
		var s string
		if json.Unmarshal(v, &s) != nil {
			return ""
		}
		return s
	}
	if v[0] == '-' || v[0] >= '0' && v[0] <= '9' {
		return string(v)
	}
	return ""
}

func emptyValue(v json.RawMessage) bool {
	return len(v) == 0 || string(v) == "null" || string(v) == `""`
}
