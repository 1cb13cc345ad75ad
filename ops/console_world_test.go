package ops

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/shopspring/decimal"

	"topupq/operator"
	"topupq/ops/console"
	"topupq/topup"
	"topupq/topup/redisstore"
)

// world is a console over a store with something of everything in it.
type world struct {
	*httptest.Server
	store *redisstore.Store
	m     topup.MerchantID
	now   time.Time
}

// quiet rings nothing.
type quiet struct{}

func (quiet) SendsAgain(context.Context, topup.ProviderName, []topup.Due) error { return nil }
func (quiet) Checks(context.Context, topup.ProviderName, []topup.Due) error     { return nil }
func (quiet) Callback(context.Context, string) error                            { return nil }

func newWorld(t *testing.T) *world {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	w := &world{store: redisstore.Open(rdb, redisstore.Options{}), m: "merchantexample", now: time.Now().UTC().Truncate(time.Millisecond)}
	t.Cleanup(func() { w.store.Close(); _ = rdb.Close() })
	limits, err := operator.ParseLimits("100 ZAR")
	must(t, err)
	desk, err := operator.New(operator.Config{
		Store: w.store, Bell: quiet{}, Providers: []topup.ProviderName{topup.AAT, topup.Reloadly}, TwoPeopleAbove: limits,
	})
	must(t, err)
	board, err := console.New(console.Config{
		Desk: desk,
		Balances: func(context.Context) []console.Balance {
			return []console.Balance{
				{Provider: topup.AAT, Left: zar("812.40"), At: w.now}, {Provider: topup.Reloadly, At: w.now, Err: "it cannot be read at the moment"},
			}
		},
		Queues: func(context.Context) ([]console.Queue, error) {
			return []console.Queue{{Name: "submit:aat", Pending: 12, Active: 4, Latency: 800 * time.Millisecond}, {Name: "callback", Retry: 2, Archived: 1, Paused: true}}, nil
		},
	})
	must(t, err)
	users := []User{
		{Name: "vera", Password: "v-pass", Role: RoleViewer}, {Name: "otto", Password: "o-pass", Role: RoleOperator}, {Name: "anna", Password: "a-pass", Role: RoleAdmin},
	}
	h, err := New(Config{Redis: rdb, Users: users, Console: board})
	must(t, err)
	w.Server = httptest.NewServer(h)
	t.Cleanup(w.Close)
	w.fill(t)
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func zar(s string) topup.Money {
	return topup.Money{Amount: decimal.RequireFromString(s), Currency: "ZAR"}
}

// fill puts top-ups of every kind into the store, and an hour of figures.
func (w *world) fill(t *testing.T) {
	t.Helper()
	must(t, w.store.PutMerchant(t.Context(), &topup.Merchant{ID: w.m, Name: "Corner shop", CreatedAt: w.now}))
	for i := range 6 {
		w.add(t, fmt.Sprintf("held-%d", i+1), "29.00", time.Hour, topup.Outcome{Answer: topup.Blocked, Code: topup.CodeFloatEmpty, ProviderCode: "106", ProviderMessage: "insufficient funds"})
	}
	for i := range 4 {
		w.add(t, fmt.Sprintf("pending-%d", i+1), "55.00", time.Duration(i*25+1)*time.Minute, topup.Outcome{Answer: topup.InProgress})
	}
	w.add(t, "lost-1", "12.00", 2*time.Minute, topup.Outcome{Code: topup.CodeAnswerLost})
	w.add(t, "done-1", "10.00", 10*time.Minute, topup.Outcome{Answer: topup.Delivered, Reference: "AAT-7781", TransactionID: "99123", OperatorID: "MTN-5", Cost: zar("9.72")})
	w.add(t, "refused-1", "10.00", 9*time.Minute, topup.Outcome{Answer: topup.Refused, Code: topup.CodeInvalidRecipient, ProviderCode: "12"})
	w.add(t, "stuck-small", "80.00", 60*time.Hour, topup.Outcome{})
	w.add(t, "stuck-large", "450.00", 50*time.Hour, topup.Outcome{})
	must(t, w.store.KeepExchanges(t.Context(), map[topup.ID][]topup.Exchange{topup.NewID(w.m, "lost-1"): {{
		At: w.now.Add(-2*time.Minute + 200*time.Millisecond), Kind: topup.ExchangeSubmit, Call: "GET PerformPinlessRecharge", Took: 1100 * time.Millisecond,
		Failure: "timeout", Code: topup.CodeAnswerLost,
	}, {At: w.now.Add(-time.Minute), Kind: topup.ExchangeCheck, Call: "GET GetTransactionInfo", Took: 90 * time.Millisecond, Status: 500, Text: "Service Unavailable"}}}))
	for i := range 60 {
		at := w.now.Add(-time.Duration(i) * time.Minute)
		n := int64(40 + 25*(i%7) + i)
		must(t, w.store.AddPulse(t.Context(), at, map[string]int64{
			"accepted:aat": n, "closed:aat:41:succeeded": n - 3, "closed:aat:41:failed": 2, "closed:reloadly:173:succeeded": 8,
			"closed:reloadly::failed": 1, "callback:ok": n - 5, "callback:failed": int64(i % 5), "settle:0": 4, "settle:2": n / 2, "settle:4": 9, "settle:7": 1,
			"spent:aat:ZAR": 4_00000,
		}))
	}
	must(t, w.store.TellAway(t.Context(), "host/1/x", map[topup.ProviderName]time.Time{topup.Reloadly: w.now.Add(-3 * time.Minute)}, w.now.Add(time.Hour)))
	must(t, w.store.SetPause(t.Context(), topup.PauseScope{Kind: topup.PauseByProvider, Name: "aat"}, topup.Pause{
		Reason: topup.CodeFloatEmpty, Actor: topup.ActorWorker, Since: w.now.Add(-time.Minute), Until: w.now.Add(40 * time.Second), Strikes: 3,
	}))
}

var worldPolicy = topup.Policy{
	Plan:   topup.Plan{Early: []time.Duration{time.Minute}, Interval: time.Hour, Count: 3, EndOfDay: topup.TimeOfDay(23 * time.Hour), Confirm: topup.ConfirmHourly},
	Traits: topup.Traits{RefusesRepeat: true}, Timeout: 20 * time.Second, Margin: 5 * time.Second,
}

// add sends one top-up, that long ago, with that answer; an old one without an outcome becomes unresolved.
func (w *world) add(t *testing.T, ref, amount string, age time.Duration, o topup.Outcome) {
	t.Helper()
	at := w.now.Add(-age)
	x := &topup.Topup{
		ID: topup.NewID(w.m, ref), Merchant: w.m, Reference: ref, Recipient: "+27831234567", Country: "ZA", Provider: topup.AAT,
		Amount: zar(amount), Product: topup.Product{VoucherID: 41}, ExpiresAt: at.Add(96 * time.Hour),
	}
	must(t, x.Accept(topup.ActorIntake, at))
	_, err := w.store.Create(t.Context(), []*topup.Topup{x})
	must(t, err)
	_, err = w.store.Update(t.Context(), x.ID, func(x *topup.Topup) error {
		if err := x.BeginSend(worldPolicy, 9, at.Add(120*time.Millisecond)); err != nil {
			return err
		}
		if err := x.RecordSend(worldPolicy, 9, o, at.Add(1400*time.Millisecond)); err != nil || age < 48*time.Hour {
			return err
		}
		return x.RecordCheck(worldPolicy, topup.Outcome{}, w.now.Add(-time.Hour))
	})
	must(t, err)
}

func (w *world) state(t *testing.T, ref string) topup.State {
	t.Helper()
	x, err := w.store.Get(t.Context(), topup.NewID(w.m, ref))
	must(t, err)
	return x.State
}
