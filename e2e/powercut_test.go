package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/shopspring/decimal"

	"topupq/e2e/harness"
	"topupq/redisproc"
	"topupq/topup"
	"topupq/topup/redisstore"
)

// powerCutEnv set to 1 demands strace; powerCutFsyncEnv replaces appendfsync always by another policy, which must
// make the same tests fail. powerCutsEnv is the number of cuts.
const (
	powerCutEnv      = "TOPUPQ_TEST_POWERCUT"
	powerCutFsyncEnv = "TOPUPQ_TEST_POWERCUT_FSYNC"
	powerCutsEnv     = "TOPUPQ_TEST_POWERCUTS"

	// ledgerCut and intakeCut are how many acknowledgements come before a cut, cutWriters how many write at once.
	ledgerCut  = 6000
	intakeCut  = 1500
	cutWriters = 24
	smallCuts  = 1
)

// canCutPower reports whether strace is there. Where it is not, only "make powercut" insists on it.
func canCutPower(t *testing.T) bool {
	t.Helper()
	harness.NotOnCluster(t, "the power is cut at one server under strace; a primary of a cluster writes and syncs its file in the same way")
	_, err := exec.LookPath("strace")
	if err == nil {
		return true
	}
	if os.Getenv(powerCutEnv) == "1" {
		t.Fatal(redisproc.ErrNoTracer)
	}
	t.Logf("not run: %v; make powercut insists on it", redisproc.ErrNoTracer)
	return false
}

// policyUnderTest is appendfsync always, unless a broken build is being tried.
func policyUnderTest() string {
	if fsync := os.Getenv(powerCutFsyncEnv); fsync != "" {
		return fsync
	}
	return "always"
}

// TestPowerCutLosesNothing cuts the power of a Redis that syncs every write while the ledger writes to it.
func TestPowerCutLosesNothing(t *testing.T) {
	t.Parallel()
	if !canCutPower(t) {
		return
	}
	fsync := policyUnderTest()
	figures := cutLedger(t, fsync, envInt(t, powerCutsEnv, smallCuts))
	t.Logf("appendfsync %s: %s", fsync, figures)
	if figures.lost() > 0 {
		t.Errorf("%d acknowledged writes are gone", figures.lost())
	}
}

// TestPowerCutShowsWhatEverySecondLoses is the proof that TestPowerCutLosesNothing can fail.
func TestPowerCutShowsWhatEverySecondLoses(t *testing.T) {
	t.Parallel()
	if !canCutPower(t) {
		return
	}
	figures := cutLedger(t, "everysec", envInt(t, powerCutsEnv, smallCuts))
	t.Logf("appendfsync everysec: %s", figures)
	if figures.lost() == 0 {
		t.Error("nothing is gone: the cut does not cut")
	}
}

// cutFigures is what a number of power cuts did.
type cutFigures struct {
	cuts, acknowledged, gone, back int
	bytes                          int64
}

// lost counts records that are gone and records that are older than acknowledged.
func (f cutFigures) lost() int { return f.gone + f.back }

func (f cutFigures) String() string {
	return fmt.Sprintf("%d cuts, %d top-ups acknowledged, %d gone, %d older than acknowledged, %d bytes written but not on the disk",
		f.cuts, f.acknowledged, f.gone, f.back, f.bytes)
}

func (f *cutFigures) add(o cutFigures) {
	f.cuts += o.cuts
	f.acknowledged += o.acknowledged
	f.gone += o.gone
	f.back += o.back
	f.bytes += o.bytes
}

