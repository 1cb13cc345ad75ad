package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Durability is what the ledger's Redis must promise before money is moved.
type Durability string

// The levels: DurabilityAlways survives a power cut, DurabilityEverySec may lose a second, DurabilityNone all of it.
// DurabilityUnchecked asks nothing, where CONFIG is forbidden.
const (
	DurabilityAlways    Durability = "always"
	DurabilityEverySec  Durability = "everysec"
	DurabilityNone      Durability = "none"
	DurabilityUnchecked Durability = "unchecked"
)

// CheckDurability asks every primary whether it keeps what it acknowledges. The error names each setting that is
// weaker than demanded and the command that mends it; it wraps topup.ErrUnavailable when Redis does not answer.
func CheckDurability(ctx context.Context, rdb redis.UniversalClient, want Durability) error {
	if want == DurabilityUnchecked {
		return nil
	}
	cluster, ok := rdb.(*redis.ClusterClient)
	if !ok {
		return checkNode(ctx, rdb, want)
	}
	var mu sync.Mutex
	var errs []error
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		if err := checkNode(ctx, node, want); err != nil {
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, fmt.Errorf("node %s: %w", node.Options().Addr, err))
		}
		return nil
	})
	return errors.Join(append(errs, unavailable(err))...)
}

func checkNode(ctx context.Context, rdb redis.Cmdable, want Durability) error {
	var errs []error
	info, err := rdb.Info(ctx, "replication").Result()
	if err != nil {
		return unavailable(fmt.Errorf("read INFO replication: %w", err))
	}
	if info != "" && !strings.Contains(info, "role:master") {
		errs = append(errs, errors.New("it is a replica, which may lag and refuses writes: point TOPUPQ_REDIS_URL at the primary"))
	}
	if want == DurabilityNone {
		return errors.Join(errs...)
	}
	values, err := configValues(ctx, rdb, "appendonly", "appendfsync", "no-appendfsync-on-rewrite", "maxmemory-policy")
	if err != nil {
		return fmt.Errorf("read CONFIG (set TOPUPQ_REDIS_DURABILITY=unchecked where it is forbidden): %w", err)
	}
	if values["appendonly"] != "yes" {
		errs = append(errs, errors.New("appendonly is off, so a restart forgets what was acknowledged: CONFIG SET appendonly yes"))
	}
	if fsync := values["appendfsync"]; !fsyncEnough(fsync, want) {
		errs = append(errs, fmt.Errorf("appendfsync is %q, demanded is %q: CONFIG SET appendfsync %s, or allow less with TOPUPQ_REDIS_DURABILITY=everysec", fsync, want, want))
	}
	if values["appendonly"] == "yes" && values["no-appendfsync-on-rewrite"] == "yes" {
		errs = append(errs, errors.New("no-appendfsync-on-rewrite is on, so nothing is synced while the file is rewritten: CONFIG SET no-appendfsync-on-rewrite no"))
	}
	if policy := values["maxmemory-policy"]; policy != "noeviction" {
		errs = append(errs, fmt.Errorf("maxmemory-policy is %q, which throws acknowledged top-ups away under pressure: CONFIG SET maxmemory-policy noeviction", policy))
	}
	return errors.Join(errs...)
}

func fsyncEnough(have string, want Durability) bool {
	return have == "always" || (have == "everysec" && want == DurabilityEverySec)
}

func configValues(ctx context.Context, rdb redis.Cmdable, names ...string) (map[string]string, error) {
	out := map[string]string{}
	for _, name := range names {
		values, err := rdb.ConfigGet(ctx, name).Result()
		if err != nil {
			return nil, unavailable(err)
		}
		out[name] = values[name]
	}
	return out, nil
}
