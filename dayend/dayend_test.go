package dayend_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/shopspring/decimal"
	"go.uber.org/zap"

	"topupq/archive"
	"topupq/dayend"
	"topupq/jobs"
	"topupq/reconcile"
	"topupq/topup"
	"topupq/topup/redisstore"
)

// books is a provider that lists what it has booked.
type books struct {
	topup.Provider
	lines   []topup.Listed
	balance decimal.Decimal
	pages   int
	fails   error
}

func (b *books) Balance(context.Context) (topup.Money, error) {
	return topup.Money{Amount: b.balance, Currency: "USD"}, b.fails
}

func (b *books) List(ctx context.Context, _, _ time.Time) iter.Seq2[topup.Listed, error] {
	return func(yield func(topup.Listed, error) bool) {
		for i, l := range b.lines {
			if i%10 == 0 {
				b.pages++
				if err := topup.Spend(ctx); err != nil {
					yield(topup.Listed{}, err)
					return
				}
			}
			if !yield(l, nil) {
				return
			}
		}
	}
}

// desk is a closer over an embedded store, a provider and an archive.
type desk struct {
	*dayend.Closer
	t        *testing.T
	store    *redisstore.Store
	provider *books
	shelf    archive.Shelf
	policy   topup.Policy
	now      time.Time
}

var morning = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

const date = "2026-11-23"

