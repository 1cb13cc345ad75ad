package e2e

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"golang.org/x/sync/errgroup"

	"topupq/e2e/harness"
	"topupq/topup"
)

const (
	// referencesEnv is how many references are fought over, by fifty submissions each.
	referencesEnv   = "TOPUPQ_TEST_REFERENCES"
	smallReferences = 20
	rivals          = 50
	// dissenters of the rivals ask for another amount.
	dissenters = 5
	// inFlight bounds the submissions on their way at once.
	inFlight = 200
	// partTimeout bounds the check of one reference. One that fits is found at once.
	partTimeout = 5 * time.Second
)

// handIn is one submission: whose reference, and what it asks for. handed is what came of it.
type handIn struct {
	reference int
	amount    string
}

// register is the intake as one register per reference: the first content stays, the same again is a replay, another
// one is refused. An answer that did not come, or 503, may or may not have written.
func register() porcupine.Model {
	nm := porcupine.NondeterministicModel{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			by := map[int][]porcupine.Operation{}
			for _, op := range history {
				ref := op.Input.(handIn).reference
				by[ref] = append(by[ref], op)
			}
			var out [][]porcupine.Operation
			for _, ops := range by {
				out = append(out, ops)
			}
			return out
		},
		Init: func() []any { return []any{""} },
		Step: func(state, input, output any) []any {
			held, want, status := state.(string), input.(handIn).amount, output.(int)
			switch {
			case status == http.StatusAccepted && held == "":
				return []any{want}
			case status == http.StatusOK && held == want:
				return []any{held}
			case status == http.StatusConflict && held != "" && held != want:
				return []any{held}
			case unclear(status) && held == "":
				return []any{held, want}
			case unclear(status):
				return []any{held}
			default:
				return nil
			}
		},
		DescribeOperation: func(input, output any) string {
			return fmt.Sprintf("%s → %d", input.(handIn).amount, output.(int))
		},
	}
	return nm.ToModel()
}

// unclear reports whether a status leaves open whether anything was written.
func unclear(status int) bool { return status == 0 || status == http.StatusServiceUnavailable }

// TestParallelSubmissions has fifty clients hand in each reference at the same time, some of them with other content,
// and checks that all answers together fit one order of events.
func TestParallelSubmissions(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]float64{"quiet": 0, "with scripts cut": 0.005} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stack := harness.Start(t, harness.Options{Workers: harness.None, Schedulers: harness.None})
			if cut > 0 {
				cutScripts(stack, cut)
			}
			history := fight(t, stack, envInt(t, referencesEnv, smallReferences))
			stack.Link.SetJudge(nil)
			checkHistory(t, stack, history, cut > 0)
		})
	}
}

// cutScripts breaks connections at a share of the script calls.
func cutScripts(stack *harness.Stack, share float64) {
	var mu sync.Mutex
	rnd := newRand(21)
	stack.Link.SetJudge(func(c harness.Command) (harness.Fate, func()) {
		mu.Lock()
		defer mu.Unlock()
		if len(c.Keys()) == 0 || rnd.Float64() >= share {
			return harness.Pass, nil
		}
		return harness.Fate(1 + rnd.IntN(3)), nil
	})
}

