package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

// batchRecord is a batch as it is stored; its counters live beside the top-ups.
type batchRecord struct {
	Merchant   topup.MerchantID   `json:"m"`
	Name       string             `json:"n,omitempty"`
	Rows       int64              `json:"r,omitempty"`
	Accepted   int64              `json:"a,omitempty"`
	Duplicates int64              `json:"d,omitempty"`
	Rejected   int64              `json:"j,omitempty"`
	Sealed     bool               `json:"s,omitempty"`
	CreatedAt  time.Time          `json:"c"`
	ClosedAt   time.Time          `json:"z,omitzero"`
	Callback   *topup.Callback    `json:"cb,omitempty"`
	Hold       *topup.BatchHold   `json:"h,omitempty"`
	ReleasedAt time.Time          `json:"rel,omitzero"`
	Wake       bool               `json:"w,omitempty"`
	Paused     *topup.BatchPaused `json:"p,omitempty"`

	Final *topup.BatchFinal `json:"f,omitempty"`
}

// CreateBatch implements topup.Batches.
func (s *Store) CreateBatch(ctx context.Context, b *topup.Batch) error {
	_, err := s.writeBatch(ctx, nil, b)
	return err
}

// UpdateBatch implements topup.Batches.
func (s *Store) UpdateBatch(ctx context.Context, id topup.BatchID, change func(*topup.Batch) error) (*topup.Batch, error) {
	for range maxUpdateTries {
		b, err := s.GetBatch(ctx, id)
		if err != nil {
			return nil, err
		}
		next := *b
		if b.Callback != nil {
			c := *b.Callback
			next.Callback = &c
		}
		if err := change(&next); err != nil {
			if errors.Is(err, topup.ErrUnchanged) {
				return b, nil
			}
			return b, err
		}
		written, err := s.writeBatch(ctx, b, &next)
		if err != nil || written {
			return &next, err
		}
	}
	return nil, topup.ErrContention
}

func (s *Store) writeBatch(ctx context.Context, from, to *topup.Batch) (bool, error) {
	value, err := json.Marshal(batchRecord{
		Merchant: to.Merchant, Name: to.Name, Rows: to.Rows, Accepted: to.Accepted, Duplicates: to.Duplicates,
		Rejected: to.Rejected, Sealed: to.Sealed, CreatedAt: to.CreatedAt, ClosedAt: to.ClosedAt, Callback: to.Callback,
		Hold: to.Hold, ReleasedAt: to.ReleasedAt, Wake: to.Wake, Paused: to.Paused,
		Final: to.Final,
	})
	if err != nil {
		return false, fmt.Errorf("encode batch: %w", err)
	}
	rev, checkAt := "", ""
	if from != nil {
		rev = strconv.FormatUint(uint64(from.Rev), 10)
	}
	switch {
	case to.Wake && from != nil && from.Hold != nil:
		checkAt = formatMillis(wakeAt(from.Hold, to.ReleasedAt))
	case to.Wake: // it is known already when to look
	case to.Sealed && to.ClosedAt.IsZero():
		checkAt = "0"
	case from == nil:
		checkAt = formatMillis(to.CreatedAt.Add(topup.BatchLook))
	}
	shard := shardOf(string(to.ID))
	keys := []string{batchKey(to.ID), outboxKey(shard), batchesDueKey(shard), batchEventsKey(shard)}
	res, err := s.eval(ctx, batchScript, keys, rev, value, string(to.ID), s.batchOutbox(to), checkAt, batchEvent(from, to))
	if err != nil {
		return false, err
	}
	n, err := res.Int()
	if n != 0 {
		to.Rev++
	}
	return n != 0, unavailable(err)
}

func (s *Store) batchOutbox(b *topup.Batch) string {
	switch {
	case b.Callback == nil:
		return ""
	case b.Callback.State != topup.CallbackWaiting:
		return "-"
	default:
		return formatMillis(b.Callback.NextAt)
	}
}

// GetBatch implements topup.Batches.
func (s *Store) GetBatch(ctx context.Context, id topup.BatchID) (*topup.Batch, error) {
	pipe := s.rdb.Pipeline()
	head := pipe.HMGet(ctx, batchKey(id), "rev", "v")
	counts := make([]*redis.MapStringStringCmd, shards)
	for shard := range shards {
		counts[shard] = pipe.HGetAll(ctx, batchCounters(shard, id))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, unavailable(err)
	}
	rev, _ := head.Val()[0].(string)
	value, ok := head.Val()[1].(string)
	if !ok {
		return nil, topup.ErrNotFound
	}
	var r batchRecord
	if err := json.Unmarshal([]byte(value), &r); err != nil {
		return nil, fmt.Errorf("%w: batch %s", errCorrupt, id)
	}
	n, err := strconv.ParseUint(rev, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("%w: batch %s", errCorrupt, id)
	}
	b := &topup.Batch{
		ID: id, Merchant: r.Merchant, Name: r.Name, Rows: r.Rows, Accepted: r.Accepted, Duplicates: r.Duplicates,
		Rejected: r.Rejected, Sealed: r.Sealed, CreatedAt: r.CreatedAt, ClosedAt: r.ClosedAt, Callback: r.Callback, Rev: uint32(n),
		Hold: r.Hold, ReleasedAt: r.ReleasedAt, Wake: r.Wake, Paused: r.Paused,
		Final:  r.Final,
		States: map[topup.State]int64{}, Requested: map[string]topup.Money{}, Succeeded: map[string]topup.Money{},
	}
	for _, c := range counts {
		addCounters(b, c.Val())
	}
	return b, nil
}

// addCounters adds one shard's share: a digit counts a state, "q:" and "s:" are sums in micros, "h" and a digit is a lane
// of the hash of the closed rows.
func addCounters(b *topup.Batch, share map[string]string) {
	for name, text := range share {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			continue
		}
		kind, currency, _ := strings.Cut(name, ":")
		switch kind {
		case "q":
			addMicros(b.Requested, currency, n)
		case "s":
			addMicros(b.Succeeded, currency, n)
		case "o":
		default:
			if addLane(&b.Hash, kind, n) {
				continue
			}
			if state, err := strconv.Atoi(kind); err == nil && n != 0 {
				b.States[topup.State(state)] += n
			}
		}
	}
}

func addMicros(sums map[string]topup.Money, currency string, micros int64) {
	sums[currency] = topup.Money{Amount: sums[currency].Amount.Add(topup.FromMicros(micros, currency).Amount), Currency: currency}
}
