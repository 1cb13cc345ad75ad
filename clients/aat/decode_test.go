package aat

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
)

// results maps each call to what its recorded answer holds, every member of it.
func results() map[string]struct {
	file string
	want any
} {
	type result = struct {
		file string
		want any
	}
	rand := decimal.RequireFromString
	recharge := result{"recharge_info.xml", RechargeInfo{
		VoucherPIN: "0000000011180837", OrderRef: "98187964", TicketNumber: "SAWPK7G7HN6D", BoxNumber: "13004934", BatchNumber: "130049348",
	}}
	namespaced := recharge
	namespaced.file = "recharge_info_namespaced.xml"
	return map[string]result{
		"GetNetwork":     {"network_info.xml", NetworkInfo{2, "MTN"}},
		"GetNetworkList": {"network_list.xml", []NetworkInfo{{1, "Vodacom"}, {2, "MTN"}, {9, "Telkom Mobile"}, {12, "Virgin Mobile"}}},
		"GetVoucherType": {"voucher_types.xml", []VoucherTypeInfo{{13, 2, "Airtime Voucher", false}, {2, 2, "SMS Bundle", false}, {17, 2, "Data Bundle Voucher", true}}},
		"GetVoucher": {"vouchers.xml", []VoucherDetails{
			{120, "MTN R5.00 voucher", "MTN R5.00 voucher", rand("5.00"), rand("5.00"), true},
			{121, "MTN R2.00 voucher", "MTN R2.00 voucher", rand("2.00"), rand("2.00"), true},
		}},
		"PerformPinlessRecharge":                        recharge,
		"PerformPinnedRecharge":                         namespaced,
		"PerformPinnedRechargeWithoutMsisdn":            recharge,
		"PerformPinlessRechargeFixedAmount":             namespaced,
		"PerformPinnedRechargeFixedAmount":              recharge,
		"PerformPinnedRechargeWithoutMsisdnFixedAmount": namespaced,
		"GetUserCredit":                                 {"user_credit.xml", UserCredit{1, "Test", rand("22")}},
		"GetTransactionInfo": {"transaction_info.xml", TransactionVoucherInfo{
			MSISDN: "27810236221", Amount: rand("5"), VoucherType: "66", VoucherPIN: "000004989989", TicketNumber: "13138475906",
			OrderRef: "98187965", BoxNumber: "5007364", BatchNumber: "50134643", ExpiryDate: "0001-01-01T00:00:00", Status: "OK",
		}},
		"GetTransactionCount": {"total_transaction.xml", TotalTransaction{"2016-01-01T00:00:00", "2016-01-06T00:00:00", 0}},
		"GetUserStatus":       {"user_status.xml", UserStatus{"testing", true}},
	}
}

// TestRecordedAnswers decodes the guide's answers, plain and as the live service frames them, without loss.
func TestRecordedAnswers(t *testing.T) {
	t.Parallel()
	for _, call := range testCalls() {
		want := results()[call.name]
		body := recorded(t, want.file)
		for _, body := range [][]byte{body, append([]byte("\xef\xbb\xbf"), body...), append([]byte("<!-- x -->\r\n "), trimDeclaration(body)...)} {
			got, err := call.call(t.Context(), newTestClient(t, serve(t, 200, "text/xml; charset=utf-8", body), ""))
			if err != nil || !cmp.Equal(got, want.want) {
				t.Errorf("%s: %v\n%s", call.name, err, cmp.Diff(want.want, got))
			}
		}
	}
}

func trimDeclaration(body []byte) []byte {
	_, rest, found := strings.Cut(string(body), "?>")
	if !found {
		return body
	}
	return []byte(rest)
}

// TestRecordedErrors decodes the guide's error answers.
func TestRecordedErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		call, file string
		kind       Kind
		text       string
	}{
		{"GetNetwork", "network_info_none.xml", KindNoNetwork, "no network found"},
		{"GetNetwork", "network_info_bad_msisdn.xml", KindInvalidMSISDN, "invalid msisdn."},
		{"GetNetworkList", "network_list_unauthorised.xml", KindUnauthorized, "unAuthorised user."},
		{"GetVoucherType", "voucher_types_none.xml", KindNoVoucherTypes, "no voucher types found for network."},
		{"GetVoucher", "vouchers_no_network.xml", KindNoNetwork, "no Network found."},
		{"GetVoucher", "vouchers_none.xml", KindNoVoucher, "no Voucher found."},
		{"GetUserCredit", "user_credit_unauthorized.xml", KindUnauthorized, "unauthorized"},
		{"GetUserStatus", "user_status_unauthorized.xml", KindUnauthorized, "unauthorized"},
		{"GetTransactionInfo", "transaction_info_none.xml", KindNoTransaction, "no transaction information found"},
		{"PerformPinnedRechargeWithoutMsisdn", "recharge_info_duplicate.xml", KindDuplicate, "client reference already use"},
	} {
		for _, call := range testCalls() {
			if call.name != test.call {
				continue
			}
			_, err := call.call(t.Context(), newTestClient(t, serve(t, 200, "text/xml", recorded(t, test.file)), ""))
			var api *APIError
			if !errors.As(err, &api) || api.Kind != test.kind || api.Text != test.text || api.Op != test.call {
				t.Errorf("%s: got %+v, want %s %q", test.file, err, test.kind, test.text)
			}
		}
	}
}

