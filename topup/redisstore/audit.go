package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

// Keys of the operators, under one tag so that one script appends to the log.
const (
	auditKey     = "tq{audit}log"
	proposalsKey = "tq{audit}proposals"
)

// auditScript appends an entry when the last one is the expected one. KEYS: 1 log. ARGV: 1 the last entry, "" for none,
// 2 the new one.
var auditScript = newScript(`
local last = redis.call('LRANGE', KEYS[1], -1, -1)
if (last[1] or '') ~= ARGV[1] then return 0 end
return redis.call('RPUSH', KEYS[1], ARGV[2])
`)

// maxAuditTries bounds how often an entry is chained anew because somebody else was first.
const maxAuditTries = 32

// AppendAudit implements topup.Operations.
func (s *Store) AppendAudit(ctx context.Context, e topup.AuditEntry) (topup.AuditEntry, error) {
	for range maxAuditTries {
		last, err := s.rdb.LRange(ctx, auditKey, -1, -1).Result()
		if err != nil {
			return e, unavailable(err)
		}
		var text string
		var before topup.AuditEntry
		if len(last) > 0 {
			text = last[0]
			if err := json.Unmarshal([]byte(text), &before); err != nil {
				return e, fmt.Errorf("%w: last entry of the audit log", errCorrupt)
			}
		}
		sealed, err := e.Seal(before.Seq, before.Hash)
		if err != nil {
			return e, err
		}
		value, err := json.Marshal(sealed)
		if err != nil {
			return e, fmt.Errorf("encode audit entry: %w", err)
		}
		res, err := s.eval(ctx, auditScript, []string{auditKey}, text, value)
		if err != nil {
			return e, err
		}
		if n, err := res.Int(); err != nil || n > 0 {
			return sealed, unavailable(err)
		}
	}
	return e, topup.ErrContention
}

// AuditLog implements topup.Operations.
func (s *Store) AuditLog(ctx context.Context, from, limit int64) ([]topup.AuditEntry, int64, error) {
	pipe := s.rdb.Pipeline()
	size := pipe.LLen(ctx, auditKey)
	rows := pipe.LRange(ctx, auditKey, max(from, 1)-1, max(from, 1)+limit-2)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, 0, unavailable(err)
	}
	out := make([]topup.AuditEntry, len(rows.Val()))
	for i, text := range rows.Val() {
		if err := json.Unmarshal([]byte(text), &out[i]); err != nil {
			return nil, 0, &topup.AuditError{Seq: max(from, 1) + int64(i), Why: "it cannot be read"}
		}
	}
	return out, size.Val(), nil
}

// PutProposal implements topup.Operations.
func (s *Store) PutProposal(ctx context.Context, p topup.Proposal) error {
	value, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode proposal: %w", err)
	}
	return unavailable(s.rdb.HSet(ctx, proposalsKey, string(p.Topup), value).Err())
}

// Proposals implements topup.Operations, the oldest first.
func (s *Store) Proposals(ctx context.Context) ([]topup.Proposal, error) {
	values, err := s.rdb.HVals(ctx, proposalsKey).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	out := make([]topup.Proposal, len(values))
	for i, v := range values {
		if err := json.Unmarshal([]byte(v), &out[i]); err != nil {
			return nil, fmt.Errorf("%w: proposal", errCorrupt)
		}
	}
	slices.SortFunc(out, func(a, b topup.Proposal) int { return a.At.Compare(b.At) })
	return out, nil
}

// DropProposal implements topup.Operations.
func (s *Store) DropProposal(ctx context.Context, id topup.ID) error {
	return unavailable(s.rdb.HDel(ctx, proposalsKey, string(id)).Err())
}

// pulseKey is the hash of one minute's figures, kept for pulseKept.
func pulseKey(minute time.Time) string { return "tq:pulse:" + minute.UTC().Format("200601021504") }

const pulseKept = 26 * time.Hour

// AddPulse implements topup.Operations.
func (s *Store) AddPulse(ctx context.Context, minute time.Time, counts map[string]int64) error {
	if len(counts) == 0 {
		return nil
	}
	pipe := s.rdb.Pipeline()
	for name, n := range counts {
		pipe.HIncrBy(ctx, pulseKey(minute), name, n)
	}
	pipe.Expire(ctx, pulseKey(minute), pulseKept)
	_, err := pipe.Exec(ctx)
	return unavailable(err)
}

// ReadPulse implements topup.Operations.
func (s *Store) ReadPulse(ctx context.Context, from, to time.Time) ([]topup.Pulse, error) {
	pipe := s.rdb.Pipeline()
	var out []topup.Pulse
	var cmds []*redis.MapStringStringCmd
	for at := from.UTC().Truncate(time.Minute); at.Before(to); at = at.Add(time.Minute) {
		out = append(out, topup.Pulse{Minute: at, Counts: map[string]int64{}})
		cmds = append(cmds, pipe.HGetAll(ctx, pulseKey(at)))
	}
	if len(cmds) == 0 {
		return nil, nil
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, unavailable(err)
	}
	for i, c := range cmds {
		for name, text := range c.Val() {
			var n int64
			if _, err := fmt.Sscan(text, &n); err == nil {
				out[i].Counts[name] = n
			}
		}
	}
	return out, nil
}
