package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

func TestRedisOptions(t *testing.T) {
	t.Parallel()
	type facts struct {
		Addrs                             []string
		Cluster, TLS                      bool
		Master                            string
		DB, Pool                          int
		User, Password, Sentinel, SentPwd string
		Read                              time.Duration
	}
	tests := map[string]facts{
		"redis://localhost": {Addrs: []string{"localhost:6379"}},
		"redis://u:p%2F%40@h:1/3?pool_size=7&read_timeout=2s": {Addrs: []string{"h:1"}, DB: 3, Pool: 7, User: "u", Password: "p/@", Read: 2 * time.Second},
		"rediss://:p@h:1":                                        {Addrs: []string{"h:1"}, TLS: true, Password: "p"},
		"redis://u:p@h:1?addr=h2:2&addr=h3:3":                    {Addrs: []string{"h:1", "h2:2", "h3:3"}, Cluster: true, User: "u", Password: "p"},
		"redis-sentinel://h:1,h2:2/4?master=m":                   {Addrs: []string{"h:1", "h2:2"}, Master: "m", DB: 4},
		"redis-sentinel://h:1?master_name=m&addr=h2:2":           {Addrs: []string{"h:1", "h2:2"}, Master: "m"},
		"redis-sentinel://u:p@h:1,h2:2,[::1]:3?master=m":         {Addrs: []string{"h:1", "h2:2", "[::1]:3"}, Master: "m", User: "u", Password: "p"},
		"redis-sentinel://:p@h:1?master=m&sentinel_password=s":   {Addrs: []string{"h:1"}, Master: "m", Password: "p", SentPwd: "s"},
		"redis-sentinel://h:1?master=m&tls=true&max_retries=1&":  {Addrs: []string{"h:1"}, Master: "m", TLS: true},
		"redis-sentinel://h:1?master=m&sentinel_username=x&db=2": {Addrs: []string{"h:1"}, Master: "m", Sentinel: "x", DB: 2},
	}
	for address, want := range tests {
		o, err := RedisOptions(Secret(address))
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		got := facts{o.Addrs, o.IsClusterMode, o.TLSConfig != nil, o.MasterName, o.DB, o.PoolSize, o.Username, o.Password, o.SentinelUsername, o.SentinelPassword, o.ReadTimeout}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", address, diff)
		}
		if !o.ContextTimeoutEnabled {
			t.Errorf("%s: deadlines would be ignored", address)
		}
	}
}

// TestRedisClients makes sure that go-redis makes the client that the address means.
func TestRedisClients(t *testing.T) {
	t.Parallel()
	for address, cluster := range map[string]bool{"redis://h": false, "redis://h?addr=h2:1": true, "redis-sentinel://h?master=m": false} {
		o, err := RedisOptions(Secret(address))
		if err != nil {
			t.Fatal(err)
		}
		c := redis.NewUniversalClient(o)
		if _, is := c.(*redis.ClusterClient); is != cluster {
			t.Errorf("%s makes a %T", address, c)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRedisOptionsRefuses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"":                              "not a Redis address",
		"localhost:6379":                "not a Redis address",
		"http://h":                      "not a Redis address",
		"redis://":                      "not a Redis address",
		"redis://h/x":                   "not a Redis address",
		"redis://h?colour=red":          "not a Redis address",
		"redis://u:pa/ss@h":             "not a Redis address",
		"redis://h/3?addr=h2:1":         "only database 0",
		"redis://h?master_name=m":       "belongs to sentinels",
		"redis-sentinel://h:1,h2:2":     "master's name is missing",
		"redis-sentinel://h:x?master=m": "not a Redis address",
	} {
		_, err := RedisOptions(Secret(address))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", address, err, want)
		}
	}
}
