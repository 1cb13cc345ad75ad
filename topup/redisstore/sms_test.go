package redisstore_test

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"topupq/topup"
	"topupq/topup/redisstore"
)

func TestSMSNumbers(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer rdb.Close()
	s := redisstore.Open(rdb, redisstore.Options{})
	defer s.Close()
	number := func(reference string) (int32, bool) {
		t.Helper()
		n, sent, err := s.SMSDedup(t.Context(), topup.NewID("m", reference))
		if err != nil {
			t.Fatal(err)
		}
		return n, sent
	}
	first, _ := number("a")
	again, sent := number("a")
	if other, _ := number("b"); first != again || sent || other == first || first < 1 {
		t.Errorf("numbers %d, %d, %d, sent %v", first, again, other, sent)
	}
	if err := s.SMSSent(t.Context(), topup.NewID("m", "a")); err != nil {
		t.Fatal(err)
	}
	if _, sent := number("a"); !sent {
		t.Error("a sent text is not known as sent")
	}
	server.Set("tq{sms}counter", "2147483646")
	if n, _ := number("last"); n != 2147483647 {
		t.Errorf("last number %d", n)
	}
	if n, _ := number("next"); n != 1 {
		t.Errorf("after the last number comes %d, want 1", n)
	}
}