// TestKindOf holds the table against every text that the guide prints, with its stray spaces and variables.
func TestKindOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Kind{
		"no network found":                                   KindNoNetwork,
		"no Network found. ":                                 KindNoNetwork,
		"invalid msisdn. ":                                   KindInvalidMSISDN,
		"unAuthorised user. ":                                KindUnauthorized,
		"unauthorized":                                       KindUnauthorized,
		"UnAuthorized User":                                  KindUnauthorized,
		"no voucher types found for network. ":               KindNoVoucherTypes,
		"no Voucher found. ":                                 KindNoVoucher,
		"no transaction information found":                   KindNoTransaction,
		"voucher id doesn't exist for mobile network":        KindNoSuchVoucher,
		"voucher id doesn't exist for mobile network MTN":    KindNoSuchVoucher,
		"voucher id doesn’t exist for mobile network Cell C": KindNoSuchVoucher,
		"invalid amount. Amount needs to be between R2 and R5 (Max Recharge Amount Set: R5)":                                                               KindInvalidAmount,
		"invalid amount. Amount needs to be between R2 and R5 (Max Recharge Amount Set: R5) ":                                                              KindInvalidAmount,
		"invalid amount. Amount needs to exactly be: 2":                                                                                                    KindInvalidAmount,
		"This isn't a fixed amount voucher. You need to use the PerformPinlessRecharge, PerformPinnedRecharge, PerformPinnedRechargeWithoutMsisdn calls. ": KindNotFixedAmount,
		"Invalid recharge Cell No provided":                                                                                                                KindInvalidRecipient,
		"insufficient credit to complete the transaction. Current credit - R1":                                                                             KindInsufficientCredit,
		"insufficient credit to complete the transaction. Current credit - R0.25":                                                                          KindInsufficientCredit,
		"client reference already used ":                                                                                                                   KindDuplicate,
		"client reference already used. ":                                                                                                                  KindDuplicate,
		"client reference already use ":                                                                                                                    KindDuplicate,
		"\r\n CLIENT REFERENCE ALREADY USED":                                                                                                               KindDuplicate,
		"":                                                                                                                                                 KindOther,
		"network is down":                                                                                                                                  KindOther,
		"the client reference already used":                                                                                                                KindOther,
		"insufficient":                                                                                                                                     KindOther,
	} {
		if got := KindOf(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	for _, row := range Kinds() {
		if KindOf(row.Prefix) != row.Kind || row.Prefix != strings.ToLower(strings.TrimSpace(row.Prefix)) {
			t.Errorf("row %+v does not find itself", row)
		}
	}
}

// undecodable are answers to PerformPinlessRecharge after which nothing is known.
var undecodable = map[string]string{
	"empty":              "",
	"blank":              " \r\n",
	"text":               "OK",
	"html":               "<html><body>Bad Gateway</body></html>",
	"json":               `{"TransactionError":false,"OrderRef":"1"}`,
	"another root":       "<UserCredit><TransactionError>false</TransactionError><OrderRef>1</OrderRef></UserCredit>",
	"empty element":      "<RechargeInfo/>",
	"success of nothing": "<RechargeInfo><TransactionError>false</TransactionError></RechargeInfo>",
	"blank numbers":      "<RechargeInfo><OrderRef> </OrderRef><TransactionError>false</TransactionError></RechargeInfo>",
	"no boolean":         "<RechargeInfo><OrderRef>1</OrderRef></RechargeInfo>",
	"blank boolean":      "<RechargeInfo><OrderRef>1</OrderRef><TransactionError/></RechargeInfo>",
	"word":               "<RechargeInfo><OrderRef>1</OrderRef><TransactionError>maybe</TransactionError></RechargeInfo>",
	"twice":              "<RechargeInfo><OrderRef>1</OrderRef><TransactionError>false</TransactionError><TransactionError>true</TransactionError></RechargeInfo>",
	"number twice":       "<RechargeInfo><OrderRef>1</OrderRef><OrderRef>2</OrderRef><TransactionError>false</TransactionError></RechargeInfo>",
	"one number twice":   "<RechargeInfo><OrderRef>1</OrderRef><TicketNumber>1</TicketNumber><TicketNumber>2</TicketNumber><TransactionError>false</TransactionError></RechargeInfo>",
	"success with error": "<RechargeInfo><OrderRef>1</OrderRef><TransactionError>false</TransactionError><Error>no</Error></RechargeInfo>",
	"error without text": "<RechargeInfo><TransactionError>true</TransactionError></RechargeInfo>",
	"error alone":        "<RechargeInfo><Error>client reference already used</Error></RechargeInfo>",
	"object for text":    "<RechargeInfo><OrderRef><a>1</a></OrderRef><TransactionError>false</TransactionError></RechargeInfo>",
	"truncated":          "<RechargeInfo><OrderRef>1</OrderRef><TransactionError>false</TransactionError></Rechar",
	"crossed":            "<RechargeInfo><OrderRef>1<TransactionError></OrderRef>false</TransactionError></RechargeInfo>",
	"wrong end":          "<RechargeInfo><OrderRef>1</TicketNumber><TransactionError>false</TransactionError></RechargeInfo>",
	"other prefix":       "<a:RechargeInfo><OrderRef>1</OrderRef><TransactionError>false</TransactionError></b:RechargeInfo>",
	"crossed far down":   "<RechargeInfo><x><y><z></y></z></x><OrderRef>1</OrderRef><TransactionError>false</TransactionError></RechargeInfo>",
	"cut far down":       "<RechargeInfo><x><y><z>",
	"trailing end":       "<RechargeInfo><OrderRef>1</OrderRef><TransactionError>false</TransactionError></RechargeInfo></x>",
	"trailing element":   "<RechargeInfo><OrderRef>1</OrderRef><TransactionError>false</TransactionError></RechargeInfo><x/>",
	"trailing text":      "<RechargeInfo><OrderRef>1</OrderRef><TransactionError>false</TransactionError></RechargeInfo>x",
	"leading text":       "x<RechargeInfo><OrderRef>1</OrderRef><TransactionError>false</TransactionError></RechargeInfo>",
	"another charset":    `<?xml version="1.0" encoding="utf-16"?><RechargeInfo><OrderRef>1</OrderRef><TransactionError>false</TransactionError></RechargeInfo>`,
	"NUL":                "<RechargeInfo><OrderRef>\x00</OrderRef><TransactionError>false</TransactionError></RechargeInfo>",
	"unknown entity":     "<RechargeInfo><OrderRef>&x;</OrderRef><TransactionError>false</TransactionError></RechargeInfo>",
}

func TestUndecodable(t *testing.T) {
	t.Parallel()
	for name, body := range undecodable {
		c := newTestClient(t, serve(t, 200, "text/xml", []byte(body)), "")
		info, err := c.PerformPinlessRecharge(t.Context(), RechargeRequest{})
		var ue *UndecodableError
		if !errors.As(err, &ue) || !Reached(err) || info != (RechargeInfo{}) {
			t.Errorf("%s: got %+v, %v", name, info, err)
		}
	}
}

// TestUndecodableReads: numbers of other types, and members that must be there, for the calls that read.
func TestUndecodableReads(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ call, body string }{
		{"GetUserCredit", "<UserCredit><Id>1</Id></UserCredit>"},
		{"GetUserCredit", "<UserCredit><Id>1</Id><RemainingCredit>2,50</RemainingCredit></UserCredit>"},
		{"GetUserCredit", "<UserCredit><Id>1</Id><RemainingCredit>1e9</RemainingCredit></UserCredit>"},
		{"GetUserCredit", "<UserCredit><Id>1</Id><RemainingCredit>1-2</RemainingCredit></UserCredit>"},
		{"GetUserCredit", "<UserCredit><Id>99999999999</Id><RemainingCredit>1</RemainingCredit></UserCredit>"},
		{"GetNetwork", "<NetworkInfo><Name>MTN</Name></NetworkInfo>"},
		{"GetNetworkList", "<ArrayOfNetworkInfo><NetworkInfo><Id>x</Id></NetworkInfo></ArrayOfNetworkInfo>"},
		{"GetVoucherType", "<ArrayOfVoucherTypeInfo><VoucherTypeInfo><Id>1</Id><NetworkId>1</NetworkId></VoucherTypeInfo></ArrayOfVoucherTypeInfo>"},
		{"GetVoucher", "<ArrayOfVoucherDetails><VoucherDetails><Id>1</Id></VoucherDetails></ArrayOfVoucherDetails>"},
		{"GetTransactionInfo", "<TransactionVoucherInfo><Amount>5</Amount></TransactionVoucherInfo>"},
		{"GetTransactionInfo", "<TransactionVoucherInfo><Amount>five</Amount><Status>OK</Status></TransactionVoucherInfo>"},
		{"GetTransactionInfo", "<TransactionVoucherInfo><Amount>5</Amount><Status>OK</Status><Status>Failed</Status></TransactionVoucherInfo>"},
		{"GetTransactionCount", "<TotalTransaction/>"},
		{"GetUserStatus", "<UserStatus><Enabled>yes</Enabled></UserStatus>"},
	} {
		for _, call := range testCalls() {
			if call.name != test.call {
				continue
			}
			got, err := call.call(t.Context(), newTestClient(t, serve(t, 200, "text/xml", []byte(test.body)), ""))
			var ue *UndecodableError
			if !errors.As(err, &ue) {
				t.Errorf("%s: got %+v, %v", test.body, got, err)
			}
		}
	}
	c := newTestClient(t, serve(t, 200, "text/xml", []byte("<ArrayOfNetworkInfo />")), "")
	if list, err := c.GetNetworkList(t.Context()); err != nil || list == nil || len(list) != 0 {
		t.Errorf("an empty list: %v, %v", list, err)
	}
}

