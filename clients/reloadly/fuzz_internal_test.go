package reloadly

import (
	"encoding/json"
	"testing"
	"time"

	"topupq/clients/internal/httpcall"
)

// FuzzDecodeTransaction: whatever the body, no panic; and what is taken for a transaction has an ID, no key twice, and
// survives being written and read again.
func FuzzDecodeTransaction(f *testing.F) {
	for _, name := range []string{"topup", "topup_async", "status", "operator", "page_empty"} {
		f.Add(recorded(f, name))
	}
	f.Add([]byte(`{"transactionId":1,"transactionId":2}`))
	f.Add([]byte(`{"transactionId":"7","status":7,"pinDetail":{"code":1e400}}`))
	f.Add([]byte("[[[[[[[[[["))
	f.Fuzz(func(t *testing.T, body []byte) {
		tr, err := DecodeTransaction(body)
		if err != nil {
			return
		}
		if tr.TransactionID <= 0 || noDuplicates(body) != nil {
			t.Fatalf("taken for a transaction: %q", body)
		}
		again, err := json.Marshal(tr)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		if second, err := DecodeTransaction(again); err != nil || second.TransactionID != tr.TransactionID || second.Status != tr.Status {
			t.Fatalf("read again: %v", err)
		}
	})
}

// FuzzDecodeReport: an empty report is evidence, so only a body that says it is empty may be one.
func FuzzDecodeReport(f *testing.F) {
	f.Add(recorded(f, "page_empty"))
	f.Add([]byte(`{"content":[{"transactionId":1}],"last":true}`))
	f.Add([]byte(`{"content":{},"last":true}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := decodeReport(body)
		if err != nil || len(p.Content) > 0 {
			return
		}
		var w struct {
			Content []json.RawMessage `json:"content"`
		}
		if json.Unmarshal(body, &w) != nil || w.Content == nil || len(w.Content) > 0 {
			t.Fatalf("taken for an empty page: %q", body)
		}
	})
}

// FuzzDecodeStatus and FuzzError: no panic, and a code only from a body that has one.
func FuzzDecodeStatus(f *testing.F) {
	f.Add(recorded(f, "status"))
	f.Add(recorded(f, "status_refunded"))
	f.Add(recorded(f, "topup"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if s, err := decodeStatus(body); err == nil && s.Status == "" {
			t.Fatalf("no status in %q", body)
		}
	})
}

func FuzzError(f *testing.F) {
	f.Add(400, recorded(f, "error_recipient_phone"))
	f.Add(401, recorded(f, "error_credentials"))
	f.Add(404, []byte(`{"timestamp":"2022","status":404,"error":"Not Found","path":"/topup"}`))
	f.Add(502, []byte("<html>"))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := newError("POST /topups", &httpcall.Response{Status: status, Body: body}, time.Unix(0, 0))
		if e.Code != "" && !json.Valid(body) {
			t.Fatalf("code %q from %q", e.Code, body)
		}
	})
}

// FuzzParseCallback: a call-back is about at least one order, or an error.
func FuzzParseCallback(f *testing.F) {
	f.Add([]byte(`{"type":"airtime_transaction.status","data":{"transaction":{"transactionId":1,"customIdentifier":"a"}}}`))
	f.Add([]byte(`{"data":{"transactionId":"1"}}`))
	f.Add([]byte(`{"customIdentifier":"a"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if cb, err := ParseCallback(body); err == nil && cb.TransactionID == "" && cb.CustomIdentifier == "" {
			t.Fatalf("nothing in %q", body)
		}
	})
}

// FuzzCatalogue: the loose forms of the catalogue never panic.
func FuzzCatalogue(f *testing.F) {
	for _, name := range []string{"operator", "country", "promotion", "commission", "balance", "fx_rate"} {
		f.Add(recorded(f, name))
	}
	f.Fuzz(func(_ *testing.T, body []byte) {
		_, _ = decodeOperator(body)
		_, _ = decodeMany[Promotion](body)
		_, _ = decodeOne[Country](body)
		_, _ = decodePage[Commission](body)
	})
}

// FuzzToken: a token is never empty, and is renewed before it ends.
func FuzzToken(f *testing.F) {
	f.Add(recorded(f, "token"))
	f.Add([]byte(`{"access_token":"a","expires_in":"3600"}`))
	f.Add([]byte(`{"access_token":1,"expires_in":-9223372036854775808}`))
	asked := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body []byte) {
		token, err := readToken(body, asked)
		if err == nil && (token.Value.Reveal() == "" || token.RenewAt.After(token.ExpiresAt) || token.ExpiresAt.Before(asked)) {
			t.Fatalf("%q: renewed %v, ends %v", body, token.RenewAt, token.ExpiresAt)
		}
	})
}
