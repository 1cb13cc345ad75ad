package rechargekit

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// FuzzDecode feeds answers to the reader of orders: it must never panic, never accept what encoding/json refuses, and
// read status as encoding/json does.
func FuzzDecode(f *testing.F) {
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
	f.Add([]byte(`{"error":0,"status":"1","amount":"1e9"}`))
	f.Add([]byte(`{"error":0,"status":1,"STATUS":3,"Status":2}`))
	f.Add([]byte(`{"a":{"a":{"a":[[[[]]]]}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parseMembers(body)
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Fatalf("accepted what is not JSON: %q", body)
		}
		o, err := newOrder(m)
		if err != nil {
			return
		}
		if n, ok := o.Status.Int(); ok && o.Status.Told() != (m.values["status"] != nil) {
			t.Fatalf("status %d from nowhere in %q", n, body)
		}
		o.Amount.Decimal()
		parsePlanData(m.values["planData"])
	})
}

func FuzzNumber(f *testing.F) {
	for _, seed := range []string{`1`, `"1"`, `""`, `null`, `-0.5`, `"1e5"`, `1E400`, `"NaN"`, `[1]`, `"\u0031"`, `01`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var n Number
		if !json.Valid(b) || n.UnmarshalJSON(b) != nil || !n.Told() {
			return
		}
		if _, ok := n.Decimal(); !ok {
			t.Fatalf("%q is a Number without a value", b)
		}
		if len(n.String()) > 30 {
			t.Fatalf("%q is too long for a Number", b)
		}
	})
}

// BenchmarkDecode measures reading the answer to a recharge.
func BenchmarkDecode(b *testing.B) {
	body, err := os.ReadFile("testdata/prepaid_pending.json")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		m, err := parseMembers(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := newOrder(m); err != nil {
			b.Fatal(err)
		}
	}
}
