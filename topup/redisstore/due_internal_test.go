package redisstore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/shopspring/decimal"

	"topupq/redisproc"
	"topupq/topup"
)

// effort is what Redis did: how many commands of each kind, and how long they took it altogether.
type effort struct {
	calls map[string]int64
	micro int64
}

var commandStats = regexp.MustCompile(`cmdstat_(\w+):calls=(\d+),usec=(\d+)`)

// dueBench is a store on a real Redis with 400 top-ups that are to be sent now.
type dueBench struct {
	t   *testing.T
	rdb *redis.Client
	s   *Store
	now time.Time
}

const dueNow = 400

func newDueBench(t *testing.T) *dueBench {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: redisproc.StartForTest(t, redisproc.Options{}).Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	b := &dueBench{t: t, rdb: rdb, s: Open(rdb, Options{}), now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
	t.Cleanup(b.s.Close)
	accepted(t, b.s, b.now, dueNow)
	return b
}

// accepted creates n top-ups.
func accepted(t *testing.T, s *Store, now time.Time, n int) []*topup.Topup {
	t.Helper()
	ts := make([]*topup.Topup, n)
	for i := range ts {
		ts[i] = &topup.Topup{
			ID: topup.NewID("m", fmt.Sprint("due-", i)), Merchant: "m", Reference: fmt.Sprint("due-", i), Provider: topup.AAT, Recipient: "+27831234567",
			Amount: topup.Money{Amount: decimal.New(2, 0), Currency: "ZAR"},
		}
		if err := ts[i].Accept(topup.ActorIntake, now); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Create(t.Context(), ts); err != nil {
		t.Fatal(err)
	}
	return ts
}

// wait lists n more top-ups that are not due for an hour and more, in both indexes.
func (b *dueBench) wait(from, n int) {
	b.t.Helper()
	const atOnce = 5000
	for start := from; start < from+n; start += atOnce {
		pipe := b.rdb.Pipeline()
		for i := start; i < min(start+atOnce, from+n); i++ {
			id := topup.NewID("m", fmt.Sprint("open-", i))
			z := redis.Z{Score: float64(b.now.Add(time.Hour + time.Duration(i)*time.Second).UnixMilli()), Member: string(id)}
			shard := shardOf(string(id))
			pipe.ZAdd(b.t.Context(), sendIndex(shard, topup.AAT), z)
			pipe.ZAdd(b.t.Context(), checkIndex(shard, topup.AAT), z)
		}
		if _, err := pipe.Exec(b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
	}
}

// find takes all that is due, and leaves it due, as often as rounds says.
func (b *dueBench) find(rounds int) effort {
	b.t.Helper()
	if err := b.rdb.ConfigResetStat(b.t.Context()).Err(); err != nil {
		b.t.Fatal(err)
	}
	for range rounds {
		found := 0
		for {
			due, err := b.s.DueSends(b.t.Context(), topup.AAT, b.now, b.now.Add(time.Millisecond), dueNow)
			if err != nil {
				b.t.Fatal(err)
			}
			if len(due) == 0 {
				break
			}
			found += len(due)
		}
		n, err := b.s.CountDueChecks(b.t.Context(), topup.AAT, b.now)
		if err != nil || n != 0 || found != dueNow {
			b.t.Fatalf("%d found of %d, %d checks: %v", found, dueNow, n, err)
		}
		b.now = b.now.Add(time.Millisecond)
	}
	text, err := b.rdb.Info(b.t.Context(), "commandstats").Result()
	if err != nil {
		b.t.Fatal(err)
	}
	e := effort{calls: map[string]int64{}}
	for _, m := range commandStats.FindAllStringSubmatch(text, -1) {
		calls, _ := strconv.ParseInt(m[2], 10, 64) // the pattern matches digits only
		micro, _ := strconv.ParseInt(m[3], 10, 64)
		if m[1] != "info" && m[1] != "config" {
			e.calls[m[1]], e.micro = calls, e.micro+micro
		}
	}
	return e
}

// least is the least busy of a few runs: others use the machine too.
func (b *dueBench) least(rounds int) effort {
	b.t.Helper()
	best := b.find(rounds)
	for range 4 {
		if e := b.find(rounds); e.micro < best.micro {
			best = e
		}
	}
	return best
}

// TestFindingWhatIsDueCostsWhatIsDue: with a million top-ups open and 400 of them due, the same commands find them as with
// a thousand, and Redis is not longer about it than a deeper index explains.
func TestFindingWhatIsDueCostsWhatIsDue(t *testing.T) {
	t.Parallel()
	const few, many, rounds = 1000, 1_000_000, 20
	b := newDueBench(t)
	b.wait(0, few)
	b.find(rounds) // scripts are loaded and warm
	small := b.least(rounds)
	b.wait(few, many-few)
	large := b.least(rounds)
	for name, n := range large.calls {
		if was := small.calls[name]; n > was+was/10+rounds {
			t.Errorf("%s: %d times with %d open, %d times with %d", name, n, many, was, few)
		}
	}
	ratio := float64(large.micro) / float64(small.micro)
	t.Logf("%d looks for %d due: Redis was busy for %d µs with %d open, %d µs with %d: %.2f times", rounds, dueNow, small.micro, few, large.micro, many, ratio)
	if ratio > 4 {
		t.Errorf("a thousand times as many open ones make Redis %.1f times as busy", ratio)
	}
	slow, err := b.rdb.SlowLogGet(t.Context(), 100).Result()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d commands took Redis 10 ms or more, loading included", len(slow))
}

// shardAway fails every command on one shard, as a cluster does whose primary for it is away.
type shardAway struct{ prefix string }

var errShardAway = errors.New("CLUSTERDOWN Hash slot not served")

func (shardAway) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (shardAway) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (a shardAway) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		for _, c := range cmds {
			for _, arg := range c.Args() {
				if key, ok := arg.(string); ok && strings.HasPrefix(key, a.prefix) {
					c.SetErr(errShardAway)
					err = errShardAway
				}
			}
		}
		return err
	}
}

// TestDueWhileAShardIsAway finds what is due in all other shards, and an empty answer says that it is not the whole truth.
func TestDueWhileAShardIsAway(t *testing.T) {
	t.Parallel()
	b := newDueBench(t)
	b.rdb.AddHook(shardAway{prefix(3)})
	found := map[topup.ID]bool{}
	for range 10 {
		due, err := b.s.DueSends(t.Context(), topup.AAT, b.now, b.now.Add(time.Hour), dueNow)
		if len(due) == 0 && errors.Is(err, topup.ErrUnavailable) {
			break
		}
		if err != nil || len(due) == 0 {
			t.Fatalf("%d found: %v", len(due), err)
		}
		for _, d := range due {
			found[d.ID] = true
		}
	}
	elsewhere := 0
	for i := range dueNow {
		if shardOf(string(topup.NewID("m", fmt.Sprint("due-", i)))) != 3 {
			elsewhere++
		}
	}
	if len(found) != elsewhere || elsewhere == dueNow {
		t.Errorf("found %d of %d that other shards hold", len(found), elsewhere)
	}
	if _, err := b.s.CountDueChecks(t.Context(), topup.AAT, b.now); !errors.Is(err, topup.ErrUnavailable) {
		t.Errorf("a count that leaves a shard out: %v", err)
	}
	b.rdb.AddHook(shardAway{""})
	if _, err := b.s.DueSends(t.Context(), topup.AAT, b.now, b.now.Add(time.Hour), dueNow); !errors.Is(err, topup.ErrUnavailable) {
		t.Errorf("with all of it away: %v", err)
	}
}