func TestExpires(t *testing.T) {
	t.Parallel()
	if at, ok := (TransactionVoucherInfo{ExpiryDate: "2027-06-30T23:59:00"}).Expires(); !ok || at.UTC().Format("2006-01-02 15:04") != "2027-06-30 21:59" {
		t.Errorf("got %v, %v", at, ok)
	}
	for _, none := range []string{"", "0001-01-01T00:00:00", "tomorrow"} {
		if _, ok := (TransactionVoucherInfo{ExpiryDate: none}).Expires(); ok {
			t.Errorf("%q is an expiry", none)
		}
	}
}

func TestPINNeverPrints(t *testing.T) {
	t.Parallel()
	for _, v := range []any{RechargeInfo{VoucherPIN: "0000000011180837"}, TransactionVoucherInfo{VoucherPIN: "0000000011180837"}} {
		if printed := fmt.Sprintf("%v %+v %#v", v, v, v); strings.Contains(printed, "11180837") {
			t.Errorf("the PIN is in %s", printed)
		}
	}
}

// FuzzDecodeRecharge: no body makes the decoder panic, and a success has a number, an error a text.
func FuzzDecodeRecharge(f *testing.F) {
	f.Add(recorded(f, "recharge_info.xml"))
	f.Add(recorded(f, "recharge_info_namespaced.xml"))
	f.Add(recorded(f, "recharge_info_duplicate.xml"))
	for _, body := range undecodable {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		root, err := parse(body, "RechargeInfo")
		if err != nil {
			return
		}
		root.op, root.redact = "PerformPinlessRecharge", strings.TrimSpace
		info, err := decodeRecharge(root)
		var api *APIError
		switch {
		case err == nil && info == RechargeInfo{}:
			t.Errorf("success of nothing: %q", body)
		case err != nil && info != RechargeInfo{}:
			t.Errorf("error and success: %q", body)
		case errors.As(err, &api) && api.Text == "":
			t.Errorf("refusal without text: %q", body)
		}
	})
}

