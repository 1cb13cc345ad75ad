package redisstore

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

const (
	smsCounterKey = "tq{sms}counter"
	// smsNumberKept is shorter than the 12 hours for which BulkSMS recognises a repeated number; smsSentKept is as
	// long as asynq keeps an archived task that could be run again.
	smsNumberKept = 11 * time.Hour
	smsSentKept   = 91 * 24 * time.Hour
)

func smsKey(id topup.ID) string { return "tq{sms}" + string(id) }

// smsNumberScript gives a text its number: the one it has, or the next of the counter, 1 to 2^31-1 and around.
//
// KEYS: 1 text, 2 counter. ARGV: 1 time to live in milliseconds.
var smsNumberScript = newScript(`
local there = redis.call('GET', KEYS[1])
if there then return there end
local n = redis.call('INCR', KEYS[2])
if n >= 2147483647 then redis.call('SET', KEYS[2], 0) end
redis.call('SET', KEYS[1], n, 'PX', ARGV[1])
return tostring(n)
`)

const smsSentMark = "sent"

// SMSDedup returns the number under which a top-up's PIN is sent by SMS, stored before it returns, and whether it was
// sent already.
func (s *Store) SMSDedup(ctx context.Context, id topup.ID) (int32, bool, error) {
	res, err := s.eval(ctx, smsNumberScript, []string{smsKey(id), smsCounterKey}, smsNumberKept.Milliseconds())
	if err != nil {
		return 0, false, err
	}
	text, err := res.Text()
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, false, unavailable(err)
	}
	number, sent := strings.CutPrefix(text, smsSentMark)
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil && !sent {
		return 0, false, unavailable(err)
	}
	return int32(n), sent, nil
}

// SMSSent notes that a top-up's PIN was accepted by the SMS provider.
func (s *Store) SMSSent(ctx context.Context, id topup.ID) error {
	return unavailable(s.rdb.Set(ctx, smsKey(id), smsSentMark, smsSentKept).Err())
}
