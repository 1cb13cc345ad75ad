package intake_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"topupq/intake"
	"topupq/topup"
)

// shelf is an archive.
type shelf struct {
	topups map[topup.ID]*topup.Topup
	away   bool
}

func (s *shelf) Find(_ context.Context, _ topup.ProviderName, _ time.Time, id topup.ID) (*topup.Topup, error) {
	if s.away {
		return nil, errors.New("bucket unreachable")
	}
	if t, ok := s.topups[id]; ok {
		return t, nil
	}
	return nil, topup.ErrNotFound
}

// Each hands out what was made on the day.
func (s *shelf) Each(_ context.Context, p topup.ProviderName, date string, do func(*topup.Topup) error) error {
	if s.away {
		return errors.New("bucket unreachable")
	}
	for _, t := range s.topups {
		if t.Provider != p || t.CreatedAt.Format(time.DateOnly) != date {
			continue
		}
		if err := do(copyTopup(t)); err != nil {
			return err
		}
	}
	return nil
}

// TestReportOfADayThatHasLeftTheLedger reads the archive, other merchants' rows aside, and nothing twice.
func TestReportOfADayThatHasLeftTheLedger(t *testing.T) {
	t.Parallel()
	books := &shelf{topups: map[topup.ID]*topup.Topup{}}
	a := newAPI(t, func(c *intake.Config) { c.Archive = books })
	_, other := a.addMerchant("other", topup.ScopeTopupsWrite, topup.ScopeTopupsRead)
	a.store.remembered = map[topup.ID]*topup.Topup{}
	for n, who := range []*api{a, a.as(other)} {
		for _, reference := range []string{"stays", "goes", "went"}[:3-n] {
			id := topup.ID(who.do("POST", "/v1/topups", good(reference)).want(202).text("id"))
			books.topups[id] = copyTopup(a.store.topups[id])
			if reference != "stays" {
				delete(a.store.topups, id)
				a.store.remembered[id] = &topup.Topup{ID: id}
			}
		}
	}
	report := a.do("GET", "/v1/reports/"+start.Format(time.DateOnly), "").want(200).json()
	if report["rows"] != num("3") || len(report["data"].([]any)) != 3 {
		t.Errorf("%v rows: %v", report["rows"], report["data"])
	}
}

// TestForgottenReferencesStayTaken: a reference whose top-up has left the ledger is answered from the archive, or from what
// is remembered of it; it is never accepted again.
func TestForgottenReferencesStayTaken(t *testing.T) {
	t.Parallel()
	books := &shelf{topups: map[topup.ID]*topup.Topup{}}
	a := newAPI(t, func(c *intake.Config) { c.Archive = books })
	id := topup.ID(a.do("POST", "/v1/topups", good("gone")).want(202).text("id"))
	old := a.store.topups[id]
	old.State, old.ProviderReference = topup.Succeeded, "P-1"
	left := &topup.Topup{
		ID: id, Merchant: old.Merchant, Reference: "gone", Provider: topup.AAT, State: topup.Succeeded, CreatedAt: start,
		Archived: &topup.Archived{Day: start, Content: old.ContentDigest()},
	}
	books.topups[id] = copyTopup(old)
	delete(a.store.topups, id)
	a.store.remembered = map[topup.ID]*topup.Topup{id: left}

	again := a.do("POST", "/v1/topups", good("gone")).want(200)
	if again.header.Get("Idempotent-Replayed") != "true" || again.text("state") != "succeeded" || again.text("provider_reference") != "P-1" {
		t.Errorf("the same again: %s", again.body)
	}
	a.do("POST", "/v1/topups", with(`"reference":"gone","recipient":"+27831234567","currency":"ZAR","amount":"6.00"`)).problem(409, "reference_conflict")
	if got := a.do("GET", "/v1/topups/"+string(id), "").want(200); got.text("provider_reference") != "P-1" {
		t.Errorf("read: %s", got.body)
	}
	if got := a.do("GET", "/v1/topups?reference=gone", "").want(200).json(); len(got["data"].([]any)) != 1 {
		t.Errorf("looked up: %v", got)
	}
	_, other := a.addMerchant("other", topup.ScopeTopupsRead)
	a.as(other).do("GET", "/v1/topups/"+string(id), "").problem(404, "not_found")

	batch := a.do("POST", "/v1/batches", `{"topups":[`+good("gone")+`,`+good("new")+`]}`).want(202).json()
	if batch["duplicates"] != num("1") || batch["accepted"] != num("1") {
		t.Errorf("in a batch: %v", batch)
	}

	books.away = true
	again = a.do("POST", "/v1/topups", good("gone")).want(200)
	if again.text("state") != "succeeded" || again.json()["provider_reference"] != nil || again.text("recipient") != "+27831234567" {
		t.Errorf("with the archive away: %s", again.body)
	}
	a.do("GET", "/v1/topups/"+string(id), "").problem(503, "unavailable")
	if len(a.store.topups) != 1 || len(a.ring.sends[topup.AAT]) != 2 {
		t.Errorf("%d records, rung for %v: a forgotten reference was taken again", len(a.store.topups), a.ring.sends)
	}
}
