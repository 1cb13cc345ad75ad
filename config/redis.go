package config

import (
	"errors"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"
)

const sentinelScheme = "redis-sentinel"

// errRedisURL is the one answer to a bad address: go-redis' and net/url's own words quote the part that is wrong,
// and with an unescaped password that part is the password.
var errRedisURL = errors.New("not a Redis address: write redis://user:password@host:6379/0 (rediss:// for TLS), " +
	"redis://host:6379?addr=host2:6379 for a cluster, or redis-sentinel://host:26379,host2:26379/0?master=name; " +
	"characters such as / ? # @ : in a password must be percent-encoded, and options must be those of go-redis")

// RedisOptions reads the address of a Redis. A call with a deadline keeps it: ContextTimeoutEnabled is set.
//
//	redis://user:password@host:6379/0                      one server; rediss:// for TLS
//	redis://host:6379?addr=host2:6379&addr=host3:6379      a cluster, by its seeds
//	redis-sentinel://host:26379,host2:26379/0?master=name  a master watched by sentinels
//
// User and password are those of the data servers; the sentinels' own are sentinel_username and
// sentinel_password, and tls=true speaks TLS to all of them. Other options of go-redis may follow as query
// (pool_size, read_timeout, …). The error never holds the address, since it may hold a password.
func RedisOptions(address Secret) (*redis.UniversalOptions, error) {
	u, others, err := parseRedis(address.Reveal())
	if err != nil {
		return nil, err
	}
	q := u.Query()
	cluster := len(others) > 0 || q.Has("addr")
	sentinel := u.Scheme == sentinelScheme
	if sentinel {
		if err := sentinelQuery(u, q, others); err != nil {
			return nil, err
		}
	}
	u.RawQuery = q.Encode()
	o, err := redis.ParseFailoverURL(u.String())
	if err != nil {
		return nil, errRedisURL
	}
	opts := universal(o)
	if !sentinel {
		opts.Username, opts.Password = o.SentinelUsername, o.SentinelPassword
		opts.SentinelUsername, opts.SentinelPassword = "", ""
		opts.IsClusterMode = cluster
	}
	if opts.IsClusterMode && opts.DB != 0 {
		return nil, errors.New("a Redis cluster has only database 0: leave the number out")
	}
	return opts, nil
}

// parseRedis takes the hosts after the first one out of a sentinel address, which is no URL with them.
func parseRedis(address string) (*url.URL, []string, error) {
	var others []string
	if rest, ok := strings.CutPrefix(address, sentinelScheme+"://"); ok {
		end := strings.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		at := strings.LastIndex(rest[:end], "@") + 1
		hosts := strings.Split(rest[at:end], ",")
		address, others = sentinelScheme+"://"+rest[:at]+hosts[0]+rest[end:], hosts[1:]
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "redis" && u.Scheme != "rediss" && u.Scheme != sentinelScheme) {
		return nil, nil, errRedisURL
	}
	if u.Scheme != sentinelScheme && u.Query().Has("master_name") {
		return nil, nil, errors.New("a master's name belongs to sentinels: write redis-sentinel://host:26379/0?master=name")
	}
	return u, others, nil
}

// sentinelQuery brings u into the form that redis.ParseFailoverURL reads: there the user of the URL is the
// sentinels' and the data servers' comes as query.
func sentinelQuery(u *url.URL, q url.Values, others []string) error {
	for _, h := range others {
		q.Add("addr", h)
	}
	if name := q.Get("master"); name != "" {
		q.Set("master_name", name)
	}
	if q.Get("master_name") == "" {
		return errors.New("the master's name is missing: add ?master=name, as in sentinel.conf")
	}
	u.Scheme = "redis"
	if q.Get("tls") == "true" {
		u.Scheme = "rediss"
	}
	password, _ := u.User.Password()
	q.Set("username", u.User.Username())
	q.Set("password", password)
	u.User = url.UserPassword(q.Get("sentinel_username"), q.Get("sentinel_password"))
	for _, own := range []string{"master", "tls", "sentinel_username", "sentinel_password"} {
		q.Del(own)
	}
	return nil
}

func universal(o *redis.FailoverOptions) *redis.UniversalOptions {
	return &redis.UniversalOptions{
		Addrs: o.SentinelAddrs, MasterName: o.MasterName, DB: o.DB, TLSConfig: o.TLSConfig,
		Username: o.Username, Password: o.Password,
		SentinelUsername: o.SentinelUsername, SentinelPassword: o.SentinelPassword,
		ClientName: o.ClientName, Protocol: o.Protocol, DisableIdentity: o.DisableIdentity,
		ContextTimeoutEnabled: true,
		MaxRetries:            o.MaxRetries, MinRetryBackoff: o.MinRetryBackoff, MaxRetryBackoff: o.MaxRetryBackoff,
		DialTimeout: o.DialTimeout, ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout,
		PoolFIFO: o.PoolFIFO, PoolSize: o.PoolSize, PoolTimeout: o.PoolTimeout,
		MinIdleConns: o.MinIdleConns, MaxIdleConns: o.MaxIdleConns, MaxActiveConns: o.MaxActiveConns,
		ConnMaxIdleTime: o.ConnMaxIdleTime, ConnMaxLifetime: o.ConnMaxLifetime,
	}
}
