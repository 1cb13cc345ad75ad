package redisstore_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"topupq/topup"
	"topupq/topup/redisstore"
)

var smsTime = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// single opens a store on an embedded Redis of its own.
func single(t *testing.T) (*redisstore.Store, *miniredis.Miniredis) {
	t.Helper()
	server := miniredis.RunT(t)
	return at(t, server), server
}

// at opens another store on the same Redis.
func at(t *testing.T, server *miniredis.Miniredis) *redisstore.Store {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	s := redisstore.Open(rdb, redisstore.Options{})
	t.Cleanup(s.Close)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSMSNumbers(t *testing.T) {
	t.Parallel()
	s, server := single(t)
	number := func(reference string, now time.Time) topup.SMS {
		t.Helper()
		sms, err := s.SMSDedup(t.Context(), topup.NewID("m", reference), now)
		must(t, err)
		return sms
	}
	first, again, other := number("a", smsTime), number("a", smsTime.Add(11*time.Hour)), number("b", smsTime)
	if first != again || first.Sent || first.Stale || other.Number == first.Number || first.Number < 1 {
		t.Errorf("numbers %+v, %+v, %+v", first, again, other)
	}
	late := number("a", smsTime.Add(11*time.Hour+time.Second))
	if !late.Stale || late.Number != first.Number {
		t.Errorf("after eleven hours: %+v", late)
	}
	fresh, err := s.SMSRenumber(t.Context(), topup.NewID("m", "a"), smsTime.Add(12*time.Hour))
	if err != nil || fresh.Stale || fresh.Number == first.Number || fresh.Number == other.Number {
		t.Errorf("a new number: %+v, %v", fresh, err)
	}
	must(t, s.SMSSent(t.Context(), topup.NewID("m", "a")))
	if got := number("a", smsTime); !got.Sent {
		t.Error("a sent text is not known as sent")
	}
	if got, err := s.SMSRenumber(t.Context(), topup.NewID("m", "a"), smsTime); err != nil || !got.Sent {
		t.Errorf("a sent text gets a new number: %+v, %v", got, err)
	}
	must(t, server.Set("tq{sms}counter", "2147483646"))
	last, around := number("last", smsTime), number("around", smsTime)
	if last.Number != 2147483647 || around.Number != 1 {
		t.Errorf("the counter ends with %d and goes on with %d", last.Number, around.Number)
	}
}

// TestSMSOwed: a text is shown until it was sent or is not owed any more.
func TestSMSOwed(t *testing.T) {
	t.Parallel()
	s, _ := single(t)
	a, b, c := topup.NewID("m", "a"), topup.NewID("m", "b"), topup.NewID("m", "c")
	for _, id := range []topup.ID{a, b, c} {
		must(t, s.OweSMS(t.Context(), id, smsTime))
	}
	must(t, s.OweSMS(t.Context(), a, smsTime.Add(time.Hour))) // told before
	due := func(now time.Time) []topup.ID {
		t.Helper()
		ids, err := s.DueSMS(t.Context(), now, now.Add(time.Minute), 10)
		must(t, err)
		slices.Sort(ids)
		return ids
	}
	all := []topup.ID{a, b, c}
	slices.Sort(all)
	if got := due(smsTime.Add(-time.Second)); len(got) != 0 {
		t.Errorf("too early: %v", got)
	}
	if d := cmp.Diff(all, due(smsTime)); d != "" {
		t.Error(d)
	}
	if got := due(smsTime.Add(59 * time.Second)); len(got) != 0 {
		t.Errorf("shown again at once: %v", got)
	}
	must(t, s.SMSSent(t.Context(), a))
	must(t, s.SettleSMS(t.Context(), b))
	must(t, s.PutOffSMS(t.Context(), c, smsTime.Add(time.Hour)))
	must(t, s.PutOffSMS(t.Context(), a, smsTime)) // not owed: stays so
	if got := due(smsTime.Add(30 * time.Minute)); len(got) != 0 {
		t.Errorf("not owed, or later: %v", got)
	}
	if d := cmp.Diff([]topup.ID{c}, due(smsTime.Add(time.Hour))); d != "" {
		t.Error(d)
	}
}

func TestSMSReports(t *testing.T) {
	t.Parallel()
	s, _ := single(t)
	id := topup.NewID("m", "a")
	if _, err := s.SMSReport(t.Context(), id); !errors.Is(err, topup.ErrNotFound) {
		t.Errorf("nothing reported: %v", err)
	}
	for _, step := range []struct {
		status      string
		final, news bool
	}{
		{"SENT", false, true}, {"SENT", false, false}, {"DELIVERED", true, true}, {"SENT", false, false}, {"FAILED.EXPIRED", true, false},
	} {
		news, err := s.NoteSMSReport(t.Context(), topup.SMSReport{Topup: id, Message: "42", Status: step.status, Final: step.final, At: smsTime})
		if err != nil || news != step.news {
			t.Errorf("%s: news %v, %v", step.status, news, err)
		}
	}
	want := topup.SMSReport{Topup: id, Message: "42", Status: "DELIVERED", Final: true, At: smsTime}
	got, err := s.SMSReport(t.Context(), id)
	must(t, err)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestProviderCallbackNotes(t *testing.T) {
	t.Parallel()
	s, _ := single(t)
	for i, result := range []string{"forged", "taken"} {
		must(t, s.NoteProviderCallback(t.Context(), topup.ProviderCallback{
			At: smsTime.Add(time.Duration(i) * time.Second), Provider: "aat", Result: result, Topup: "abc", Detail: "x",
		}))
	}
	got, err := s.ProviderCallbacks(t.Context(), 10)
	must(t, err)
	want := []topup.ProviderCallback{
		{At: smsTime.Add(time.Second), Provider: "aat", Result: "taken", Topup: "abc", Detail: "x"},
		{At: smsTime, Provider: "aat", Result: "forged", Topup: "abc", Detail: "x"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for i, want := range []bool{true, false} {
		if first, err := s.FirstSeen(t.Context(), "body", time.Minute); err != nil || first != want {
			t.Errorf("look %d: %v, %v", i, first, err)
		}
	}
}
