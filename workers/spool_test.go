package workers

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"topupq/topup"
)

const voucherPIN = "00001234567890"

// away makes the ledger refuse everything, back makes it serve again.
func (b *bench) away() { b.redis.SetError("the ledger is away") }
func (b *bench) back() { b.redis.SetError("") }

// newSpoolBench is a bench whose submit worker has a spool, and the spool's drain.
func newSpoolBench(t *testing.T) (*bench, *SpoolDrain) {
	t.Helper()
	b := newBench(t, 0)
	spool, err := OpenSpool(filepath.Join(t.TempDir(), "spool"))
	if err != nil {
		t.Fatal(err)
	}
	b.submit.Spool = spool
	return b, NewSpoolDrain(b.submit)
}

// answersWhileAway lets the provider answer o after the ledger has gone.
func (b *bench) answersWhileAway(o topup.Outcome) {
	b.provider.submit = func(context.Context, topup.Order) (topup.Outcome, error) {
		b.away()
		return o, nil
	}
}

func (b *bench) spooled() []string {
	b.t.Helper()
	names, err := b.submit.Spool.names()
	if err != nil {
		b.t.Fatal(err)
	}
	return names
}

func (d *SpoolDrain) must(t *testing.T) {
	t.Helper()
	if err := d.runOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAnswerWaitsForTheLedger(t *testing.T) {
	t.Parallel()
	b, drain := newSpoolBench(t)
	b.answersWhileAway(topup.Outcome{Answer: topup.Delivered, Reference: "R-1", PIN: voucherPIN})
	id := b.create("r")
	if err := b.run(id); err != nil {
		t.Fatalf("the task of a spooled answer is done, got %v", err)
	}
	if err := drain.runOnce(t.Context()); !errors.Is(err, topup.ErrUnavailable) {
		t.Fatalf("drained into a ledger that is away: %v", err)
	}
	names := b.spooled()
	if len(names) != 1 {
		t.Fatalf("%d answers in the spool, want 1", len(names))
	}
	text, err := os.ReadFile(filepath.Join(b.submit.Spool.dir, names[0]))
	if err != nil || strings.Contains(string(text), voucherPIN) {
		t.Fatalf("PIN in clear on the disk, or unreadable: %v", err)
	}
	b.back()
	if got := b.state(id); got != topup.Submitting {
		t.Fatalf("state %s before the drain", got)
	}
	drain.must(t)
	x := b.get(id)
	pin, err := b.submit.Keyring.Open(x.PIN, string(id))
	if x.State != topup.Succeeded || err != nil || pin.Reveal() != voucherPIN || x.ProviderReference != "R-1" {
		t.Errorf("state %s, reference %q, PIN: %v", x.State, x.ProviderReference, err)
	}
	if b.provider.checks != 0 || b.provider.sent() != 1 || b.notified.Load() != 1 || len(b.spooled()) != 0 {
		t.Errorf("%d questions, %d sends, %d notices, %d answers left", b.provider.checks, b.provider.sent(), b.notified.Load(), len(b.spooled()))
	}
}

func TestSpoolWithoutAKeyHoldsNoPIN(t *testing.T) {
	t.Parallel()
	b, drain := newSpoolBench(t)
	b.submit.Keyring = topup.Keyring{}
	b.answersWhileAway(topup.Outcome{Answer: topup.Delivered, PIN: voucherPIN})
	id := b.create("r")
	if err := b.run(id); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(b.submit.Spool.dir, b.spooled()[0]))
	if err != nil || strings.Contains(string(text), voucherPIN) {
		t.Fatalf("PIN in clear on the disk, or unreadable: %v", err)
	}
	b.back()
	drain.must(t)
	if x := b.get(id); x.State != topup.Succeeded || len(x.PIN) != 0 {
		t.Errorf("state %s, PIN of %d bytes", x.State, len(x.PIN))
	}
}

