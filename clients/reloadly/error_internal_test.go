package reloadly

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"topupq/clients/internal/httpcall"
)

func TestRecordedToken(t *testing.T) {
	t.Parallel()
	asked := time.Unix(1_700_000_000, 0)
	token, err := readToken(recorded(t, "token"), asked)
	if err != nil || token.Type != "Bearer" || token.Scope != "developer" || token.Value.Reveal() != "eyJraXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX" {
		t.Fatalf("%+v, %v", token, err)
	}
	if token.ExpiresAt.Sub(asked) != 60*24*time.Hour || token.ExpiresAt.Sub(token.RenewAt) != 5*time.Minute {
		t.Errorf("expires %v, renewed %v", token.ExpiresAt, token.RenewAt)
	}
	for text, want := range map[string]time.Duration{`"600"`: 450 * time.Second, `600`: 450 * time.Second, `null`: 45 * time.Second, `-1`: 45 * time.Second} {
		short, err := readToken(fmt.Appendf(nil, `{"access_token":"t","expires_in":%s}`, text), asked)
		if err != nil || short.RenewAt.Sub(asked) != want {
			t.Errorf("expires_in %s: renewed after %v, %v", text, short.RenewAt.Sub(asked), err)
		}
	}
}

func TestErrorForms(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body    string
		code    string
		message string
		own     bool
	}{
		"documented":   {string(recorded(t, "error_recipient_phone")), "INVALID_RECIPIENT_PHONE", "Recipient phone number is not valid", true},
		"token":        {string(recorded(t, "error_credentials")), "INVALID_CREDENTIALS", "Access Denied", true},
		"null code":    {`{"message":"Operator not found for given id","errorCode":null}`, "", "Operator not found for given id", true},
		"epoch":        {`{"timeStamp":1641493030000,"errorCode":"X","details":null}`, "X", "", true},
		"framework":    {`{"timestamp":"2022-01-06T18:37:10.000+0000","status":404,"error":"Not Found","message":"No message available","path":"/topup"}`, "", "No message available", false},
		"oauth":        {`{"error":"invalid_client","error_description":"unknown"}`, "invalid_client", "unknown", false},
		"html":         {`<html>502</html>`, "", "", false},
		"empty":        {``, "", "", false},
		"list":         {`[]`, "", "", false},
		"truncated":    {`{"errorCode":"INVALID_AMOUNT"`, "", "", false},
		"two codes":    {`{"errorCode":"INVALID_AMOUNT","errorCode":"X"}`, "", "", false},
		"code of code": {`{"errorCode":{"code":"INVALID_AMOUNT"}}`, "", "", false},
	}
	for name, test := range tests {
		e := newError("POST /topups", &httpcall.Response{Status: 400, Body: []byte(test.body)}, time.Now())
		if e.Code != test.code || e.Message != test.message || e.Own != test.own {
			t.Errorf("%s: %+v", name, e)
		}
	}
	e := newError("POST /topups", &httpcall.Response{Status: 400, Body: []byte(
		`{"errorCode":"INVALID_INPUT_PROVIDED","message":"call +2348031234567","details":[{"field":"amount","issue":"missing"}]}`)}, time.Now())
	if len(e.Details) != 1 || e.Details[0].Field != "amount" || strings.Contains(e.Error(), "803") {
		t.Errorf("%v %+v", e, e)
	}
	if got, ok := AsError(fmt.Errorf("wrapped: %w", e)); !ok || got != e || errors.Is(e, ErrUnknownAction) {
		t.Errorf("%v, %v", got, ok)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, " 30 ": 30 * time.Second, "-5": 0, "soon": 0, "1e9": 0, "99999999999": 0,
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
