package aat

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseCallback(t *testing.T) {
	t.Parallel()
	got, err := ParseCallback(recorded(t, "callback.json"))
	want := Callback{
		TransactionID: "123456", ClientRef: "T-0001", OrderRef: "98187964", MSISDN: "27810002000", Amount: "2",
		VoucherType: "13", Description: "Airtime Voucher", Network: "MTN", FailReason: "…",
	}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
	for body, want := range map[string]Callback{
		`{"ClientRef":23342,"Success":true}`:                                     {ClientRef: "23342", Success: true},
		`{"ClientRef":" x ","Success":"True","Amount":"2.00","MSISDN":null}`:     {ClientRef: "x", Success: true, Amount: "2.00"},
		`{"ClientRef":"x","Success":0,"Amount":2.50,"New":{"a":[1]}}`:            {ClientRef: "x", Amount: "2.50"},
		`{"clientref":"x","success":"false","TransactionId":900719925474099123}`: {ClientRef: "x", TransactionID: "900719925474099123"},
	} {
		if got, err := ParseCallback([]byte(body)); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: %v\n%s", body, err, cmp.Diff(want, got))
		}
	}
}

func TestParseCallbackRefuses(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, `null`, `[]`, `"x"`, `{`, `{"ClientRef":"x"}`, `{"ClientRef":"x","Success":"maybe"}`, `{"Success":true}`,
		`{"ClientRef":"","Success":true}`, `{"ClientRef":{"a":1},"Success":true}`, `{"ClientRef":["x"],"Success":true}`,
		`{"ClientRef":"x","Success":true} {}`, `ClientRef=x&Success=true`, `{"ClientRef":"x","Success":null}`,
	} {
		if got, err := ParseCallback([]byte(body)); !errors.Is(err, ErrCallback) || got != (Callback{}) {
			t.Errorf("%s: got %+v, %v", body, got, err)
		}
	}
}

func FuzzParseCallback(f *testing.F) {
	f.Add(recorded(f, "callback.json"))
	f.Add([]byte(`{"ClientRef":1,"Success":"1"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		cb, err := ParseCallback(body)
		if (err == nil) == (cb.ClientRef == "") {
			t.Errorf("%q: %+v, %v", body, cb, err)
		}
	})
}
