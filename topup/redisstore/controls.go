package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

// ReserveNumber implements topup.Controls.
func (s *Store) ReserveNumber(ctx context.Context, p topup.ProviderName, number topup.MSISDN, id topup.ID, spacing time.Duration, now time.Time) (time.Time, error) {
	if spacing <= 0 {
		return time.Time{}, nil
	}
	res, err := s.eval(ctx, laneScript, []string{laneKey(p, number.Digits())}, string(id), millis(now), spacing.Milliseconds())
	if err != nil {
		return time.Time{}, err
	}
	at, err := res.Int64()
	if err != nil || at == 0 {
		return time.Time{}, unavailable(err)
	}
	return time.UnixMilli(at).UTC(), nil
}

// burstShare is the part of a second's permits that may be used at once.
const burstShare = 10

// AllowSend implements topup.Controls.
func (s *Store) AllowSend(ctx context.Context, p topup.ProviderName, perSecond int) (time.Duration, error) {
	if perSecond <= 0 {
		return 0, nil
	}
	limit := redis_rate.Limit{Rate: perSecond, Period: time.Second, Burst: max(perSecond/burstShare, 1)}
	res, err := s.limiter.Allow(ctx, rateKey(p), limit)
	if err != nil {
		return 0, unavailable(err)
	}
	if res.Allowed > 0 {
		return 0, nil
	}
	return max(res.RetryAfter, time.Millisecond), nil
}

// PauseProvider implements topup.Controls.
func (s *Store) PauseProvider(ctx context.Context, p topup.ProviderName, pause topup.Pause) error {
	value, err := json.Marshal(pause)
	if err != nil {
		return fmt.Errorf("encode pause: %w", err)
	}
	if pause.Until.IsZero() {
		return unavailable(s.rdb.Set(ctx, pauseKey(p), value, 0).Err())
	}
	_, err = s.eval(ctx, answerPauseScript, []string{pauseKey(p)}, value)
	return err
}

// answerPauseScript writes a pause that ends by itself, or with ARGV 1 "" ends it, unless a person's is there: that has no
// end. KEYS: 1 pause. ARGV: 1 the pause.
var answerPauseScript = newScript(`
local there = redis.call('GET', KEYS[1])
if there and not cjson.decode(there)['until'] then return 0 end
if ARGV[1] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[1]) end
return 1
`)

// LiftPause implements topup.Controls.
func (s *Store) LiftPause(ctx context.Context, p topup.ProviderName) error {
	_, err := s.eval(ctx, answerPauseScript, []string{pauseKey(p)}, "")
	return err
}

// swapScript replaces a pause that is still the one it is thought to be: same actor, same times. Other fields may have
// been written by another version. KEYS: 1 pause. ARGV: 1 the pause as it is thought to be, 2 the new one.
var swapScript = newScript(`
local there = redis.call('GET', KEYS[1])
if not there then return 0 end
local is, was = cjson.decode(there), cjson.decode(ARGV[1])
if is.actor ~= was.actor or is['since'] ~= was['since'] or is['until'] ~= was['until'] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
`)

// SwapPause implements topup.Controls.
func (s *Store) SwapPause(ctx context.Context, p topup.ProviderName, was, next topup.Pause) (bool, error) {
	before, err := json.Marshal(was)
	after, nextErr := json.Marshal(next)
	if err := errors.Join(err, nextErr); err != nil {
		return false, fmt.Errorf("encode pause: %w", err)
	}
	res, err := s.eval(ctx, swapScript, []string{pauseKey(p)}, before, after)
	if err != nil {
		return false, err
	}
	n, err := res.Int()
	return n == 1, unavailable(err)
}

// ResumeProvider implements topup.Controls.
func (s *Store) ResumeProvider(ctx context.Context, p topup.ProviderName) error {
	return unavailable(s.rdb.Del(ctx, pauseKey(p)).Err())
}

// Paused implements topup.Controls.
func (s *Store) Paused(ctx context.Context, p topup.ProviderName) (*topup.Pause, error) {
	value, err := s.rdb.Get(ctx, pauseKey(p)).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable(err)
	}
	pause := &topup.Pause{}
	if err := json.Unmarshal([]byte(value), pause); err != nil {
		return nil, fmt.Errorf("%w: pause of %s", errCorrupt, p)
	}
	return pause, nil
}

// LeaseCallback implements topup.Controls.
func (s *Store) LeaseCallback(ctx context.Context, id string, ttl time.Duration) (bool, error) {
	ok, err := s.rdb.SetNX(ctx, callbackLeaseKey(id), s.owner, ttl).Result()
	return ok, unavailable(err)
}

// ReleaseCallback implements topup.Controls.
func (s *Store) ReleaseCallback(ctx context.Context, id string) error {
	_, err := s.eval(ctx, releaseScript, []string{callbackLeaseKey(id)}, s.owner)
	return err
}

// Lead implements topup.Controls.
func (s *Store) Lead(ctx context.Context, holder string, ttl time.Duration) (bool, error) {
	res, err := s.eval(ctx, leadScript, []string{leaderKey}, holder, ttl.Milliseconds())
	if err != nil {
		return false, err
	}
	n, err := res.Int()
	return n == 1, unavailable(err)
}

// Resign implements topup.Controls.
func (s *Store) Resign(ctx context.Context, holder string) error {
	_, err := s.eval(ctx, releaseScript, []string{leaderKey}, holder)
	return err
}
