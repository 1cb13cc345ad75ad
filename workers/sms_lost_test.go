package workers

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"go.uber.org/zap"

	"topupq/topup"
)

// deaf is a bell that loses what it is rung for.
type deaf struct{ *bench }

func (deaf) SMS(context.Context, topup.ID) error { return errors.New("queue away") }

// TestTextOutlivesItsJob: whatever becomes of the job that should send a PIN, the text is owed from before the voucher was
// bought until it was taken.
func TestTextOutlivesItsJob(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.submit.Bell, b.submit.Texts = deaf{b}, b.store
	b.provider.submit = answer(topup.Outcome{Answer: topup.Delivered, PIN: "0000000011180837", Network: "MTN"})
	x := &topup.Topup{
		ID: topup.NewID("merx", "v"), Merchant: "merx", Reference: "v", Recipient: "+27831234567", Country: "ZA", Provider: topup.AAT,
		Amount:    topup.Money{Amount: decimal.New(2, 0), Currency: "ZAR"},
		Product:   topup.Product{Recharge: topup.RechargePinned, DeliverPIN: topup.DeliverBySMS},
		ExpiresAt: b.clock().Add(24 * time.Hour),
	}
	check(t, x.Accept(topup.ActorIntake, b.clock()))
	if _, err := b.store.Create(t.Context(), []*topup.Topup{x}); err != nil {
		t.Fatal(err)
	}
	check(t, b.run(x.ID))
	sold := b.get(x.ID)
	if sold.State != topup.Succeeded || sold.Network != "MTN" || len(sold.PIN) == 0 {
		t.Fatalf("%s, network %q", sold.State, sold.Network)
	}
	due := func() []topup.ID {
		ids, err := b.store.DueSMS(t.Context(), b.clock(), b.clock().Add(time.Minute), 10)
		check(t, err)
		return ids
	}
	if got := due(); len(got) != 0 {
		t.Errorf("owed at once: %v", got)
	}
	b.pass(textWait)
	if got := due(); !slices.Equal(got, []topup.ID{x.ID}) {
		t.Fatalf("a lost job is not rung for again: %v", got)
	}
	p := newPhone()
	sms := NewSMS(SMSConfig{Store: b.store, Ledger: b.store, Texter: p, Keyring: b.submit.Keyring, Log: zap.NewNop(), Now: b.clock})
	check(t, sms.ProcessTask(t.Context(), smsTask(x.ID)))
	b.pass(time.Hour)
	if got := due(); len(got) != 0 || len(p.texts) != 1 {
		t.Errorf("%d texts, still owed: %v", len(p.texts), got)
	}
	if after := b.get(x.ID); after.Rev != sold.Rev {
		t.Error("the text has changed the sale")
	}
}
