package clients

import (
	"testing"

	"github.com/shopspring/decimal"

	"topupq/clients/rechargekit"
	"topupq/topup"
)

// FuzzRechargeKitOutcome looks for an answer that is believed although it is about something else.
func FuzzRechargeKitOutcome(f *testing.F) {
	f.Add("0", "1", "", "", "")
	f.Add("0", "1", "ref", "10", "9679833706")
	f.Add("0", "3", "other", "10.0", "")
	f.Add("", "2", "ref", "-10", "x")
	f.Add("0", "1.0", "ref", "10.01", "")
	f.Fuzz(func(t *testing.T, code, status, reference, amount, number string) {
		var o rechargekit.Order
		var errs [3]error
		o.Error, errs[0] = rechargekit.ParseNumber(code)
		o.Status, errs[1] = rechargekit.ParseNumber(status)
		o.Amount, errs[2] = rechargekit.ParseNumber(amount)
		if errs != [3]error{} {
			return
		}
		o.PartnerReqID, o.MobileNo = reference, number
		out := rechargeKitOutcome(o, rechargeKitAsked{"ref", "9679833706", decimal.NewFromInt(10)})
		if out.Answer != topup.Delivered && out.Answer != topup.Refused {
			return
		}
		told, ok := o.Amount.Decimal()
		if reference != "" && reference != "ref" || ok && !told.Equal(decimal.NewFromInt(10)) || !o.Error.Told() {
			t.Fatalf("%v for error %q status %q reference %q amount %q", out.Answer, code, status, reference, amount)
		}
	})
}

// FuzzRechargeKitTexts looks for a refusal text that proves something although nobody has listed it.
func FuzzRechargeKitTexts(f *testing.F) {
	for _, seed := range []string{"Duplicate order, Order ID must be unique", "access denied.", "Insufficient balance", "Order not found", "process again", ""} {
		f.Add(seed, 200)
		f.Add(seed, 401)
	}
	p, err := NewRechargeKit(nil, RechargeKitConfig{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, status int) {
		e := &rechargekit.Error{HTTPStatus: status, Code: "1", Message: text}
		switch out := p.refusalOutcome(e); out.Answer {
		case topup.Unclear, topup.Duplicate:
		case topup.NotTaken:
			if status != 429 {
				t.Fatalf("not taken for HTTP %d %q", status, text)
			}
		default:
			t.Fatalf("%v for HTTP %d %q", out.Answer, status, text)
		}
		if out := p.statusRefusal(e); out.Answer != topup.Unclear && out.Answer != topup.Absent {
			t.Fatalf("status: %v for %q", out.Answer, text)
		}
	})
}

// BenchmarkRechargeKitOutcome measures the verdict on an answer that has been read.
func BenchmarkRechargeKitOutcome(b *testing.B) {
	code, _ := rechargekit.ParseNumber("0")
	status, _ := rechargekit.ParseNumber("1")
	o := rechargekit.Order{Error: code, Status: status, OrderID: "o", PartnerReqID: "ref", Msg: "success"}
	asked := rechargeKitAsked{"ref", "9679833706", decimal.NewFromInt(10)}
	b.ReportAllocs()
	for b.Loop() {
		if rechargeKitOutcome(o, asked).Answer != topup.Delivered {
			b.Fatal("not delivered")
		}
	}
}
