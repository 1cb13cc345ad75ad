package reloadly

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
)

func recorded(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRecordedAnswersDecodeWithoutLoss decodes each documented answer, writes it again and looks for every field of the
// original in it. Scalars are compared as text and as decimals, since the documents quote them at random.
func TestRecordedAnswersDecodeWithoutLoss(t *testing.T) {
	t.Parallel()
	tests := map[string]func([]byte) (any, error){
		"balance":         func(b []byte) (any, error) { return decodeOne[Balance](b) },
		"country":         func(b []byte) (any, error) { return decodeOne[Country](b) },
		"operator":        func(b []byte) (any, error) { return decodeOperator(b) },
		"fx_rate":         func(b []byte) (any, error) { return decodeOne[FXRate](b) },
		"commission":      func(b []byte) (any, error) { return decodeOne[Commission](b) },
		"promotion":       func(b []byte) (any, error) { return decodeOne[Promotion](b) },
		"topup":           func(b []byte) (any, error) { return DecodeTransaction(b) },
		"topup_async":     func(b []byte) (any, error) { return DecodeTransaction(b) },
		"status":          func(b []byte) (any, error) { return decodeStatus(b) },
		"status_refunded": func(b []byte) (any, error) { return decodeStatus(b) },
	}
	for name, decode := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := recorded(t, name)
			v, err := decode(body)
			if err != nil {
				t.Fatalf("decode: %v", err)
			}
			again, err := json.Marshal(v)
			if err != nil {
				t.Fatalf("encode: %v", err)
			}
			if diff := cmp.Diff(generic(t, body), keepKeys(generic(t, body), generic(t, again))); diff != "" {
				t.Errorf("lost or changed (-documented +decoded):\n%s", diff)
			}
		})
	}
}

// generic reads JSON into maps with every scalar as normalized text.
func generic(t *testing.T, body []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return normalize(v)
}

func normalize(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = normalize(v[k])
		}
		return v
	case []any:
		if len(v) == 0 {
			return nil // empty lists, empty maps and null are one
		}
		for i := range v {
			v[i] = normalize(v[i])
		}
		return v
	case nil:
		return nil
	default:
		text := fmt.Sprint(v)
		if d, err := decimal.NewFromString(text); err == nil {
			return d.String()
		}
		if text == "" {
			return nil
		}
		return text
	}
}

// keepKeys drops from got what want does not have, and secrets, which print as a mark.
func keepKeys(want, got any) any {
	w, wok := want.(map[string]any)
	g, gok := got.(map[string]any)
	if !wok || !gok {
		if got == "[redacted]" {
			return want
		}
		return got
	}
	out := map[string]any{}
	for k := range w {
		out[k] = keepKeys(w[k], g[k])
	}
	return out
}

func TestSecretFieldsAreReadButNeverPrinted(t *testing.T) {
	t.Parallel()
	tr, err := DecodeTransaction(recorded(t, "topup"))
	if err != nil {
		t.Fatal(err)
	}
	if got := tr.PINDetail.Code.Reveal(); got != "773709733097662" {
		t.Errorf("code = %q", got)
	}
	encoded, err := json.Marshal(tr)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{fmt.Sprintf("%v %+v %#v", *tr.PINDetail, tr, tr.PINDetail), string(encoded)} {
		if bytes.Contains([]byte(printed), []byte("773709733097662")) || bytes.Contains([]byte(printed), []byte("558111")) {
			t.Errorf("voucher printed: %s", printed)
		}
	}
}

func TestTolerantForms(t *testing.T) {
	t.Parallel()
	array := "[" + string(recorded(t, "country")) + "]"
	if c, err := decodeOne[Country]([]byte(array)); err != nil || c.ISOName != "AG" {
		t.Errorf("country in an array of one: %v, %v", c, err)
	}
	if c, err := decodeOne[Promotion]([]byte(`{"content":` + string(recorded(t, "promotion")) + `}`)); err != nil || c.Key() != 1 {
		t.Errorf("promotion under content: %v, %v", c, err)
	}
	for _, body := range []string{`[{"promotionId":1}]`, `{"content":[{"promotionId":1}]}`, `{"content":{"id":"1"}}`, `{"promotionId":1}`} {
		if list, err := decodeMany[Promotion]([]byte(body)); err != nil || len(list) != 1 || list[0].Key() != 1 {
			t.Errorf("%s: %v, %v", body, list, err)
		}
	}
	flat, err := decodeStatus(recorded(t, "topup"))
	if err != nil || flat.Status != StatusSuccessful || flat.Transaction == nil || flat.Transaction.TransactionID != 4602843 {
		t.Errorf("bare transaction as status: %+v, %v", flat, err)
	}
	for _, descriptions := range []string{`[]`, ` [ ] `, `null`, `{"5.00":"five"}`} {
		var op Operator
		if err := json.Unmarshal([]byte(`{"fixedAmountsDescriptions":`+descriptions+`}`), &op); err != nil {
			t.Errorf("%s: %v", descriptions, err)
		}
	}
}

