package rechargekit_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"topupq/clients/rechargekit"
)

func TestParseCallback(t *testing.T) {
	t.Parallel()
	want := rechargekit.Callback{PartnerRequestID: "ord1", OrderID: "o1", OpTransID: "op1", Status: number(t, "1"), Commission: number(t, "0")}
	withMsg := want
	withMsg.Msg = "success"
	noCommission := want
	noCommission.Commission = rechargekit.Number{}
	for name, tt := range map[string]struct {
		query, body string
		want        rechargekit.Callback
	}{
		"json with pid":     {"token=t", `{"status":1,"orderid":"o1","opttranid":"op1","pid":"ord1","commission":0}`, want},
		"json written out":  {"", ` {"partner_request_id":"ord1","status":"1","orderid":"o1","optransid":"op1","commission":"0","msg":"success"}`, withMsg},
		"query":             {"OrderId=o1&status=1&Optransid=op1&Prid=ord1&token=t", "", noCommission},
		"form":              {"token=t", "orderid=o1&status=1&opttranid=op1&pid=ord1&commission=0", want},
		"both names agree":  {"", `{"pid":"ord1","partnerreqid":"ord1","orderid":"o1","optransid":"op1","status":1}`, noCommission},
		"status unreadable": {"", `{"pid":"ord1","status":"done"}`, rechargekit.Callback{PartnerRequestID: "ord1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			query, err := url.ParseQuery(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			got, err := rechargekit.ParseCallback(query, []byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(rechargekit.Number{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseCallbackRefuses(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing": "", "no id": `{"status":1}`, "broken": `{"pid":"x"`, "ids differ": `{"pid":"a","partner_request_id":"b"}`,
		"bad form": "pid=%zz", "id is a list": `{"pid":["a"]}`, "member twice": `{"pid":"a","pid":"b"}`,
	} {
		if _, err := rechargekit.ParseCallback(url.Values{}, []byte(body)); !errors.Is(err, rechargekit.ErrCallback) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
