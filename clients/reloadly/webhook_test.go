package reloadly_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"topupq/clients/reloadly"
	"topupq/clients/reloadly/reloadlysim"
)

func TestVerifyCallback(t *testing.T) {
	t.Parallel()
	const secret = "signing-secret"
	now := time.Unix(1_790_000_000, 0)
	body := []byte(`{"type":"airtime_transaction.status","data":{}}`)
	stamp := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	millis := strconv.FormatInt(now.UnixMilli(), 10)
	sign := func(ts string) string { return reloadlysim.Sign(body, ts, secret) }
	tests := map[string]struct {
		body      []byte
		timestamp string
		signature string
		secret    reloadly.Secret
		want      error
	}{
		"good":              {body, stamp(0), sign(stamp(0)), secret, nil},
		"milliseconds":      {body, millis, sign(millis), secret, nil},
		"upper case":        {body, stamp(0), strings.ToUpper(sign(stamp(0))), secret, nil},
		"5 min old":         {body, stamp(-300 * time.Second), sign(stamp(-300 * time.Second)), secret, nil},
		"older":             {body, stamp(-301 * time.Second), sign(stamp(-301 * time.Second)), secret, reloadly.ErrCallbackTime},
		"from the future":   {body, stamp(301 * time.Second), sign(stamp(301 * time.Second)), secret, reloadly.ErrCallbackTime},
		"other body":        {append([]byte(" "), body...), stamp(0), sign(stamp(0)), secret, reloadly.ErrCallbackSignature},
		"other stamp":       {body, stamp(time.Second), sign(stamp(0)), secret, reloadly.ErrCallbackSignature},
		"other secret":      {body, stamp(0), sign(stamp(0)), "another", reloadly.ErrCallbackSignature},
		"no secret set":     {body, stamp(0), reloadlysim.Sign(body, stamp(0), ""), "", reloadly.ErrCallbackSignature},
		"no signature":      {body, stamp(0), "", secret, reloadly.ErrCallbackSignature},
		"not hex":           {body, stamp(0), "signature", secret, reloadly.ErrCallbackSignature},
		"half a signature":  {body, stamp(0), sign(stamp(0))[:32], secret, reloadly.ErrCallbackSignature},
		"stamp that is not": {body, "yesterday", sign("yesterday"), secret, reloadly.ErrCallbackTime},
		"no stamp":          {body, "", sign(""), secret, reloadly.ErrCallbackTime},
	}
	for name, test := range tests {
		if err := reloadly.VerifyCallback(test.body, test.timestamp, test.signature, test.secret, now); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

func TestParseCallback(t *testing.T) {
	t.Parallel()
	tests := map[string]reloadly.Callback{
		`{"type":"t","data":{"transaction":{"transactionId":7,"customIdentifier":"a"},"transactionId":8}}`: {Type: "t", TransactionID: "7", CustomIdentifier: "a"},
		`{"type":"t","data":{"transactionId":"8","customIdentifier":"b","transaction":null}}`:              {Type: "t", TransactionID: "8", CustomIdentifier: "b"},
		`{"transactionId":9}`: {TransactionID: "9"},
	}
	for body, want := range tests {
		got, err := reloadly.ParseCallback([]byte(body))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", body, err, diff)
		}
	}
	for _, body := range []string{``, `[]`, `{}`, `{"data":{"status":"SUCCESSFUL"}}`, `{"data":7}`} {
		if got, err := reloadly.ParseCallback([]byte(body)); err == nil {
			t.Errorf("%s: %+v", body, got)
		}
	}
}

func TestSimulatorsCallbacksVerify(t *testing.T) {
	t.Parallel()
	var got []reloadly.Callback
	status := http.StatusServiceUnavailable
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		ts, sig := r.Header.Get(reloadly.TimestampHeader), r.Header.Get(reloadly.SignatureHeader)
		if err := reloadly.VerifyCallback(body, ts, sig, "hook", time.Now()); err != nil {
			t.Errorf("verify: %v", err)
		}
		cb, err := reloadly.ParseCallback(body)
		if err != nil {
			t.Errorf("parse %s: %v", body, err)
		}
		got = append(got, cb)
		w.WriteHeader(status)
	}))
	defer receiver.Close()
	sim := reloadlysim.New(reloadlysim.Options{WebhookURL: receiver.URL, WebhookSecret: "hook"})
	c := newClient(t, sim)
	if _, err := c.TopupAsync(t.Context(), topupRequest("hooked")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Topup(t.Context(), topupRequest("sync")); err != nil {
		t.Fatal(err)
	}
	if n, err := sim.SendWebhooks(t.Context()); n != 0 || err == nil {
		t.Errorf("receiver away: %d, %v", n, err)
	}
	status = http.StatusOK
	for _, want := range []int{1, 0} {
		if n, err := sim.SendWebhooks(t.Context()); n != want || err != nil {
			t.Errorf("sent %d, %v, want %d", n, err, want)
		}
	}
	sim.RepeatWebhooks()
	if n, err := sim.SendWebhooks(t.Context()); n != 1 || err != nil {
		t.Errorf("repeated %d, %v", n, err)
	}
	for _, cb := range got {
		if cb.CustomIdentifier != "hooked" || cb.Type != "airtime_transaction.status" {
			t.Errorf("call-back %+v", cb)
		}
	}
}
