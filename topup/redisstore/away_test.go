package redisstore_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"topupq/topup"
)

func TestAway(t *testing.T) {
	t.Parallel()
	s, _ := single(t)
	away := func(at time.Time) []topup.Away {
		t.Helper()
		got, err := s.Away(t.Context(), at)
		must(t, err)
		return got
	}
	tell := func(process string, since map[topup.ProviderName]time.Time) {
		t.Helper()
		must(t, s.TellAway(t.Context(), process, since, smsTime.Add(time.Minute)))
	}
	tell("b", map[topup.ProviderName]time.Time{topup.AAT: smsTime.Add(time.Second), topup.Reloadly: smsTime})
	tell("a", map[topup.ProviderName]time.Time{topup.AAT: smsTime})
	want := []topup.Away{{Provider: topup.AAT, Process: "a", Since: smsTime}, {Provider: topup.AAT, Process: "b", Since: smsTime.Add(time.Second)}, {Provider: topup.Reloadly, Process: "b", Since: smsTime}}
	if d := cmp.Diff(want, away(smsTime)); d != "" {
		t.Error(d)
	}
	tell("b", nil)
	if d := cmp.Diff(want[:1], away(smsTime)); d != "" {
		t.Error(d)
	}
	if got := away(smsTime.Add(2 * time.Minute)); len(got) != 0 {
		t.Errorf("a process that has gone silent still counts: %v", got)
	}
}
