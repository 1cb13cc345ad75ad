package bulksms_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"topupq/clients/bulksms"
)

// FuzzAnswer: whatever a send, a read-back and the account are answered with, nothing panics, a success has a message, a
// failure is an *Error that says whether to go on, and no text of ours shows.
func FuzzAnswer(f *testing.F) {
	f.Add(201, testdata(f, "sent.json"))
	f.Add(200, testdata(f, "profile.json"))
	f.Add(403, testdata(f, "insufficient_credits.json"))
	f.Add(401, []byte(`{"type":"https://x/errors/#authentication-failed","title":"Authentication Failed","status":401}`))
	f.Add(502, []byte("<html>"))
	f.Add(201, []byte(`[{"id":"1","to":"27821234567","status":{"type":"FAILED","subtype":"NOT_SENT"}}]`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write(body) // some statuses take no body
		}))
		defer srv.Close()
		c, err := bulksms.New(bulksms.Config{BaseURL: srv.URL, TokenID: "i", TokenSecret: "s"})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		m, err := c.Send(t.Context(), request)
		var failure *bulksms.Error
		if err == nil && m.ID == "" || err != nil && !errors.As(err, &failure) {
			t.Fatalf("%+v, %v", m, err)
		}
		_, _ = c.FindByUserSuppliedID(t.Context(), "a")
		_, _ = c.Credits(t.Context())
	})
}
