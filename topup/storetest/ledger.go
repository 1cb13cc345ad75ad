package storetest

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/shopspring/decimal"

	"topupq/topup"
)

var sameRecord = cmp.Options{
	cmp.Comparer(func(a, b decimal.Decimal) bool { return a.Equal(b) }),
	cmpopts.EquateEmpty(),
	cmpopts.IgnoreFields(topup.Topup{}, "Incidents"),
}

func createAndRead(t *testing.T, s topup.Store) {
	m := merchantOf(t)
	var ts []*topup.Topup
	for _, r := range refs(300) {
		ts = append(ts, order(m, r))
	}
	create(t, s, ts...)
	var ids []topup.ID
	for _, x := range ts {
		ids = append(ids, x.ID)
	}
	ids = slices.Insert(ids, 7, topup.NewID(m, "nobody"))
	got, err := s.GetMany(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	if got[7] != nil {
		t.Error("a record that was never created is there")
	}
	got = slices.Delete(got, 7, 8)
	if d := cmp.Diff(ts, got, sameRecord); d != "" {
		t.Errorf("read back (-want +got):\n%s", d)
	}
}

func createIsIdempotent(t *testing.T, s topup.Store) {
	m := merchantOf(t)
	create(t, s, order(m, "a"), order(m, "b"))
	res, err := s.Create(t.Context(), []*topup.Topup{order(m, "c"), order(m, "a"), order(m, "c"), order(m, "d")})
	if err != nil {
		t.Fatal(err)
	}
	var there []bool
	for _, r := range res {
		there = append(there, r.Existing != nil)
	}
	if want := []bool{false, true, true, false}; !slices.Equal(there, want) {
		t.Errorf("existing = %v, want %v", there, want)
	}
	if res[1].Existing == nil || res[1].Existing.Reference != "a" {
		t.Error("the existing record is not returned")
	}
	page, err := s.List(t.Context(), topup.Query{Merchant: m, From: start.Add(-time.Hour), To: start.Add(time.Hour)})
	if err != nil || len(page.Topups) != 4 {
		t.Errorf("listed %d (%v), want 4", len(page.Topups), err)
	}
}

func parallelCreates(t *testing.T, s topup.Store) {
	m := merchantOf(t)
	var written atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			res, err := s.Create(t.Context(), []*topup.Topup{order(m, "one")})
			if err != nil {
				t.Error(err)
			} else if res[0].Existing == nil {
				written.Add(1)
			}
		})
	}
	wg.Wait()
	if written.Load() != 1 {
		t.Errorf("written %d times, want once", written.Load())
	}
}

func keepsEveryField(t *testing.T, s topup.Store) {
	m := merchantOf(t)
	x := inBatch(order(m, "full"), "batabcdefghijklm", 17)
	x.Product = topup.Product{
		OperatorID: 1, UseLocalAmount: true, SenderPhone: "+1", RecipientEmail: "a@b", Mode: "sync", Recharge: "pinned", VoucherID: 2,
		FixedAmount: true, DeliverPIN: "sms", Service: "dth", OperatorCode: 3, Circle: 4, RechargeType: "1", Dest: "online", UserVars: []string{"a", "", "c"},
	}
	x.Metadata = map[string]string{"till": "7", "": "empty key", "k": ""}
	create(t, s, x)
	got := update(t, s, x.ID, func(x *topup.Topup) error {
		x.Resolved = &topup.Product{VoucherID: 121}
		x.Attempts, x.Tries, x.Resends, x.Absences, x.Contradictions, x.Checks = 1, 2, 3, 4, 5, 6
		x.Exposed, x.Unproved, x.Refreshed, x.PINVoid = true, true, true, true
		x.Claim = 1<<63 + 1
		x.SentAt, x.SendDeadline = start.Add(time.Second), start.Add(-time.Second)
		x.CheckedAt, x.ConfirmedAt, x.ClosedAt, x.RecoveredAt = start.Add(time.Hour), start.Add(2*time.Hour), start.Add(3*time.Hour), start.Add(4*time.Hour)
		x.Refusal = &topup.Failure{Code: topup.CodeInvalidAmount, Message: topup.FailureText(topup.CodeInvalidAmount), ProviderCode: "X"}
		x.Failure = &topup.Failure{Code: "never_seen", Message: "What was tried, and why it did not help."}
		x.Waiting = topup.CodeRateLimited
		x.ProviderReference, x.ProviderTransactionID, x.OperatorTransactionID = "p", "t", "o"
		x.Delivered = topup.Money{Amount: decimal.RequireFromString("0.00001"), Currency: "NGN"}
		x.Cost = topup.Money{Amount: decimal.RequireFromString("-1.5"), Currency: "USD"}
		x.Fee = topup.Money{Amount: decimal.RequireFromString("0.05"), Currency: "USD"}
		x.Usual = 12300 * time.Millisecond
		x.PIN = []byte{0, 1, 255}
		x.Predicted, x.Network = topup.Money{Amount: decimal.RequireFromString("1.23456"), Currency: "USD"}, "Cell C"
		x.Alternates, x.Home = []topup.ProviderName{topup.RechargeKit, topup.Reloadly}, topup.AAT
		x.History = append(x.History, topup.Move{At: start.Add(5 * time.Millisecond), From: topup.Accepted, To: topup.Held, Actor: "operator:ann", Reason: "odd", Attempt: 9, ProviderCode: "c", ProviderMessage: "m", Note: "n"})
		x.Callbacks = []topup.Callback{{Version: 2, Type: topup.EventReversed, State: topup.CallbackFailed, NextAt: start, Tries: 3, Attempts: []topup.CallbackAttempt{{At: start, Status: 500, Latency: 12 * time.Millisecond, Excerpt: "no"}, {At: start}}}}
		x.Extra = []byte{0xfa, 0x3e, 1, 7} // field 1007, bytes, "\a": from a newer version
		return nil
	})
	if d := cmp.Diff(got, get(t, s, x.ID), sameRecord); d != "" {
		t.Errorf("read back (-want +got):\n%s", d)
	}
}