func newDesk(t *testing.T, budget int64) *desk {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	d := &desk{t: t, store: redisstore.Open(rdb, redisstore.Options{}), provider: &books{balance: decimal.New(1000, 0)}, now: morning}
	t.Cleanup(d.store.Close)
	plan := topup.Plan{Early: []time.Duration{time.Minute}, Interval: time.Hour, Count: 3, EndOfDay: topup.TimeOfDay(23*time.Hour + 30*time.Minute), Confirm: topup.ConfirmNone}
	d.policy = topup.Policy{Plan: plan, Traits: topup.Traits{RefusesRepeat: true, AbsenceByAnswer: true}, Timeout: time.Minute, Margin: time.Second}
	var err error
	if d.shelf, err = archive.OpenDirectory(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	d.Closer, err = dayend.New(dayend.Config{
		Store: d.store, Shelf: d.shelf, Log: zap.NewNop(), Now: func() time.Time { return d.now },
		Providers: map[topup.ProviderName]dayend.Provider{topup.Reloadly: {Provider: d.provider, Plan: plan, Budget: budget}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.store.PutMerchant(t.Context(), &topup.Merchant{ID: "mer1", Name: "one", CreatedAt: morning}); err != nil {
		t.Fatal(err)
	}
	return d
}

// send makes a top-up that the provider answers, and lists it as an honest provider does.
func (d *desk) send(reference string, answer topup.Answer) *topup.Topup {
	d.t.Helper()
	x := &topup.Topup{
		ID: topup.NewID("mer1", reference), Merchant: "mer1", Reference: reference, Provider: topup.Reloadly, Recipient: "+2348031234567", Country: "NG",
		Amount: topup.Money{Amount: decimal.New(5, 0), Currency: "USD"},
	}
	if err := x.Accept(topup.ActorIntake, d.now); err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.store.Create(d.t.Context(), []*topup.Topup{x}); err != nil {
		d.t.Fatal(err)
	}
	cost := topup.Money{Amount: decimal.New(49, -1), Currency: "USD"}
	d.update(x.ID, func(t *topup.Topup) error { return t.BeginSend(d.policy, 1, d.now) })
	x = d.update(x.ID, func(t *topup.Topup) error {
		o := topup.Outcome{Answer: answer, Code: topup.CodeProviderFailed, TransactionID: "1" + t.Reference, Predicted: cost}
		if answer == topup.Delivered {
			o.Cost = cost
		}
		return t.RecordSend(d.policy, 1, o, d.now)
	})
	l := topup.Listed{Reference: x.ID, TransactionID: x.ProviderTransactionID, At: d.now, Recipient: x.Recipient, Amount: x.Amount, Cost: cost}
	switch answer {
	case topup.Delivered:
		l.State = topup.ListedBooked
		d.provider.balance = d.provider.balance.Sub(cost.Amount)
	case topup.InProgress:
		l.State = topup.ListedOpen
	default:
		l.State = topup.ListedReturned
	}
	d.provider.lines = append(d.provider.lines, l)
	return x
}

func (d *desk) update(id topup.ID, change func(*topup.Topup) error) *topup.Topup {
	d.t.Helper()
	x, err := d.store.Update(d.t.Context(), id, change)
	if err != nil {
		d.t.Fatal(err)
	}
	return x
}

// tell ends what is owed to the merchant.
func (d *desk) tell(x *topup.Topup) {
	d.update(x.ID, func(t *topup.Topup) error {
		for i := range t.Callbacks {
			t.Callbacks[i].Skip()
		}
		return nil
	})
}

func (d *desk) run(task jobs.DayTask) error {
	return d.ProcessTask(d.t.Context(), asynq.NewTask(jobs.KindDay, []byte(task.String())))
}

func (d *desk) doc(name string, into any) {
	d.t.Helper()
	text, err := d.store.GetDay(d.t.Context(), topup.Reloadly, date, name)
	if err != nil {
		d.t.Fatalf("%s: %v", name, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) readBalance() {
	d.t.Helper()
	if err := d.run(jobs.DayTask{Act: jobs.ActBalance, Provider: topup.Reloadly, Date: date}); err != nil {
		d.t.Fatal(err)
	}
}

// aDay is 60 delivered, 20 failed and 5 open ones, between two readings of the balance.
func (d *desk) aDay() (all []*topup.Topup) {
	d.t.Helper()
	d.now = morning.Truncate(24 * time.Hour)
	d.readBalance()
	d.now = morning
	for i := range 85 {
		answer := topup.Delivered
		switch {
		case i >= 80:
			answer = topup.InProgress
		case i >= 60:
			answer = topup.Refused
		}
		all = append(all, d.send(fmt.Sprint("r", i), answer))
		d.now = d.now.Add(time.Minute)
	}
	d.now = morning.Truncate(24*time.Hour).AddDate(0, 0, 1)
	d.readBalance()
	d.now = d.now.Add(time.Hour)
	return all
}

func TestCloseADay(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 0)
	d.aDay()
	if err := d.run(jobs.DayTask{Act: jobs.ActClose, Provider: topup.Reloadly, Date: date}); err != nil {
		t.Fatal(err)
	}
	var b dayend.Books
	d.doc(topup.DocReport, &b)
	if b.Rows != 85 || b.Open != 5 || b.NotAsked != 5 || b.Costs[0].Cost != "294.00" {
		t.Errorf("%+v", b)
	}
	var r reconcile.Result
	d.doc(topup.DocReconcile, &r)
	if !r.Clean() || r.Ours.Count != 60 || r.Theirs.Count != 60 || r.Drift == nil || r.Drift.Drift != "0.00" {
		t.Errorf("%+v %+v", r, r.Drift)
	}
	var m archive.Manifest
	d.doc(topup.DocArchive, &m)
	if m.Rows != 85 {
		t.Errorf("%+v", m)
	}
	var mark topup.DayClosed
	d.doc(topup.DocClosed, &mark)
	if !mark.Done() {
		t.Errorf("%+v", mark)
	}
}

// TestCloseTellsWhatDiffers: money that is gone without a top-up of ours is found twice, in the list and in the balance.
func TestCloseTellsWhatDiffers(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 0)
	all := d.aDay()
	d.provider.lines = append(d.provider.lines, topup.Listed{Reference: topup.NewID("mer1", "ghost"), TransactionID: "999", At: morning, Amount: all[0].Amount, State: topup.ListedBooked})
	d.provider.balance = d.provider.balance.Sub(decimal.New(40, 0))
	d.now = morning.Truncate(24*time.Hour).AddDate(0, 0, 1)
	d.readBalance()
	d.now = d.now.Add(time.Hour)
	if err := d.Close(t.Context(), topup.Reloadly, date); err != nil {
		t.Fatal(err)
	}
	var r reconcile.Result
	d.doc(topup.DocReconcile, &r)
	if len(r.Cases) != 2 || r.Cases[0].Kind != reconcile.UnknownHere || r.Cases[1].Kind != reconcile.DriftDown || r.Cases[1].Sums[0].Amount != "-40.00" {
		t.Errorf("%+v", r.Cases)
	}
}

func TestCloseWithinTheBudget(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 3)
	d.aDay()
	if err := d.Close(t.Context(), topup.Reloadly, date); err != nil {
		t.Fatal(err)
	}
	var r reconcile.Result
	d.doc(topup.DocReconcile, &r)
	var mark topup.DayClosed
	d.doc(topup.DocClosed, &mark)
	if r.Problem == "" || mark.Done() || len(r.Cases) != 0 {
		t.Errorf("a list of nine calls was read with three: %+v %+v", r, mark)
	}
	if n, err := d.store.SpentCalls(t.Context(), topup.Reloadly, "20261124"); err != nil || n != 3 {
		t.Errorf("%d calls spent of 3: %v", n, err)
	}
}

// TestForgetADay: what is finished leaves the ledger for the archive, what is not stays, and leaves when it is.
func TestForgetADay(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 0)
	all := d.aDay()
	for _, x := range all[:80] {
		d.tell(x)
	}
	if err := d.Close(t.Context(), topup.Reloadly, date); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Forget(t.Context(), topup.Reloadly, date); err == nil {
		t.Error("a day is forgotten on the day after")
	}
	d.now = d.now.AddDate(0, 0, 36)
	gone, err := d.Forget(t.Context(), topup.Reloadly, date)
	if err != nil || gone.Gone != 80 || gone.Left != 5 {
		t.Fatalf("%+v: %v", gone, err)
	}
	if _, err := d.store.Get(t.Context(), all[0].ID); !errors.Is(err, topup.ErrNotFound) {
		t.Errorf("still in the ledger: %v", err)
	}
	if x, err := archive.Find(t.Context(), d.shelf, topup.Reloadly, morning, all[0].ID); err != nil || x.Reference != "r0" || x.State != topup.Succeeded {
		t.Errorf("in the archive: %+v: %v", x, err)
	}
	again, err := d.store.Create(t.Context(), []*topup.Topup{{ID: all[0].ID, Merchant: "mer1", Reference: "r0", State: topup.Accepted, Provider: topup.Reloadly, Recipient: all[0].Recipient, Amount: all[0].Amount}})
	if err != nil || again[0].Existing == nil || again[0].Existing.State != topup.Succeeded {
		t.Errorf("the reference was taken again: %+v: %v", again, err)
	}
	for _, x := range all[80:] {
		d.update(x.ID, func(t *topup.Topup) error {
			return t.RecordCheck(d.policy, topup.Outcome{Answer: topup.Delivered, Cost: topup.Money{Amount: decimal.New(49, -1), Currency: "USD"}}, d.now)
		})
		d.tell(x)
	}
	if gone, err = d.Forget(t.Context(), topup.Reloadly, date); err != nil || gone.Gone != 5 || gone.Left != 0 {
		t.Fatalf("%+v: %v", gone, err)
	}
	rows := 0
	if err := archive.Read(t.Context(), d.shelf, topup.Reloadly, date, func(x *topup.Topup) error {
		rows++
		if !x.State.Closed() {
			t.Errorf("%s is archived as %s", x.Reference, x.State)
		}
		return nil
	}); err != nil || rows != 85 {
		t.Errorf("%d rows in the archive: %v", rows, err)
	}
	if page, err := d.store.List(t.Context(), topup.Query{Merchant: "mer1", From: morning.AddDate(0, 0, -1), To: morning.AddDate(0, 0, 2)}); err != nil || len(page.Topups) != 0 {
		t.Errorf("%d still listed: %v", len(page.Topups), err)
	}
}

// TestNothingLeavesWithoutAnArchive: a store that loses what it is given keeps the ledger as it is.
func TestNothingLeavesWithoutAnArchive(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 0)
	all := d.aDay()
	for _, x := range all {
		d.tell(x)
	}
	closer, err := dayend.New(dayend.Config{Store: d.store, Log: zap.NewNop(), Now: func() time.Time { return d.now.AddDate(1, 0, 0) }, Providers: map[topup.ProviderName]dayend.Provider{topup.Reloadly: {Provider: d.provider}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := closer.Forget(t.Context(), topup.Reloadly, date); err == nil {
		t.Error("forgotten without an archive")
	}
	if _, err := d.store.Get(t.Context(), all[0].ID); err != nil {
		t.Error(err)
	}
}

func TestReportOfAProvider(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 7)
	d.aDay()
	var asCSV, asJSON bytes.Buffer
	c, err := d.Report(t.Context(), topup.Reloadly, date, true, &asCSV)
	if err != nil {
		t.Fatal(err)
	}
	j, err := d.Report(t.Context(), topup.Reloadly, date, false, &asJSON)
	if err != nil || j.SHA256 != c.SHA256 || c.Budget != 7 {
		t.Errorf("%v: %+v", err, j)
	}
	if !strings.HasPrefix(asCSV.String(), "kind,count,"+strings.Join(dayend.Table.Columns, ",")+",was,age,fees\n") || strings.Count(asCSV.String(), "\ntopup,") != 85 {
		t.Errorf("%.300s", asCSV.String())
	}
	var doc struct {
		Provider string           `json:"provider"`
		NotAsked int64            `json:"not_asked"`
		Data     []map[string]any `json:"data"`
	}
	if err := json.Unmarshal(asJSON.Bytes(), &doc); err != nil || doc.Provider != "reloadly" || len(doc.Data) != 85 || doc.NotAsked != 5 {
		t.Errorf("%+v: %v", doc.NotAsked, err)
	}
}

func TestTasks(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 0)
	for _, payload := range []string{"", "close", "close:reloadly", "close:nobody:2026-11-23", "close:reloadly:2026-02-30", "burn:reloadly:2026-11-23", "close:aat:2026-11-23"} {
		if err := d.ProcessTask(t.Context(), asynq.NewTask(jobs.KindDay, []byte(payload))); !errors.Is(err, asynq.SkipRetry) {
			t.Errorf("%q: %v, want to be archived", payload, err)
		}
	}
	d.provider.fails = errors.New("secret words of a provider")
	if err := d.run(jobs.DayTask{Act: jobs.ActBalance, Provider: topup.Reloadly, Date: date}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("the queue would show %v", err)
	}
	if err := d.run(jobs.DayTask{Act: jobs.ActClose, Provider: topup.Reloadly, Date: date}); err == nil {
		t.Error("a day is closed before it is over")
	}
}