// TestSpoolAfterACrash finds the directory as a crash at each step would leave it.
func TestSpoolAfterACrash(t *testing.T) {
	t.Parallel()
	b, drain := newSpoolBench(t)
	spool := b.submit.Spool
	b.answersWhileAway(topup.Outcome{Answer: topup.Delivered})
	id := b.create("r")
	if err := b.run(id); err != nil {
		t.Fatal(err)
	}
	name := b.spooled()[0]
	path := filepath.Join(spool.dir, name)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	half := whole[:len(whole)/2]
	write := func(name string, text []byte) {
		if err := os.WriteFile(filepath.Join(spool.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.back()
	write(spoolTemp+"1", half)                      // while writing
	write(spoolTemp+"2", whole)                     // before the rename
	write("00000000000000000001"+spoolSuffix, half) // a disk that lost what it had promised
	drain.must(t)
	first := b.get(id)
	if first.State != topup.Succeeded {
		t.Fatalf("state %s", first.State)
	}
	write(name, whole) // after the ledger's write, before the removal
	drain.must(t)
	again := b.get(id)
	if again.Version() != first.Version() || again.Rev != first.Rev || len(b.spooled()) != 0 {
		t.Errorf("version %d to %d, revision %d to %d, %d answers left", first.Version(), again.Version(), first.Rev, again.Rev, len(b.spooled()))
	}
	old := time.Now().Add(-2 * spoolTempAge)
	if err := os.Chtimes(filepath.Join(spool.dir, spoolTemp+"1"), old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSpool(spool.dir); err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	entries, err := os.ReadDir(spool.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		left[e.Name()] = true
	}
	want := []string{spoolTemp + "2", "00000000000000000001" + spoolSuffix + spoolBad}
	if len(left) != len(want) || !left[want[0]] || !left[want[1]] {
		t.Errorf("left in the directory: %v, want %v", left, want)
	}
}

// TestSpooledAnswerComesLate drains after the rescue: a success closes the top-up, a refusal is only a reason to ask.
func TestSpooledAnswerComesLate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o    topup.Outcome
		want topup.State
	}{
		"delivered": {topup.Outcome{Answer: topup.Delivered}, topup.Succeeded},
		"refused":   {topup.Outcome{Answer: topup.Refused, Code: topup.CodeInvalidRecipient}, topup.Unknown},
		"blocked":   {topup.Outcome{Answer: topup.Blocked, Code: topup.CodeFloatEmpty}, topup.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, drain := newSpoolBench(t)
			b.answersWhileAway(c.o)
			b.provider.check = read(topup.Outcome{})
			id := b.create("r")
			if err := b.run(id); err != nil {
				t.Fatal(err)
			}
			b.back()
			b.pass(26 * time.Second)
			if err := b.ask(id); err != nil || b.state(id) != topup.Unknown {
				t.Fatalf("%v, state %s", err, b.state(id))
			}
			drain.must(t)
			x := b.get(id)
			if x.State != c.want || len(b.spooled()) != 0 {
				t.Errorf("state %s with %d answers left, want %s with none", x.State, len(b.spooled()), c.want)
			}
			if c.want == topup.Unknown && !x.DueAt.Equal(b.clock()) {
				t.Errorf("due %v, want now", x.DueAt)
			}
		})
	}
}

func TestSpooledAnswerThatHolds(t *testing.T) {
	t.Parallel()
	b, drain := newSpoolBench(t)
	b.answersWhileAway(topup.Outcome{Answer: topup.Blocked, Code: topup.CodeFloatEmpty})
	id := b.create("r")
	if err := b.run(id); err != nil {
		t.Fatal(err)
	}
	b.back()
	drain.must(t)
	if b.state(id) != topup.Held || b.holds.Load() != 1 {
		t.Errorf("state %s, %d tasks left for the operator, want held and 1", b.state(id), b.holds.Load())
	}
}

// TestSpooledAnswerOutlivesTheLedger loses the whole ledger. When the merchant submits the same again the answer is
// still there, and nothing is sent.
func TestSpooledAnswerOutlivesTheLedger(t *testing.T) {
	t.Parallel()
	b, drain := newSpoolBench(t)
	b.answersWhileAway(topup.Outcome{Answer: topup.Delivered, PIN: voucherPIN})
	id := b.create("r")
	if err := b.run(id); err != nil {
		t.Fatal(err)
	}
	b.back()
	b.redis.FlushAll()
	drain.must(t)
	drain.must(t)
	if len(b.spooled()) != 1 {
		t.Fatalf("%d answers in the spool, want 1", len(b.spooled()))
	}
	b.create("r")
	if err := drain.runOnce(t.Context()); err != nil && !errors.Is(err, topup.ErrUnavailable) {
		t.Fatal(err) // the write that notices the loss fails
	}
	drain.must(t)
	if x := b.get(id); x.State != topup.Succeeded || len(x.PIN) == 0 || b.provider.sent() != 1 {
		t.Errorf("state %s, PIN of %d bytes, %d sends", x.State, len(x.PIN), b.provider.sent())
	}
}

// TestAnswerWithoutASpool holds on to the answer in memory when the disk fails too.
func TestAnswerWithoutASpool(t *testing.T) {
	t.Parallel()
	b, _ := newSpoolBench(t)
	if err := os.RemoveAll(b.submit.Spool.dir); err != nil {
		t.Fatal(err)
	}
	ledger := &failOnce{Ledger: b.store}
	b.submit.Ledger = ledger
	b.provider.submit = func(context.Context, topup.Order) (topup.Outcome, error) {
		ledger.fail()
		return topup.Outcome{Answer: topup.Delivered}, nil
	}
	id := b.create("r")
	if err := b.run(id); err != nil || b.state(id) != topup.Succeeded {
		t.Errorf("%v, state %s", err, b.state(id))
	}
}

// failOnce is a ledger whose next write fails when it is told so.
type failOnce struct {
	Ledger
	mu   sync.Mutex
	next bool
}

func (f *failOnce) fail() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = true
}

func (f *failOnce) UpdateLoaded(ctx context.Context, t *topup.Topup, change func(*topup.Topup) error) (*topup.Topup, error) {
	f.mu.Lock()
	failed := f.next
	f.next = false
	f.mu.Unlock()
	if failed {
		return t, topup.ErrUnavailable
	}
	return f.Ledger.UpdateLoaded(ctx, t, change)
}

// TestProcessesShareASpool drains the same directory twice at once.
func TestProcessesShareASpool(t *testing.T) {
	t.Parallel()
	const answers = 40
	b, drain := newSpoolBench(t)
	var ids []topup.ID
	for i := range answers {
		b.answersWhileAway(topup.Outcome{Answer: topup.Delivered})
		b.back()
		ids = append(ids, b.create(strconv.Itoa(i)))
		if err := b.run(ids[i]); err != nil {
			t.Fatal(err)
		}
	}
	b.back()
	other := NewSpoolDrain(b.submit)
	var wg sync.WaitGroup
	for _, d := range []*SpoolDrain{drain, other} {
		wg.Go(func() {
			if err := d.runOnce(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		if x := b.get(id); x.State != topup.Succeeded || x.Version() != 3 {
			t.Errorf("%s: state %s, version %d", id, x.State, x.Version())
		}
	}
	if len(b.spooled()) != 0 || b.notified.Load() < answers {
		t.Errorf("%d answers left, %d notices", len(b.spooled()), b.notified.Load())
	}
}
