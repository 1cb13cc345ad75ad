// Package storetest holds the behaviour that every topup.Store must show. An implementation's test calls Run with
// a way to open an empty store.
package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// Run runs the whole suite; open returns a store that is empty, or at least free of the merchants used here.
func Run(t *testing.T, open func(t *testing.T) topup.Store) {
	tests := map[string]func(*testing.T, topup.Store){
		"create and read":              createAndRead,
		"create is idempotent":         createIsIdempotent,
		"parallel creates of one":      parallelCreates,
		"record keeps every field":     keepsEveryField,
		"update is atomic":             updateIsAtomic,
		"update leaves on error":       updateLeavesOnError,
		"only one claim wins":          onlyOneClaimWins,
		"due sends":                    dueSends,
		"due checks":                   dueChecks,
		"due callbacks":                dueCallbacks,
		"random moves keep books":      randomMovesKeepBooks,
		"batch counters and closing":   batchCounters,
		"list newest first":            listNewestFirst,
		"list filters":                 listFilters,
		"list batch in line order":     listBatch,
		"list by number":               listByNumber,
		"merchants":                    merchants,
		"lookups":                      lookups,
		"number lane":                  numberLane,
		"rate":                         rate,
		"pause":                        pause,
		"leader":                       leader,
		"callback lease":               callbackLease,
		"status budget":                statusBudget,
		"times to an outcome":          settled,
		"created on a day":             createdOnADay,
		"late moves":                   lateMoves,
		"documents of a day":           dayDocuments,
		"balances":                     balances,
		"figures of an hour":           hours,
		"forgotten stay taken":         forgottenStayTaken,
		"unknown IDs are not found":    notFound,
		"listing survives odd cursors": oddCursors,
		"what stands open":             standing,
		"scoped pauses":                scopedPauses,
		"withheld rows":                withheldRows,
		"released rows":                releasedRows,
		"a pause is added once":        pauseOnce,
		"resume wakes":                 resumeWakes,
		"fair line":                    fairLine,
		"line and times":               lineAndTimes,
		"order in line":                orderInLine,
		"used of limits":               used,
		"reservations":                 reservations,
		"audit log":                    auditLog,
		"proposals":                    proposals,
		"pulse":                        pulse,
		"feed has every event once":    feedHasAll,
		"feed ends a batch last":       feedEndsBatch,
		"feed is trimmed":              feedIsTrimmed,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// start is the time at which the tests' records begin.
var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// policy is a provider like Reloadly with short times.
func policy() topup.Policy {
	return topup.Policy{
		Plan: topup.Plan{
			Early: []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute}, Interval: time.Hour, Count: 3,
			EndOfDay: topup.TimeOfDay(23*time.Hour + 30*time.Minute), Confirm: topup.ConfirmEndOfDay,
		},
		Traits:  topup.Traits{RefusesRepeat: true, AbsenceByAnswer: true, Hold: time.Minute},
		Timeout: 30 * time.Second, Margin: 5 * time.Second,
	}
}

// order is a new top-up of a merchant, accepted at start.
func order(m topup.MerchantID, reference string) *topup.Topup {
	return orderAt(m, reference, start)
}

func orderAt(m topup.MerchantID, reference string, at time.Time) *topup.Topup {
	t := &topup.Topup{
		ID: topup.NewID(m, reference), Merchant: m, Reference: reference, Recipient: "+27831234567", Country: "ZA",
		Amount: topup.Money{Amount: decimal.RequireFromString("2.00"), Currency: "ZAR"}, Provider: topup.AAT,
		ExpiresAt: at.Add(24 * time.Hour),
	}
	if err := t.Accept(topup.ActorIntake, at); err != nil {
		panic(err) // a new record can always be accepted
	}
	return t
}

func inBatch(t *topup.Topup, b topup.BatchID, line int) *topup.Topup {
	t.Batch, t.Line = b, line
	return t
}

func create(t *testing.T, s topup.Store, ts ...*topup.Topup) {
	t.Helper()
	res, err := s.Create(t.Context(), ts)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range res {
		if r.Existing != nil {
			t.Fatalf("row %d: already there", i)
		}
	}
}

func get(t *testing.T, s topup.Store, id topup.ID) *topup.Topup {
	t.Helper()
	got, err := s.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func update(t *testing.T, s topup.Store, id topup.ID, change func(*topup.Topup) error) *topup.Topup {
	t.Helper()
	got, err := s.Update(t.Context(), id, change)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// merchantOf gives each test a merchant of its own.
func merchantOf(t *testing.T) topup.MerchantID {
	return topup.MerchantID("mer" + string(topup.NewID("test", t.Name()))[:10])
}

func refs(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("r-%04d", i)
	}
	return out
}
