package redisstore

import (
	"errors"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"topupq/topup"
)

// machine is a clock that can be set, beside one that only goes on.
type machine struct{ now time.Time }

func (m *machine) clock(rdb redis.UniversalClient) *Clock {
	c := NewClock(rdb, zap.NewNop())
	c.local = func() time.Time { return m.now }
	return c
}

func newTimeServer(t *testing.T) (*miniredis.Miniredis, redis.UniversalClient) {
	t.Helper()
	server := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = rdb.Close() })
	return server, rdb
}

// TestClocksAgree: machines whose clocks are ten minutes apart tell the same time.
func TestClocksAgree(t *testing.T) {
	t.Parallel()
	server, rdb := newTimeServer(t)
	truth := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	server.SetTime(truth)
	for _, off := range []time.Duration{-5 * time.Minute, 0, 5 * time.Minute} {
		m := &machine{now: truth.Add(off)}
		c := m.clock(rdb)
		if got := c.Now(); !got.Equal(m.now) {
			t.Errorf("before the first answer: %s", got)
		}
		if err := c.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.now = m.now.Add(90 * time.Second)
		if got := c.Now(); !got.Equal(truth.Add(90 * time.Second)) {
			t.Errorf("%s apart: %s", off, got)
		}
	}
}

// TestClockFollowsAJumpSlowly: no hold time gets shorter by more than a second at each question.
func TestClockFollowsAJumpSlowly(t *testing.T) {
	t.Parallel()
	server, rdb := newTimeServer(t)
	truth := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, jump := range []time.Duration{5 * time.Minute, -5 * time.Minute} {
		server.SetTime(truth)
		m := &machine{now: truth}
		c := m.clock(rdb)
		if err := c.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		server.SetTime(truth.Add(jump))
		last := c.Now()
		for range 400 {
			if err := c.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			if step := c.Now().Sub(last).Abs(); step > clockStep {
				t.Fatalf("a step of %s", step)
			}
			last = c.Now()
		}
		if !last.Equal(truth.Add(jump)) {
			t.Errorf("jump of %s: in the end %s", jump, last)
		}
	}
}

// TestClockWithoutTheStore goes on by itself.
func TestClockWithoutTheStore(t *testing.T) {
	t.Parallel()
	server, rdb := newTimeServer(t)
	truth := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	server.SetTime(truth)
	m := &machine{now: truth.Add(time.Hour)}
	c := m.clock(rdb)
	if err := c.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.Close()
	if err := c.Sync(t.Context()); !errors.Is(err, topup.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	m.now = m.now.Add(time.Minute)
	if got := c.Now(); !got.Equal(truth.Add(time.Minute)) {
		t.Errorf("%s", got)
	}
}
