package rechargekit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// members are the members of one JSON object by their exact names, with the object as received.
type members struct {
	raw    json.RawMessage
	values map[string]json.RawMessage
}

// Errors of an answer that cannot be read. They repeat nothing of it: it may hold a phone number.
var (
	errNotObject = errors.New("not a JSON object")
	errTwice     = errors.New("a member comes twice")
	errNoEnd     = errors.New("JSON object has no end")
	errTrailing  = errors.New("text after the JSON object")
)

// parseMembers reads one JSON object and nothing after it. encoding/json alone would take the last of two members
// of the same name and match names in any case, so an answer that says both success and failure would pass.
func parseMembers(body []byte) (members, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return members{}, errNotObject
	}
	values := make(map[string]json.RawMessage, 12)
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return members{}, errNotObject
		}
		if _, twice := values[name]; twice {
			return members{}, errTwice
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return members{}, errNotObject
		}
		values[name] = v
	}
	if _, err := dec.Token(); err != nil {
		return members{}, errNoEnd
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return members{}, errTrailing
	}
	return members{raw: body, values: values}, nil
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