func TestNumbersAreExact(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`505.00000000000`: "505", `3.8E-5`: "0.000038", `"5.00"`: "5", `0.1`: "0.1", `5109.53732`: "5109.53732",
	} {
		var n Number
		if err := json.Unmarshal([]byte(text), &n); err != nil || !n.Equal(decimal.RequireFromString(want)) {
			t.Errorf("%s = %v, %v", text, n, err)
		}
	}
	for _, text := range []string{`1e999999999`, `"NaN"`, `{}`, `true`, `[]`, `"five"`, `1e-99`} {
		var n Number
		if err := json.Unmarshal([]byte(text), &n); err == nil {
			t.Errorf("%s was taken for %v", text, n)
		}
	}
}

func TestAnswersThatProveNothingAreRefused(t *testing.T) {
	t.Parallel()
	whole := recorded(t, "topup")
	bodies := map[string]string{
		"empty": "", "html": "<html></html>", "truncated": string(whole[:len(whole)*2/3]), "no id": `{"status":"SUCCESSFUL"}`,
		"id zero": `{"transactionId":0}`, "id negative": `{"transactionId":-1}`, "id object": `{"transactionId":{"id":1}}`,
		"id fraction": `{"transactionId":1.5}`, "list": `[1]`, "text": `"ok"`, "null": "null",
		"twice": `{"transactionId":1,"transactionId":2}`, "twice in other case": `{"transactionId":1,"TransactionID":2}`,
		"twice below": `{"transactionId":1,"balanceInfo":{"cost":1,"cost":2}}`, "two values": `{"transactionId":1}{}`,
	}
	for name, body := range bodies {
		if tr, err := DecodeTransaction([]byte(body)); err == nil {
			t.Errorf("transaction %s: taken for %+v", name, tr)
		}
	}
	pages := map[string]string{
		"bare object": `{}`, "content null": `{"content":null,"last":true}`, "no end": `{"content":[]}`, "list": `[]`,
		"rows denied": `{"content":[],"last":true,"totalElements":1,"totalPages":1}`, "row without id": `{"content":[{}],"last":true}`,
		"twice": `{"content":[{"transactionId":1}],"last":true,"content":[]}`,
	}
	for name, body := range pages {
		if p, err := decodeReport([]byte(body)); err == nil {
			t.Errorf("report %s: taken for %+v", name, p)
		}
	}
	if p, err := decodeReport(recorded(t, "page_empty")); err != nil || len(p.Content) != 0 || !p.Last {
		t.Errorf("the documented empty page: %+v, %v", p, err)
	}
	if s, err := decodeStatus([]byte(`{"transaction":null}`)); err == nil {
		t.Errorf("status without a status: %+v", s)
	}
}

func TestDecodeErrorsQuoteNothing(t *testing.T) {
	t.Parallel()
	const canary = "773709733097662"
	for _, body := range []string{
		`{"transactionId":"x` + canary + `"}`, `{"transactionId":1,"fee":"` + canary + `x"}`,
		canary + "}", `{"transactionId":1,"balanceInfo":"` + canary + `"}`,
	} {
		_, err := DecodeTransaction([]byte(body))
		if err == nil || bytes.Contains([]byte(err.Error()), []byte(canary)) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestPromotionDates(t *testing.T) {
	t.Parallel()
	for _, text := range []Date{"Mon, 25 Jun 2018 06:00:00 +0000", "2018-06-25 06:00:00", "2018-06-25T06:00:00Z"} {
		at, ok := text.Time()
		if !ok || at.Unix() != 1529906400 {
			t.Errorf("%s = %v, %v", text, at, ok)
		}
	}
	if at, ok := Date("soon").Time(); ok {
		t.Errorf("soon = %v", at)
	}
}

func TestPagesEnd(t *testing.T) {
	t.Parallel()
	row := func(n int) Transaction { return Transaction{TransactionID: Int(n)} }
	id := func(r Transaction) int64 { return int64(r.TransactionID) }
	collect := func(load func(page, size int) (Page[Transaction], error)) (got []int64, err error) {
		for r, e := range pages(2, id, load) {
			if e != nil {
				return got, e
			}
			got = append(got, int64(r.TransactionID))
		}
		return got, nil
	}
	got, err := collect(func(page, _ int) (Page[Transaction], error) { // row 2 moves to page 2 meanwhile
		return Page[Transaction]{Content: []Transaction{row(page), row(page + 1)}, Last: page == 3}, nil
	})
	if diff := cmp.Diff([]int64{1, 2, 3, 4}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := collect(func(int, int) (Page[Transaction], error) {
		return Page[Transaction]{Content: []Transaction{row(1)}}, nil
	}); !errors.Is(err, errRepeated) {
		t.Errorf("an endless list: %v", err)
	}
}