// cutLedger lets the ledger write to a Redis with that policy and cuts its power, again and again on the same files.
func cutLedger(t *testing.T, fsync string, cuts int) cutFigures {
	t.Helper()
	server := redisproc.StartTracedForTest(t, redisproc.Options{AppendFsync: fsync})
	var sum cutFigures
	for cut := range cuts {
		if cut > 0 {
			if err := server.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		sum.add(cutOnce(t, server, cut))
	}
	return sum
}

// acknowledgements are what the ledger has confirmed: by ID, the revision of the record.
type acknowledgements struct {
	mu   sync.Mutex
	revs map[topup.ID]uint32
	// enough is closed when there are wanted of them.
	enough chan struct{}
	wanted int
}

func newAcknowledgements(wanted int) *acknowledgements {
	return &acknowledgements{revs: map[topup.ID]uint32{}, enough: make(chan struct{}), wanted: wanted}
}

func (a *acknowledgements) note(id topup.ID, rev uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, known := a.revs[id]
	a.revs[id] = max(a.revs[id], rev)
	if !known && len(a.revs) == a.wanted {
		close(a.enough)
	}
}

func cutOnce(t *testing.T, server *redisproc.Traced, round int) cutFigures {
	t.Helper()
	acks := newAcknowledgements(ledgerCut)
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
	defer rdb.Close()
	store := redisstore.Open(rdb, redisstore.Options{})
	defer store.Close()
	var writers sync.WaitGroup
	for n := range cutWriters {
		writers.Go(func() { writeUntilCut(ctx, store, fmt.Sprintf("%d-%d", round, n), acks) })
	}
	select {
	case <-acks.enough:
	case <-ctx.Done():
		t.Error("the ledger took too long")
	}
	bytes, err := server.Cut()
	stop()
	writers.Wait()
	if err != nil {
		t.Fatal(err)
	}
	figures := countLost(t, server, acks)
	figures.bytes = bytes
	return figures
}

// writeUntilCut creates top-ups and claims them for sending, until the ledger is gone.
func writeUntilCut(ctx context.Context, store *redisstore.Store, name string, acks *acknowledgements) {
	policy := topup.Policy{Timeout: time.Minute, Margin: time.Second}
	for i := 0; ctx.Err() == nil; i++ {
		x := newRecord("merpowercut", fmt.Sprintf("%s-%d", name, i))
		if _, err := store.Create(ctx, []*topup.Topup{x}); err != nil {
			return
		}
		acks.note(x.ID, x.Rev)
		next, err := store.Update(ctx, x.ID, func(x *topup.Topup) error { return x.BeginSend(policy, 1, time.Now().UTC()) })
		if err != nil {
			return
		}
		acks.note(x.ID, next.Rev)
	}
}

func newRecord(m topup.MerchantID, reference string) *topup.Topup {
	x := &topup.Topup{
		ID: topup.NewID(m, reference), Merchant: m, Reference: reference, Recipient: "+27831234567", Country: "ZA",
		Amount: topup.Money{Amount: decimal.New(2, 0), Currency: "ZAR"}, Provider: topup.AAT,
	}
	if err := x.Accept(topup.ActorIntake, time.Now().UTC().Truncate(time.Millisecond)); err != nil {
		panic(err) // a new record can always be accepted
	}
	return x
}

// countLost starts the server on what is left of its files and looks for what it had acknowledged.
func countLost(t *testing.T, server *redisproc.Traced, acks *acknowledgements) cutFigures {
	t.Helper()
	if err := server.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer rdb.Close()
	store := redisstore.Open(rdb, redisstore.Options{})
	defer store.Close()
	figures := cutFigures{cuts: 1, acknowledged: len(acks.revs)}
	for id, rev := range acks.revs {
		x, err := store.Get(t.Context(), id)
		switch {
		case errors.Is(err, topup.ErrNotFound):
			figures.gone++
		case err != nil:
			t.Fatal(err)
		case x.Rev < rev:
			figures.back++
		}
	}
	server.Kill()
	return figures
}

// TestPowerCutUnderTheIntake cuts the power while merchants hand in top-ups to the real intake, and asks it for every
// one that it had answered with 202.
func TestPowerCutUnderTheIntake(t *testing.T) {
	t.Parallel()
	if !canCutPower(t) {
		return
	}
	fsync := policyUnderTest()
	server := redisproc.StartTracedForTest(t, redisproc.Options{AppendFsync: fsync})
	s := harness.Start(t, harness.Options{
		URL: server.URL(), Workers: harness.None, Schedulers: harness.None, Env: map[string]string{"TOPUPQ_REDIS_DURABILITY": fsync},
	})
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	acks := newAcknowledgements(intakeCut)
	var merchants sync.WaitGroup
	for n := range cutWriters {
		merchants.Go(func() { submitUntilCut(ctx, s.Merchant, n, acks) })
	}
	select {
	case <-acks.enough:
	case <-ctx.Done():
		t.Error("the intake took too long")
	}
	gone, err := server.Cut()
	merchants.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Run(ctx); err != nil {
		t.Fatal(err)
	}
	lost := 0
	for id := range acks.revs {
		if !found(ctx, t, s.Merchant, id) {
			lost++
		}
	}
	t.Logf("appendfsync %s: %d top-ups answered with 202, %d gone, %d bytes written but not on the disk", fsync, len(acks.revs), lost, gone)
	if lost > 0 {
		t.Errorf("%d acknowledged top-ups are gone", lost)
	}
}

// found asks the intake for a top-up until it answers yes or no. That it does not know the merchant is a no as well: then
// more is gone than the top-up.
func found(ctx context.Context, t *testing.T, m *harness.Merchant, id topup.ID) bool {
	t.Helper()
	var status int
	within(ctx, t, "an answer about "+string(id), func() bool {
		var err error
		status, _, err = m.Get(ctx, id)
		return err == nil && (status == http.StatusOK || status == http.StatusNotFound || status == http.StatusUnauthorized)
	})
	return status == http.StatusOK
}

// submitUntilCut hands in top-ups until one is not taken.
func submitUntilCut(ctx context.Context, m *harness.Merchant, n int, acks *acknowledgements) {
	for i := 0; ctx.Err() == nil; i++ {
		order := harness.Order{
			Reference: fmt.Sprintf("cut-%d-%d", n, i), Recipient: "+27831234567", Amount: "2.00", Currency: "ZAR", Provider: "aat",
			Product: map[string]any{"voucher_id": 121},
		}
		status, rec, err := m.Submit(ctx, order)
		if err != nil || status != http.StatusAccepted {
			return
		}
		acks.note(rec.ID, 0)
	}
}