// fight hands everything in, in random order, and returns what happened.
func fight(t *testing.T, stack *harness.Stack, references int) []porcupine.Operation {
	t.Helper()
	rnd := newRand(22)
	var jobs []handIn
	for ref := range references {
		for i := range rivals {
			amount := "7.50"
			if i < dissenters {
				amount = fmt.Sprintf("%d.00", 10+i)
			}
			jobs = append(jobs, handIn{ref, amount})
		}
	}
	shuffleNear(rnd, jobs)
	begun := time.Now()
	history := make([]porcupine.Operation, len(jobs))
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(inFlight)
	for i, job := range jobs {
		g.Go(func() error {
			call := time.Since(begun).Nanoseconds()
			status, _, err := stack.Merchant.Submit(ctx, harness.Order{
				Reference: fmt.Sprintf("par-%d", job.reference), Recipient: fmt.Sprintf("+2782%07d", job.reference),
				Amount: job.amount, Currency: "ZAR", Provider: "aat", Product: map[string]any{"voucher_id": 1001},
			})
			done := time.Since(begun).Nanoseconds()
			if err != nil {
				status = 0
			}
			if unclear(status) {
				done = math.MaxInt64 // it may still take effect
			}
			history[i] = porcupine.Operation{ClientId: i, Input: job, Call: call, Output: status, Return: done}
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	return history
}

// shuffleNear mixes the rivals of a few references with each other, so that all fifty are on their way together.
func shuffleNear(rnd *rand.Rand, jobs []handIn) {
	const window = inFlight
	for start := 0; start < len(jobs); start += window {
		part := jobs[start:min(start+window, len(jobs))]
		rnd.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	}
}

func checkHistory(t *testing.T, stack *harness.Stack, history []porcupine.Operation, faulty bool) {
	t.Helper()
	firsts, statuses := map[int]int{}, map[string]int{}
	for _, op := range history {
		ref, status := op.Input.(handIn).reference, op.Output.(int)
		statuses[fmt.Sprint(status)]++
		firsts[ref] += 0
		if status == http.StatusAccepted {
			firsts[ref]++
		}
	}
	lost := 0
	for ref, n := range firsts {
		if n > 1 || (n == 0 && !faulty) {
			t.Errorf("reference %d was accepted %d times", ref, n)
		}
		id := topup.NewID(stack.Merchant.ID, fmt.Sprintf("par-%d", ref))
		if status, _, err := stack.Merchant.Get(t.Context(), id); err != nil || status != http.StatusOK {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d references have no record", lost)
	}
	model := register()
	for _, part := range model.Partition(fewerUnclear(history)) {
		if result := porcupine.CheckOperationsTimeout(model, part, partTimeout); result != porcupine.Ok {
			t.Errorf("the answers about reference %d fit no order of events: %s\n%s", part[0].Input.(handIn).reference, result, describe(model, part))
		}
	}
	t.Logf("%d references, %d submissions, answers %s", len(firsts), len(history), counts(statuses))
}

// fewerUnclear drops the unclear submissions that say nothing, since each doubles the orders to be searched. Beside an
// acceptance of its reference none has written first, so all have changed nothing. Otherwise the one of each content
// that began first may take effect at any time after that, and a second of the same content would change nothing.
func fewerUnclear(history []porcupine.Operation) []porcupine.Operation {
	first, accepted := map[handIn]int{}, map[int]bool{}
	for i, op := range history {
		in, status := op.Input.(handIn), op.Output.(int)
		accepted[in.reference] = accepted[in.reference] || status == http.StatusAccepted
		if j, seen := first[in]; unclear(status) && (!seen || op.Call < history[j].Call) {
			first[in] = i
		}
	}
	var out []porcupine.Operation
	for i, op := range history {
		in := op.Input.(handIn)
		if !unclear(op.Output.(int)) || (!accepted[in.reference] && first[in] == i) {
			out = append(out, op)
		}
	}
	return out
}

// describe lists the operations of one reference in the order in which they began.
func describe(model porcupine.Model, part []porcupine.Operation) string {
	slices.SortFunc(part, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var out strings.Builder
	for _, op := range part {
		end := "never"
		if op.Return != math.MaxInt64 {
			end = time.Duration(op.Return).String()
		}
		fmt.Fprintf(&out, "  %s to %s: %s\n", time.Duration(op.Call), end, model.DescribeOperation(op.Input, op.Output))
	}
	return out.String()
}

// TestRegisterRejects makes sure that the checker can fail: two acceptances of one reference fit no order.
func TestRegisterRejects(t *testing.T) {
	t.Parallel()
	op := func(client int, amount string, status int) porcupine.Operation {
		return porcupine.Operation{ClientId: client, Input: handIn{1, amount}, Call: 1, Output: status, Return: 2}
	}
	cases := map[string][]porcupine.Operation{
		"accepted twice":                {op(1, "1", 202), op(2, "1", 202)},
		"other content replayed":        {op(1, "1", 202), op(2, "2", 200)},
		"same content refused":          {op(1, "1", 202), op(2, "1", 409)},
		"replayed and never accepted":   {op(1, "1", 200)},
		"conflict with nothing written": {op(1, "1", 409)},
	}
	for name, history := range cases {
		if porcupine.CheckOperations(register(), history) {
			t.Errorf("%s was believed", name)
		}
	}
}
