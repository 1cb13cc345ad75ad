package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"topupq/clients"
	"topupq/config"
	"topupq/intake"
	"topupq/topup"
)

// configOf loads the settings of an environment.
func configOf(t *testing.T, env map[string]string) config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "topupq.yaml")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path, func(name string) string { return env[name] }, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSettingsReachTheProviders: tables, words and denied lookups of the settings end up where they work.
func TestSettingsReachTheProviders(t *testing.T) {
	t.Parallel()
	p, err := newProviders(configOf(t, map[string]string{
		"TOPUPQ_AAT_USERNAME": "u", "TOPUPQ_AAT_PASSWORD": "p", "TOPUPQ_RECHARGEKIT_TOKEN": "t",
		"TOPUPQ_RECHARGEKIT_OPERATORS": "98:7", "TOPUPQ_RECHARGEKIT_CIRCLES": "9:3", "TOPUPQ_RECHARGEKIT_REFUSALS": "blocked:float_empty:^empty",
		"TOPUPQ_LOOKUPS_DENY": "aat.GetUserCredit,rechargekit.balanceCheck,reloadly.getAccountBalance",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"GetUserCredit"}, p.settings[topup.AAT].Denied); d != "" {
		t.Error(d)
	}
	quoter, ok := p.routes[topup.RechargeKit].Provider.(topup.Quoter)
	if !ok {
		t.Fatal("RechargeKit cannot quote")
	}
	q, err := quoter.Quote(t.Context(), topup.Order{Recipient: "+919812345670", Country: "IN", Amount: topup.FromMicros(1_000_000, "INR")})
	if err != nil || q.Refusal != nil || q.Product.OperatorCode != 7 || q.Product.Circle != 3 {
		t.Errorf("%+v, %v", q, err)
	}
	for _, deny := range []string{"aat.GetUserCredits", "acme.x", "aat", "GetUserCredit"} {
		_, err := newProviders(configOf(t, map[string]string{"TOPUPQ_AAT_USERNAME": "u", "TOPUPQ_AAT_PASSWORD": "p", "TOPUPQ_LOOKUPS_DENY": deny}))
		var usage *exitError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), "TOPUPQ_LOOKUPS_DENY") {
			t.Errorf("%s: %v", deny, err)
		}
	}
}

func TestRoutesOfTheSettings(t *testing.T) {
	t.Parallel()
	c := configOf(t, map[string]string{"TOPUPQ_ROUTES": "ZA/operator=MTN/merchant=merabcdefghij:aat>reloadly"})
	want := []intake.Route{
		{Country: "ZA", Providers: []topup.ProviderName{topup.AAT}}, {Country: "IN", Providers: []topup.ProviderName{topup.RechargeKit}},
		{Providers: []topup.ProviderName{topup.Reloadly}},
		{Country: "ZA", Operator: "MTN", Merchant: "merabcdefghij", Providers: []topup.ProviderName{topup.AAT, topup.Reloadly}},
	}
	if d := cmp.Diff(want, intakeRoutes(c.Routes)); d != "" {
		t.Error(d)
	}
	if got := routing(c.Routes)["ZA on MTN for merabcdefghij"]; got != topup.AAT {
		t.Errorf("%v", routing(c.Routes))
	}
}

// TestReloadlyCallbackIsVerified: only a call-back with a good signature and a fresh time stamp, in either unit, is read;
// what it is about may be our reference or Reloadly's number alone.
func TestReloadlyCallbackIsVerified(t *testing.T) {
	t.Parallel()
	read := reloadlyCallback(clients.NewReloadly(nil, clients.ReloadlyConfig{}), newLiveSecrets("secret"))
	id := string(topup.NewID("m", "r"))
	now := time.Now()
	seconds, millis := strconv.FormatInt(now.Unix(), 10), strconv.FormatInt(now.UnixMilli(), 10)
	old := strconv.FormatInt(now.Add(-6*time.Minute).Unix(), 10)
	both := `{"type":"airtime_transaction.status","data":{"transaction":{"transactionId":4602843,"customIdentifier":"` + id + `"}}}`
	number := `{"type":"airtime_transaction.status","data":{"transactionId":"4602843"}}`
	for name, k := range map[string]struct {
		body, stamp, secret string
		forged              bool
		want                []topup.Ref
	}{
		"seconds":          {both, seconds, "secret", false, []topup.Ref{{Reference: topup.ID(id), TransactionID: "4602843"}}},
		"milliseconds":     {both, millis, "secret", false, []topup.Ref{{Reference: topup.ID(id), TransactionID: "4602843"}}},
		"number alone":     {number, seconds, "secret", false, []topup.Ref{{TransactionID: "4602843"}}},
		"too old":          {both, old, "secret", true, nil},
		"another secret":   {both, seconds, "secrets", true, nil},
		"no time stamp":    {both, "", "secret", true, nil},
		"a stamp of words": {both, "now", "secret", true, nil},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		mac := hmac.New(sha256.New, []byte(k.secret))
		mac.Write([]byte(k.body + ":" + k.stamp))
		r.Header.Set("X-Reloadly-Request-Timestamp", k.stamp)
		r.Header.Set("X-Reloadly-Signature", hex.EncodeToString(mac.Sum(nil)))
		refs, err := read(r, []byte(k.body))
		if errors.Is(err, intake.ErrForged) != k.forged || !k.forged && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(k.want, refs); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestBulkSMSReportsAreRead(t *testing.T) {
	t.Parallel()
	reports := func(c config.BulkSMS) intake.ReportSettings {
		return (&node{cfg: config.Config{BulkSMS: c}}).smsReports()
	}
	if s := reports(config.BulkSMS{TokenID: "i", TokenSecret: "s"}); len(s.Tokens()) != 0 {
		t.Error("reports are taken without a token")
	}
	s := reports(config.BulkSMS{TokenID: "i", TokenSecret: "s", CallbackToken: "t"})
	got, err := s.Read([]byte(`[
		{"id":"1","type":"SENT","userSuppliedId":"abc","status":{"id":"DELIVERED.null","type":"DELIVERED","subtype":null}},
		{"id":"2","type":"SENT","status":{"type":"FAILED","subtype":"BLOCKED"}},
		{"id":"3","type":"SENT","status":{"type":"FAILED","subtype":"<script>"}},
		{"id":"4","type":"RECEIVED","status":{"type":"MADE_UP"}}]`))
	if err != nil {
		t.Fatal(err)
	}
	want := []topup.SMSReport{
		{Topup: "abc", Message: "1", Status: "DELIVERED", Final: true}, {Message: "2", Status: "FAILED.BLOCKED", Final: true},
		{Message: "3", Status: "FAILED", Final: true}, {Message: "4", Status: "OTHER"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if list, err := s.Read([]byte(`[]`)); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := s.Read([]byte(`{}`)); err == nil {
		t.Error("no list is read")
	}
}
