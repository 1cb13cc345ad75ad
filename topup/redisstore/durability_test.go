package redisstore_test

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"topupq/redisproc"
	"topupq/topup/redisstore"
)

func TestDurability(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fsync string
		args  []string
		want  redisstore.Durability
		mends []string
	}{
		"always":                 {"always", nil, redisstore.DurabilityAlways, nil},
		"everysec is too little": {"everysec", nil, redisstore.DurabilityAlways, []string{"CONFIG SET appendfsync always"}},
		"everysec allowed":       {"everysec", nil, redisstore.DurabilityEverySec, nil},
		"no file":                {"", nil, redisstore.DurabilityEverySec, []string{"CONFIG SET appendonly yes"}},
		"no file allowed":        {"", nil, redisstore.DurabilityNone, nil},
		"not during rewrites":    {"always", []string{"--no-appendfsync-on-rewrite", "yes"}, redisstore.DurabilityAlways, []string{"CONFIG SET no-appendfsync-on-rewrite no"}},
		"evicting":               {"always", []string{"--maxmemory-policy", "allkeys-lru"}, redisstore.DurabilityAlways, []string{"noeviction"}},
		"everything wrong":       {"", []string{"--maxmemory-policy", "volatile-ttl"}, redisstore.DurabilityAlways, []string{"appendonly yes", "appendfsync always", "noeviction"}},
		"unchecked":              {"", nil, redisstore.DurabilityUnchecked, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redisproc.StartForTest(t, redisproc.Options{AppendFsync: c.fsync, Args: c.args})
			rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
			defer rdb.Close()
			err := redisstore.CheckDurability(t.Context(), rdb, c.want)
			if (err == nil) != (len(c.mends) == 0) {
				t.Fatalf("error %v, mends wanted %v", err, c.mends)
			}
			for _, mend := range c.mends {
				if !strings.Contains(err.Error(), mend) {
					t.Errorf("%v does not name the mend %q", err, mend)
				}
			}
		})
	}
}
