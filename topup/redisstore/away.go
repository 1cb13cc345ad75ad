package redisstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"topupq/topup"
)

// awayKey is a hash of what processes say of their breakers: process to awayEntry. It is for people to look at.
const (
	awayKey  = "tq:away"
	awayKept = 10 * time.Minute
)

// awayEntry is what one process says, and until when that counts.
type awayEntry struct {
	Until time.Time                        `json:"until"`
	Since map[topup.ProviderName]time.Time `json:"since"`
}

// TellAway tells since when a process has its breakers open, by provider. It counts until then; nothing open ends it.
func (s *Store) TellAway(ctx context.Context, process string, since map[topup.ProviderName]time.Time, until time.Time) error {
	if len(since) == 0 {
		return unavailable(s.rdb.HDel(ctx, awayKey, process).Err())
	}
	value, err := json.Marshal(awayEntry{until.UTC(), since})
	if err != nil {
		return fmt.Errorf("encode breakers: %w", err)
	}
	pipe := s.rdb.Pipeline()
	pipe.HSet(ctx, awayKey, process, value)
	pipe.Expire(ctx, awayKey, awayKept)
	_, err = pipe.Exec(ctx)
	return unavailable(err)
}

// Away tells which providers processes cannot reach, by provider, then the longest first.
func (s *Store) Away(ctx context.Context, now time.Time) ([]topup.Away, error) {
	all, err := s.rdb.HGetAll(ctx, awayKey).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	var out []topup.Away
	for process, text := range all {
		var e awayEntry
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			return nil, fmt.Errorf("%w: breakers of %q", errCorrupt, process)
		}
		if now.After(e.Until) {
			continue
		}
		for p, since := range e.Since {
			out = append(out, topup.Away{Provider: p, Process: process, Since: since})
		}
	}
	slices.SortFunc(out, func(a, b topup.Away) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), a.Since.Compare(b.Since), cmp.Compare(a.Process, b.Process))
	})
	return out, nil
}
