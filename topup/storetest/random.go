package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"topupq/topup"
)

// randomMovesKeepBooks drives a batch of top-ups through random transitions and then compares the batch's counters,
// the due indexes and the outbox with what the records themselves say.
func randomMovesKeepBooks(t *testing.T, s topup.Store) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test's dice
	m, b := merchantOf(t), topup.NewBatchID()
	if err := s.CreateBatch(t.Context(), &topup.Batch{ID: b, Merchant: m, CreatedAt: start}); err != nil {
		t.Fatal(err)
	}
	const n = 40
	records := map[topup.ID]*topup.Topup{}
	var ids []topup.ID
	for i := range n {
		x := inBatch(order(m, fmt.Sprintf("x%d", i)), b, i+1)
		create(t, s, x)
		records[x.ID] = x
		ids = append(ids, x.ID)
	}
	now := start
	for range 600 {
		now = now.Add(time.Duration(rng.IntN(600)) * time.Second)
		id := ids[rng.IntN(n)]
		step := randomStep(rng, now)
		got, err := s.Update(t.Context(), id, step)
		if err != nil && !errors.Is(err, topup.ErrNotAllowed) {
			t.Fatal(err)
		}
		if err == nil {
			records[id] = got
		}
	}
	checkHistories(t, records)
	checkBooks(t, s, b, records)
	checkIndexes(t, s, records)
	publish(t, s)
	events := 0
	var hash topup.RowHash
	for _, x := range records {
		events += len(x.Callbacks)
		if x.State.Closed() {
			hash = hash.Add(topup.HashRow(x.Reference, x.State))
		}
	}
	checkFeed(t, readFeed(t, s, m), 1, events)
	if got := reread(t, s, b).Hash; got != hash {
		t.Errorf("hash of the closed rows: %+v, want %+v", got, hash)
	}
}

// randomStep is one transition that may or may not apply.
func randomStep(rng *rand.Rand, now time.Time) func(*topup.Topup) error {
	p := policy()
	answer := topup.Outcome{Answer: topup.Answer(rng.IntN(9)), Code: topup.CodeProviderFailed, Unspent: rng.IntN(2) == 0}
	token := rng.Uint64() | 1
	switch rng.IntN(8) {
	case 0, 1:
		return func(x *topup.Topup) error { return x.BeginSend(p, token, now) }
	case 2, 3:
		return func(x *topup.Topup) error { return x.RecordSend(p, x.Claim, answer, now) }
	case 4, 5:
		return func(x *topup.Topup) error { return x.RecordCheck(p, answer, now) }
	case 6:
		return func(x *topup.Topup) error {
			return errors.Join(x.Replay(topup.ActorOperator("dice"), "random", now))
		}
	default:
		return func(x *topup.Topup) error {
			if c := x.NextCallback(); c != nil {
				c.Delivered(topup.CallbackAttempt{At: now, Status: 200})
				return nil
			}
			return x.Expire(now)
		}
	}
}

func checkHistories(t *testing.T, records map[topup.ID]*topup.Topup) {
	t.Helper()
	for id, x := range records {
		state := topup.State(0)
		for _, m := range x.History {
			if m.From != state || !topup.CanMove(m.From, m.To) {
				t.Fatalf("%s: move %s to %s after %s", id, m.From, m.To, state)
			}
			state = m.To
		}
		if state != x.State {
			t.Errorf("%s: history ends in %s, state is %s", id, state, x.State)
		}
	}
}

func checkBooks(t *testing.T, s topup.Store, id topup.BatchID, records map[topup.ID]*topup.Topup) {
	t.Helper()
	b, err := s.GetBatch(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	want := map[topup.State]int64{}
	var requested, succeeded int64
	for _, x := range records {
		want[x.State]++
		requested += x.Amount.Micros()
		if x.State == topup.Succeeded {
			succeeded += x.Amount.Micros()
		}
	}
	for _, state := range topup.States {
		if b.States[state] != want[state] {
			t.Errorf("batch counts %d %s, records say %d", b.States[state], state, want[state])
		}
	}
	if got := b.Requested["ZAR"].Micros(); got != requested {
		t.Errorf("requested %d, want %d", got, requested)
	}
	if got := b.Succeeded["ZAR"].Micros(); got != succeeded {
		t.Errorf("succeeded %d, want %d", got, succeeded)
	}
}

// checkIndexes looks far into the future, when everything that will ever be due is due.
func checkIndexes(t *testing.T, s topup.Store, records map[topup.ID]*topup.Topup) {
	t.Helper()
	far := start.Add(10000 * time.Hour)
	inSends, inChecks, inOutbox := map[topup.ID]bool{}, map[topup.ID]bool{}, map[string]bool{}
	for _, d := range sends(t, s, topup.AAT, far, far.Add(time.Hour)) {
		inSends[d.ID] = true
	}
	for _, d := range checks(t, s, far, far.Add(time.Hour)) {
		inChecks[d.ID] = true
	}
	owed, err := s.DueCallbacks(t.Context(), far, far.Add(time.Hour), 10000)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range owed {
		inOutbox[id] = true
	}
	for id, x := range records {
		accepted := x.State == topup.Accepted
		asked := !accepted && x.State != topup.Held && !x.DueAt.IsZero()
		if inSends[id] != accepted || inChecks[id] != asked || inOutbox[string(id)] != (x.NextCallback() != nil) {
			t.Errorf("%s is %s, due %v: sends %v checks %v outbox %v", id, x.State, x.DueAt, inSends[id], inChecks[id], inOutbox[string(id)])
		}
	}
}
