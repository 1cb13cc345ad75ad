package rechargekit

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"
)

// seeds adds every recorded answer to the corpus.
func seeds(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

// FuzzReads: no answer makes the readers of lists and amounts panic, and a wallet that was told has a value.
func FuzzReads(f *testing.F) {
	seeds(f)
	f.Add([]byte(`{"error":0,"planData":[{"plan":[{"a":{"amount":1}}]}],"operatorList":{"operator_id":"1"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parseMembers(body)
		if err != nil {
			return
		}
		_ = m.refusal("POST /x")
		_, _ = parsePlanData(m.values["planData"])
		for _, item := range objects(m.values["operatorList"]) {
			_, _ = newOperator(item)
		}
		var wallet Number
		if m.number("wallet_amount", &wallet) == nil && wallet.Told() {
			if _, ok := wallet.Decimal(); !ok {
				t.Fatalf("a wallet without a value in %q", body)
			}
		}
	})
}

// FuzzParseCallback: a call-back names an order of ours, or is an error.
func FuzzParseCallback(f *testing.F) {
	for _, seed := range [][2]string{
		{"", `{"status":1,"orderid":"o","opttranid":"t","pid":"k3q2m5n7p4r6s2t3u4v5","commission":0}`},
		{"", `{"partner_request_id":"a","status":"3","orderid":"o","optransid":"t","commission":0.5,"msg":"ok"}`},
		{"OrderId=1&status=1&Optransid=2&Prid=a", ""}, {"", "pid=a&status=2"}, {"", `{"pid":"a","Prid":"b"}`}, {"%", "%"},
	} {
		f.Add(seed[0], []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, query string, body []byte) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		cb, err := ParseCallback(values, body)
		if err == nil && cb.PartnerRequestID == "" || err != nil && (!errors.Is(err, ErrCallback) || cb != Callback{}) {
			t.Fatalf("%+v, %v", cb, err)
		}
	})
}

// FuzzMembers holds the reader of members against encoding/json: the same names with the same values, and nothing that
// has a name twice.
func FuzzMembers(f *testing.F) {
	seeds(f)
	for _, s := range []string{`{"a":1}`, ` {"a" : "b\"," ,"c":[{"d":"}"}] , "e":{ } } `, `{"a":1,"\u0061":2}`, `{"":null}`, `{"a":-0.5e+3}`, `{}`, `[]`, `{"a":1}x`, "{\"\xff\":1}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parseMembers(body)
		var want map[string]json.RawMessage
		if json.Unmarshal(body, &want) != nil || want == nil {
			if err == nil {
				t.Fatalf("%q is read although it is no object", body)
			}
			return
		}
		if err != nil {
			if errors.Is(err, errTwice) {
				return
			}
			t.Fatalf("%q: %v", body, err)
		}
		if utf8.Valid(body) && len(m.values) != len(want) {
			t.Fatalf("%q: %d members, want %d", body, len(m.values), len(want))
		}
		for name, value := range m.values {
			if utf8.ValidString(name) && !bytes.Equal(bytes.TrimSpace(want[name]), value) {
				t.Fatalf("%q: %q is %q, want %q", body, name, value, want[name])
			}
		}
	})
}
