package doctor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/topup/redisstore"
)

const (
	leastVersion = 7
	// memoryAlarm is the share of maxmemory in percent above which a noeviction Redis is near to refusing writes.
	memoryAlarm = 60
	// clockApart is how far two clocks may be apart.
	clockApart = 2 * time.Second
)

func durability(ctx context.Context, c Config) []Finding {
	if c.Durability == "none" || c.Durability == "unchecked" {
		return []Finding{{Warn, "durability", fmt.Sprintf("TOPUPQ_REDIS_DURABILITY is %q: nobody has made sure that the ledger survives a power cut", c.Durability),
			"set TOPUPQ_REDIS_DURABILITY=always, or make sure of it in another way where CONFIG is forbidden"}}
	}
	var out []Finding
	for _, err := range joined(redisstore.CheckDurability(ctx, c.Ledger, redisstore.Durability(c.Durability))) {
		what, mend := cutMend(err.Error())
		out = append(out, Finding{Bad, "durability", what, mend})
	}
	if c.Durability == "everysec" {
		out = append(out, Finding{Warn, "durability", "everysec is allowed: a power cut may lose a second of what was acknowledged", "set TOPUPQ_REDIS_DURABILITY=always and appendfsync always"})
	}
	return or(out, "durability", "what is acknowledged survives a power cut ("+c.Durability+")")
}

// joined takes errors.Join apart.
func joined(err error) []error {
	var many interface{ Unwrap() []error }
	if err == nil {
		return nil
	}
	if errors.As(err, &many) {
		return many.Unwrap()
	}
	return []error{err}
}

// cutMend splits a text of "what is wrong: how to mend it".
func cutMend(text string) (what, mend string) {
	i := strings.LastIndex(text, ": ")
	if i < 0 {
		return text, ""
	}
	return text[:i], text[i+2:]
}

// server looks at the version, the memory and the last writes to disk.
func server(ctx context.Context, c Config) []Finding {
	info, err := infoOf(ctx, c.Ledger)
	if err != nil {
		return []Finding{{Warn, "redis", "INFO cannot be read", "allow the command INFO to the user of TOPUPQ_REDIS_URL"}}
	}
	var out []Finding
	major, _, _ := strings.Cut(info["redis_version"], ".")
	if n, err := strconv.Atoi(major); err == nil && n < leastVersion {
		out = append(out, Finding{Bad, "redis", "version " + info["redis_version"] + " is too old", "upgrade to Redis 7 or later"})
	}
	if status := info["aof_last_write_status"]; status != "" && status != "ok" {
		out = append(out, Finding{Bad, "redis", "the last write to the AOF failed", "look for a full or broken disk on the Redis host"})
	}
	used, limit := number(info["used_memory"]), number(info["maxmemory"])
	if limit > 0 && used*100 > limit*memoryAlarm {
		out = append(out, Finding{Bad, "redis", fmt.Sprintf("%d %% of maxmemory are used; when it is full nothing is taken and nothing drains", used*100/limit),
			"raise maxmemory, or give the host more memory"})
	}
	return or(out, "redis", "version "+info["redis_version"]+", memory and disk are fine")
}

func infoOf(ctx context.Context, rdb redis.UniversalClient) (map[string]string, error) {
	text, err := rdb.Info(ctx).Result()
	if err != nil {
		return nil, fmt.Errorf("read INFO: %w", err)
	}
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			out[k] = v
		}
	}
	return out, nil
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func clock(ctx context.Context, c Config) []Finding {
	before := c.Now()
	theirs, err := c.Ledger.Time(ctx).Result()
	if err != nil {
		return []Finding{{Warn, "clock", "the clock of Redis cannot be read", "allow the command TIME to the user of TOPUPQ_REDIS_URL"}}
	}
	if apart := theirs.Sub(before).Abs(); apart > clockApart {
		return []Finding{{Bad, "clock", fmt.Sprintf("this machine's clock and the clock of Redis are %s apart", apart.Round(time.Millisecond)),
			"run a time service such as chrony on both machines"}}
	}
	return []Finding{{Level: Good, Part: "clock", What: "agrees with the clock of Redis"}}
}
