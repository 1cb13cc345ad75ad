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
	smsOwedKey    = "tq{sms}owed"
	// smsFresh is shorter than the 12 hours for which BulkSMS recognises a repeated number; smsKept is as long as asynq
	// keeps an archived task that could be run again.
	smsFresh = 11 * time.Hour
	smsKept  = 91 * 24 * time.Hour
)

func smsKey(id topup.ID) string       { return "tq{sms}" + string(id) }
func smsReportKey(id topup.ID) string { return "tq{sms}r:" + string(id) }

// smsNumberScript gives a text its number and the time at which it got it: those that it has, or the next of the
// counter, 1 to 2^31-1 and around.
//
// KEYS: 1 text, 2 counter. ARGV: 1 now, 2 time to live, both in milliseconds, 3 "1" for a new number.
var smsNumberScript = newScript(`
local there = redis.call('GET', KEYS[1])
if there and (ARGV[3] ~= '1' or there == 'sent') then return there end
local n = redis.call('INCR', KEYS[2])
if n >= 2147483647 then redis.call('SET', KEYS[2], 0) end
local value = n .. '@' .. ARGV[1]
redis.call('SET', KEYS[1], value, 'PX', ARGV[2])
return value
`)

const smsSentMark = "sent"

// SMSDedup returns what is known of a top-up's text. The first call takes the next number of one counter for the whole
// installation and stores it before it returns; later ones return the same.
func (s *Store) SMSDedup(ctx context.Context, id topup.ID, now time.Time) (topup.SMS, error) {
	return s.smsNumber(ctx, id, now, "0")
}

// SMSRenumber takes a new number for a text whose old one is stale. Call it only when the provider knows of no text.
func (s *Store) SMSRenumber(ctx context.Context, id topup.ID, now time.Time) (topup.SMS, error) {
	return s.smsNumber(ctx, id, now, "1")
}

func (s *Store) smsNumber(ctx context.Context, id topup.ID, now time.Time, anew string) (topup.SMS, error) {
	res, err := s.eval(ctx, smsNumberScript, []string{smsKey(id), smsCounterKey}, millis(now), smsKept.Milliseconds(), anew)
	if err != nil {
		return topup.SMS{}, err
	}
	text, err := res.Text()
	if err != nil {
		return topup.SMS{}, unavailable(err)
	}
	if text == smsSentMark {
		return topup.SMS{Sent: true}, nil
	}
	number, at, _ := strings.Cut(text, "@")
	n, err := strconv.ParseInt(number, 10, 32)
	given, atErr := strconv.ParseInt(at, 10, 64)
	if err := errors.Join(err, atErr); err != nil {
		return topup.SMS{}, unavailable(err)
	}
	return topup.SMS{Number: int32(n), Stale: now.Sub(time.UnixMilli(given)) > smsFresh}, nil
}

// SMSSent notes that a top-up's PIN was taken by the SMS provider: no text is owed any more.
func (s *Store) SMSSent(ctx context.Context, id topup.ID) error {
	pipe := s.rdb.Pipeline()
	pipe.Set(ctx, smsKey(id), smsSentMark, smsKept)
	pipe.ZRem(ctx, smsOwedKey, string(id))
	_, err := pipe.Exec(ctx)
	return unavailable(err)
}

// OweSMS notes, before the voucher is bought, that its PIN has to be sent: whatever gets lost later, DueSMS shows it.
func (s *Store) OweSMS(ctx context.Context, id topup.ID, at time.Time) error {
	return unavailable(s.rdb.ZAddNX(ctx, smsOwedKey, redis.Z{Score: float64(millis(at)), Member: string(id)}).Err())
}

// DueSMS returns up to limit top-ups whose text is owed at now, and shows them again at again.
func (s *Store) DueSMS(ctx context.Context, now, again time.Time, limit int) ([]topup.ID, error) {
	res, err := s.eval(ctx, dueNamesScript, []string{smsOwedKey}, millis(now), limit, millis(again))
	if err != nil {
		return nil, err
	}
	names, err := res.StringSlice()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, unavailable(err)
	}
	ids := make([]topup.ID, len(names))
	for i, name := range names {
		ids[i] = topup.ID(name)
	}
	return ids, nil
}

// PutOffSMS leaves a text that is owed for later.
func (s *Store) PutOffSMS(ctx context.Context, id topup.ID, until time.Time) error {
	return unavailable(s.rdb.ZAddXX(ctx, smsOwedKey, redis.Z{Score: float64(millis(until)), Member: string(id)}).Err())
}

// SettleSMS forgets that a text is owed: there is no PIN to send, or only a person can help.
func (s *Store) SettleSMS(ctx context.Context, id topup.ID) error {
	return unavailable(s.rdb.ZRem(ctx, smsOwedKey, string(id)).Err())
}

// smsReportScript keeps the newest word about a text. Reports come twice and in any order; a final one stays.
//
// KEYS: 1 report. ARGV: 1 status, 2 "1" when final, 3 message, 4 now, 5 time to live in milliseconds.
var smsReportScript = newScript(`
local there = redis.call('HMGET', KEYS[1], 'status', 'final')
if there[2] == '1' or there[1] == ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'status', ARGV[1], 'final', ARGV[2], 'message', ARGV[3], 'at', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
`)

// NoteSMSReport records what became of a text, and reports whether that was news.
func (s *Store) NoteSMSReport(ctx context.Context, r topup.SMSReport) (bool, error) {
	final := strconv.FormatInt(b2i(r.Final), 10)
	res, err := s.eval(ctx, smsReportScript, []string{smsReportKey(r.Topup)}, r.Status, final, r.Message, millis(r.At), smsKept.Milliseconds())
	if err != nil {
		return false, err
	}
	n, err := res.Int()
	return n == 1, unavailable(err)
}

// SMSReport returns the last word about a top-up's text. topup.ErrNotFound where there is none.
func (s *Store) SMSReport(ctx context.Context, id topup.ID) (topup.SMSReport, error) {
	fields, err := s.rdb.HGetAll(ctx, smsReportKey(id)).Result()
	if err != nil {
		return topup.SMSReport{}, unavailable(err)
	}
	if len(fields) == 0 {
		return topup.SMSReport{}, topup.ErrNotFound
	}
	at, err := strconv.ParseInt(fields["at"], 10, 64)
	if err != nil {
		return topup.SMSReport{}, unavailable(err)
	}
	return topup.SMSReport{
		Topup: id, Message: fields["message"], Status: fields["status"], Final: fields["final"] == "1", At: time.UnixMilli(at).UTC(),
	}, nil
}
