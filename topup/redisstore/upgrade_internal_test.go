package redisstore

import (
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/shopspring/decimal"
	"google.golang.org/protobuf/encoding/protowire"

	"topupq/topup"
)

// Fields of a version to come, which this one does not know.
const (
	futureText  protowire.Number = 900
	futureCount protowire.Number = 901
)

// newer writes a record as a version to come would: with fields that this one does not know.
func newer(t *testing.T, s *Store, x *topup.Topup) {
	t.Helper()
	b := protowire.AppendTag(nil, futureText, protowire.BytesType)
	b = protowire.AppendString(b, "kept for the newer one")
	b = protowire.AppendTag(b, futureCount, protowire.VarintType)
	b = protowire.AppendVarint(b, 42)
	if _, err := s.Update(t.Context(), x.ID, func(x *topup.Topup) error {
		x.Extra = append(x.Extra, b...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestOlderAndNewerWriters lets this version and one to come write the same record in turn, as in a rolling upgrade:
// what the older one does not know survives its writes, and its moves count for the newer one.
func TestOlderAndNewerWriters(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	open := func() *Store {
		rdb := redis.NewClient(&redis.Options{Addr: m.Addr()})
		s := Open(rdb, Options{})
		t.Cleanup(func() { s.Close(); _ = rdb.Close() })
		return s
	}
	older, future := open(), open()
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	policy := topup.Policy{Timeout: time.Minute, Traits: topup.Traits{RefusesRepeat: true}, Plan: topup.Plan{Interval: time.Hour, Count: 3}}
	x := &topup.Topup{
		ID: topup.NewID("mer", "a"), Merchant: "mer", Reference: "a", Recipient: "+27831234567", Provider: topup.AAT,
		Amount: topup.Money{Amount: decimal.RequireFromString("2"), Currency: "ZAR"},
	}
	if err := x.Accept(topup.ActorIntake, now); err != nil {
		t.Fatal(err)
	}
	if _, err := future.Create(t.Context(), []*topup.Topup{x}); err != nil {
		t.Fatal(err)
	}
	newer(t, future, x)
	for _, change := range []func(*topup.Topup) error{
		func(x *topup.Topup) error { return x.BeginSend(policy, 7, now) },
		func(x *topup.Topup) error {
			return x.RecordSend(policy, 7, topup.Outcome{Answer: topup.InProgress}, now)
		},
		func(x *topup.Topup) error { return x.RecordCheck(policy, topup.Outcome{Answer: topup.Delivered}, now) },
	} {
		if _, err := older.Update(t.Context(), x.ID, change); err != nil {
			t.Fatal(err)
		}
	}
	got, err := future.Get(t.Context(), x.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.State != topup.Succeeded || got.Version() != 4 || !strings.Contains(string(got.Extra), "kept for the newer one") {
		t.Errorf("after the older version's writes: %s, version %d, extra %q", got.State, got.Version(), got.Extra)
	}
	found := map[protowire.Number]uint64{}
	if err := fields(string(got.Extra), func(f field) error { found[f.n] += max(f.num, 1); return nil }); err != nil {
		t.Fatal(err)
	}
	if found[futureText] != 1 || found[futureCount] != 42 || len(found) != 2 {
		t.Errorf("fields of the newer version: %v", found)
	}
}

// TestUnknownFormatIsNotTouched: a record of a format to come is refused, never overwritten.
func TestUnknownFormatIsNotTouched(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: m.Addr()})
	s := Open(rdb, Options{})
	t.Cleanup(func() { s.Close(); _ = rdb.Close() })
	id := topup.NewID("mer", "a")
	record := string([]byte{format1 + 1, byte(topup.Accepted)}) + strings.Repeat("x", 40)
	if err := m.Set(recordKey(id), record); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Update(t.Context(), id, func(x *topup.Topup) error { x.Tries++; return nil }); err == nil {
		t.Error("a record of an unknown format was changed")
	}
	if after, err := m.Get(recordKey(id)); err != nil || after != record {
		t.Errorf("the record is %q now: %v", after, err)
	}
}
