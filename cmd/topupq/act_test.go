package main

import (
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// stuck makes a top-up of the shop that stands in a state.
func (s *shop) stuck(t *testing.T, ref, amount string, state topup.State) topup.ID {
	t.Helper()
	ctx, then := t.Context(), time.Now().UTC().Add(-30*24*time.Hour).Truncate(time.Millisecond)
	x := &topup.Topup{
		ID: topup.NewID(s.keys.ID, ref), Merchant: s.keys.ID, Reference: ref, Recipient: "+27831234567", Country: "ZA",
		Provider: topup.AAT, Amount: topup.Money{Amount: decimal.RequireFromString(amount), Currency: "ZAR"},
	}
	policy := topup.Policy{Timeout: time.Minute, Margin: time.Second, Traits: topup.Traits{RefusesRepeat: true}}
	if err := x.Accept(topup.ActorIntake, then); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.Create(ctx, []*topup.Topup{x}); err != nil {
		t.Fatal(err)
	}
	_, err := s.store.Update(ctx, x.ID, func(x *topup.Topup) error {
		if err := x.BeginSend(policy, 1, then); err != nil {
			return err
		}
		if state == topup.Held {
			return x.RecordSend(policy, 1, topup.Outcome{Answer: topup.Blocked, Code: topup.CodeFloatEmpty}, then)
		}
		if err := x.RecordSend(policy, 1, topup.Outcome{}, then); err != nil {
			return err
		}
		return x.RecordCheck(policy, topup.Outcome{}, time.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
	s.isNow(t, x.ID, state)
	return x.ID
}

func (s *shop) isNow(t *testing.T, id topup.ID, want topup.State) {
	t.Helper()
	x, err := s.store.Get(t.Context(), id)
	if err != nil || x.State != want {
		t.Fatalf("%s is %v, want %s: %v", id, x.State, want, err)
	}
}

// ok runs a command that must succeed, and returns what it printed.
func (s *shop) ok(t *testing.T, args ...string) string {
	t.Helper()
	out, stderr, code := s.run(t, args...)
	if code != 0 {
		t.Fatalf("%v: %d %s%s", args, code, out, stderr)
	}
	return out
}

func withAAT(s *shop) {
	s.env["TOPUPQ_AAT_USERNAME"], s.env["TOPUPQ_AAT_PASSWORD"] = "u", "p"
	s.env["TOPUPQ_AAT_BASE_URL"] = "https://aat.example/service.asmx"
}

func TestReplayCommand(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	withAAT(s)
	id := s.stuck(t, "ord-1", "2.00", topup.Held)
	holds(t, s.ok(t, "replay", "--state", "held"), "will send", "float_empty", "1 will send (2.00 ZAR)", "preview")
	s.isNow(t, id, topup.Held)
	if _, stderr, code := s.run(t, "replay", "--state", "held", "--apply"); code != exitUsage || !strings.Contains(stderr, "reason") {
		t.Errorf("without a reason: %d %s", code, stderr)
	}
	if _, stderr, code := s.run(t, "replay"); code != exitUsage || !strings.Contains(stderr, "filter is empty") {
		t.Errorf("without a filter: %d %s", code, stderr)
	}
	holds(t, s.ok(t, "replay", "--state", "held", "--apply", "--reason", "float was filled"), "done: send")
	s.isNow(t, id, topup.Accepted)
	holds(t, s.ok(t, "audit"), "replay", "before", "after", "float was filled", "1 of 1 done")
	holds(t, s.ok(t, "audit", "--verify"), "whole: 2 entries")
}

func TestCancelAndPauseCommands(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	withAAT(s)
	id := s.stuck(t, "ord-2", "2.00", topup.Held)
	holds(t, s.ok(t, "cancel", "ord-2", "--json"), `"verdict": "will close"`, `"applied": false`)
	s.ok(t, "cancel", "ord-2", "--apply", "--reason", "withdrawn")
	s.isNow(t, id, topup.Failed)
	holds(t, s.ok(t, "pause", "provider:aat"), "preview")
	holds(t, s.ok(t, "pause"), "nothing is paused")
	s.ok(t, "pause", "provider:aat", "--apply", "--reason", "float is empty")
	holds(t, s.ok(t, "pause"), "provider:aat", "float is empty", "until resumed")
	s.ok(t, "resume", "provider:aat", "--apply", "--reason", "filled")
	holds(t, s.ok(t, "pause"), "nothing is paused")
}

func TestResolveCommandNeedsTwoPeople(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	withAAT(s)
	s.env["TOPUPQ_TWO_PEOPLE_ABOVE"] = "100 ZAR"
	s.env["TOPUPQ_OPS_USERS"] = "ann:ann-password:operator,bob:bob-password:admin,vera:vera-password:viewer"
	id := s.stuck(t, "ord-3", "150.00", topup.Unresolved)
	args := []string{"resolve", "ord-3", "--to", "failed", "--evidence", "statement", "--apply", "--reason", "ticket 77"}
	as := func(name string) (string, string, int) {
		s.env["TOPUPQ_OPERATOR_PASSWORD"] = name + "-password"
		return s.run(t, append(args, "--as", name)...)
	}
	holds(t, s.ok(t, args...), "cannot", "two people")
	if _, stderr, code := as("vera"); code != exitUsage || !strings.Contains(stderr, "viewer") {
		t.Errorf("a viewer: %d %s", code, stderr)
	}
	if out, _, code := as("ann"); code != 0 || !strings.Contains(out, "done: propose") {
		t.Errorf("the first person: %d %s", code, out)
	}
	if out, _, _ := as("ann"); !strings.Contains(out, "somebody else has to confirm") {
		t.Errorf("the first person again: %s", out)
	}
	s.isNow(t, id, topup.Unresolved)
	if out, _, code := as("bob"); code != 0 || !strings.Contains(out, "done: close") {
		t.Errorf("the second person: %d %s", code, out)
	}
	s.isNow(t, id, topup.Failed)
	s.env["TOPUPQ_OPERATOR_PASSWORD"] = "wrong"
	if _, stderr, code := s.run(t, append(args, "--as", "ann")...); code != exitUsage || strings.Contains(stderr, "ann-password") {
		t.Errorf("a wrong password: %d %s", code, stderr)
	}
}

func TestAuditNoticesTampering(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	withAAT(s)
	s.stuck(t, "ord-4", "2.00", topup.Held)
	for range 3 {
		s.ok(t, "replay", "ord-4", "--apply", "--reason", "try")
	}
	whole := s.ok(t, "audit", "--verify")
	mark := strings.TrimSpace(whole[strings.LastIndex(whole, " "):])
	s.ok(t, "audit", "--expect", mark)
	log, err := s.redis.List("tq{audit}log")
	if err != nil {
		t.Fatal(err)
	}
	s.redis.Del("tq{audit}log")
	for _, line := range log[:4] {
		if _, err := s.redis.Push("tq{audit}log", line); err != nil {
			t.Fatal(err)
		}
	}
	s.ok(t, "audit", "--verify")
	if _, stderr, code := s.run(t, "audit", "--expect", mark); code != exitBroken || !strings.Contains(stderr, "cut off") {
		t.Errorf("a log that was cut off: %d %s", code, stderr)
	}
	if _, err := s.redis.Push("tq{audit}log", strings.Replace(log[4], "try", "why", 1)); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := s.run(t, "audit", "--verify"); code != exitBroken || !strings.Contains(stderr, "entry 5") {
		t.Errorf("a changed entry: %d %s", code, stderr)
	}
}

func TestDoctorCommand(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	out, _, code := s.run(t, "doctor")
	holds(t, out, "fault", "no provider has credentials", "→", "no scheduler leads")
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	s.env["TOPUPQ_LEADER_TTL"] = "soon"
	if out, _, code = s.run(t, "doctor"); code != exitFailed || !strings.Contains(out, "TOPUPQ_LEADER_TTL") {
		t.Errorf("wrong settings: %d %s", code, out)
	}
}