func updateIsAtomic(t *testing.T, s topup.Store) {
	m := merchantOf(t)
	x := order(m, "counted")
	create(t, s, x)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				for {
					_, err := s.Update(t.Context(), x.ID, func(x *topup.Topup) error { x.Tries++; return nil })
					if err == nil {
						break
					}
					if !errors.Is(err, topup.ErrContention) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if got := get(t, s, x.ID); got.Tries != 40 || got.Rev != 40 {
		t.Errorf("tries %d, revision %d, want 40 and 40", got.Tries, got.Rev)
	}
}

func updateLeavesOnError(t *testing.T, s topup.Store) {
	m := merchantOf(t)
	x := order(m, "left")
	create(t, s, x)
	boom := errors.New("boom")
	if _, err := s.Update(t.Context(), x.ID, func(x *topup.Topup) error { x.Tries = 9; return boom }); !errors.Is(err, boom) {
		t.Errorf("error %v, want boom", err)
	}
	if _, err := s.Update(t.Context(), x.ID, func(x *topup.Topup) error { x.Tries = 9; return topup.ErrUnchanged }); err != nil {
		t.Errorf("unchanged is an error: %v", err)
	}
	if got := get(t, s, x.ID); got.Tries != 0 || got.Rev != 0 {
		t.Errorf("written although the change failed: %+v", got)
	}
}

func onlyOneClaimWins(t *testing.T, s topup.Store) {
	m := merchantOf(t)
	x := order(m, "claimed")
	create(t, s, x)
	var won atomic.Int64
	var wg sync.WaitGroup
	for token := range uint64(30) {
		wg.Go(func() {
			got, err := s.Update(t.Context(), x.ID, func(x *topup.Topup) error { return x.BeginSend(policy(), token+1, start.Add(time.Second)) })
			switch {
			case err == nil && got.Claim == token+1:
				won.Add(1)
			case !errors.Is(err, topup.ErrNotAllowed):
				t.Errorf("token %d: %v", token, err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d claims won, want 1", won.Load())
	}
}

func notFound(t *testing.T, s topup.Store) {
	if _, err := s.Get(t.Context(), topup.NewID("nobody", "nothing")); !errors.Is(err, topup.ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	if _, err := s.Update(t.Context(), topup.NewID("nobody", "nothing"), func(*topup.Topup) error { return nil }); !errors.Is(err, topup.ErrNotFound) {
		t.Errorf("Update: %v", err)
	}
	if _, err := s.GetBatch(t.Context(), topup.NewBatchID()); !errors.Is(err, topup.ErrNotFound) {
		t.Errorf("GetBatch: %v", err)
	}
}