// wellFormed reads a document with all the checks of encoding/xml.
func wellFormed(body []byte) error {
	dec := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
	for {
		if _, err := dec.Token(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// FuzzDecodeReads: no body makes the decoders of the reading calls panic, and what they read is well-formed.
func FuzzDecodeReads(f *testing.F) {
	for _, result := range results() {
		f.Add(recorded(f, result.file))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, root := range []string{"NetworkInfo", "ArrayOfVoucherDetails", "TransactionVoucherInfo", "UserCredit"} {
			n, err := parse(body, root)
			if err != nil {
				continue
			}
			if err := wellFormed(body); err != nil {
				t.Fatalf("read although it is not whole: %q: %v", body, err)
			}
			n.redact = strings.TrimSpace
			m := members{node: n}
			m.amount("Amount")
			m.integer("Id")
			m.boolean("Enabled")
			_ = list(n, "VoucherDetails", func(m *members) { m.amount("MaxAmount") })
		}
	})
}

// BenchmarkDecodeRecharge decodes and classifies answers of about 1 KB.
func BenchmarkDecodeRecharge(b *testing.B) {
	pad := "<Description>" + strings.Repeat("x", 700) + "</Description>"
	for name, body := range map[string]string{
		"success": string(recorded(b, "recharge_info.xml")), "refusal": string(recorded(b, "recharge_info_duplicate.xml")),
	} {
		body := []byte(strings.Replace(body, "</RechargeInfo>", pad+"</RechargeInfo>", 1))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				root, err := parse(body, "RechargeInfo")
				if err != nil {
					b.Fatal(err)
				}
				root.redact = func(s string) string { return s }
				if _, err = decodeRecharge(root); err != nil && !errors.As(err, new(*APIError)) {
					b.Fatal(err)
				}
			}
		})
	}
}
