package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPrintAnswer shows the forms in which the providers answer.
func TestPrintAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ answer, want string }{
		"fields": {`{"balance":5.10,"currencyCode":"USD","frozen":null,"codes":["+1","+2"]}`, "balance       5.10\ncodes         +1, +2\ncurrencyCode  USD\n"},
		"nested": {`{"fx":{"rate":1500,"currencyCode":"NGN"},"fees":{}}`, "fx.currencyCode  NGN\nfx.rate          1500\n"},
		"list": {
			`[{"operator":{"operatorId":1,"name":"MTN","bundle":false},"percentage":3},{"operator":{"operatorId":2,"name":"Glo","bundle":true},"percentage":4}]`,
			"operator.operatorId  operator.name  percentage  operator.bundle\n1                    MTN            3           false\n2                    Glo            4           true\n",
		},
		"an ID twice, and nothing": {`[{"id":1,"operatorId":1,"note":"","name":"a"}]`, "id  name\n1   a\n"},
		"page": {
			`{"content":[{"id":7,"name":"MTN"}],"pageable":{"offset":0},"sort":{},"first":true,"last":true,"empty":false,"number":0,"size":200,"totalPages":1,"totalElements":1,"numberOfElements":1}`,
			"number         0\nsize           200\ntotalElements  1\ntotalPages     1\n\ncontent:\nid  name\n7   MTN\n",
		},
		"empty page":  {`{"content":[],"pageable":{},"totalPages":0}`, "totalPages  0\n\ncontent:\n(none)\n"},
		"plans":       {`{"planData":[{"plan":{"FULLTT":[{"amount":"10"}],"DATA":[{"amount":"19"}]}}]}`, "\nplanData:\n\nplan.DATA:\namount\n19\n\nplan.FULLTT:\namount\n10\n"},
		"plain list":  {`["a","b"]`, "a\nb\n"},
		"mixed list":  {`[{"a":1},2]`, "{\"a\":1}\n2\n"},
		"a word":      {`"x"`, "x\n"},
		"none":        {`[]`, "(none)\n"},
		"long cell":   {`[{"description":"` + strings.Repeat("é", 50) + `"}]`, "description\n" + strings.Repeat("é", 39) + "…\n"},
		"escape code": {`[{"name":"a\u001b[2Jb"}]`, "name\na [2Jb\n"},
	} {
		dec := json.NewDecoder(strings.NewReader(c.answer))
		dec.UseNumber()
		var v any
		if err := dec.Decode(&v); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := printAnswer(&out, v); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, out.String()); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}
