package reloadly

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestNoDuplicates(t *testing.T) {
	t.Parallel()
	many := func(last string) string {
		var b strings.Builder
		for i := range 3 * fewKeys {
			fmt.Fprintf(&b, `"key%d":%d,`, i, i)
		}
		return "{" + b.String() + `"` + last + `":1}`
	}
	cases := map[string]error{
		`{}`: nil, `[]`: nil, `7`: nil, `"a"`: nil, `{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}`: nil,
		`{"a":"b","b":"a:"}`: nil, `["a","a"]`: nil, `{"a":["x","x"],"b":"\":"}`: nil, many("other"): nil,
		`{"a":1,"a":2}`: errDuplicate, `{"a":1,"A" :2}`: errDuplicate, `{"a":{"x":1},"b":2,"a":3}`: errDuplicate,
		`{"k":1,"K":2}`: errDuplicate, `{"status":1,"ſtatus":2}`: errDuplicate, `{"a":1,"\u0061":2}`: errDuplicate,
		`[{"a":1},{"b":1,"b":2}]`: errDuplicate, `{"a\"b":1,"a\"b":2}`: errDuplicate, many("KEY7"): errDuplicate, many("key140"): errDuplicate,
		``: errNotJSON, `{`: errNotJSON, `{"a":1}{}`: errNotJSON, `{"a":1,}`: errNotJSON, "<html>": errNotJSON,
	}
	for body, want := range cases {
		if err := decodeOnce([]byte(body), new(any)); !errors.Is(err, want) {
			t.Errorf("%.80s: %v, want %v", body, err, want)
		}
	}
}

// plainDuplicates is the same check in the simplest words: token by token, a map for every object.
func plainDuplicates(body []byte) error {
	if !json.Valid(body) {
		return errNotJSON
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var open []map[string]bool
	key := false
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errNotJSON
		}
		if name, isText := token.(string); key && isText {
			seen := open[len(open)-1]
			if seen[foldKey([]byte(name))] {
				return errDuplicate
			}
			seen[foldKey([]byte(name))], key = true, false
			continue
		}
		switch token {
		case json.Delim('{'):
			open = append(open, map[string]bool{})
		case json.Delim('['):
			open = append(open, nil)
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		key = len(open) > 0 && open[len(open)-1] != nil
	}
}

// FuzzNoDuplicates holds the fast check against the plain one.
func FuzzNoDuplicates(f *testing.F) {
	for _, name := range []string{"topup", "operator", "page_empty"} {
		f.Add(recorded(f, name))
	}
	for _, s := range []string{`{"a":1,"A":2}`, `{"a":[{"b":"c:"}],"b":{}}`, `{"a":1,"\u0061":2}`, "{\"\xff\":1,\"\xfe\":2}", `"a":`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if got, want := decodeOnce(body, new(json.RawMessage)), plainDuplicates(body); !errors.Is(got, want) {
			t.Fatalf("%q: %v, want %v", body, got, want)
		}
	})
}
