package intake

import (
	"testing"
	"time"
	"github.com/redis/go-redis/v9"
	"topupq/redisproc"
	"topupq/topup"
	"topupq/jobs"
	"topupq/topup/redisstore"
)

func TestZZ(t *testing.T) {
	for _, fs := range []string{"always"} {
		server := redisproc.StartForTest(t, redisproc.Options{AppendFsync: fs})
		rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
		store := redisstore.Open(rdb, redisstore.Options{})
		key, k := NewAPIKey(time.Now())
		store.PutMerchant(t.Context(), &topup.Merchant{ID: "merx", Keys: []topup.APIKey{k}})
		for i, chunk := range []int{250,500,1000,2000,4000} { var ring Ring = nullRing{}; _ = jobs.Timeouts{}
			s, err := New(Config{ChunkRows: chunk, Store: store, Ring: ring, Providers: map[topup.ProviderName]ProviderSettings{topup.AAT: {}, topup.RechargeKit: {}, topup.Reloadly: {}}})
			if err != nil { t.Fatal(err) }
			start := time.Now()
			f := ndjsonFormat
			{ f = "{\"reference\":\"X"+string(rune(65+i))+"%09d\"" + ndjsonFormat[len(`{"reference":"order-%09d"`):] }
			w := upload(t, s, key.Reveal(), &rowMaker{n: 100000, format: f})
			t.Logf("%s %d: %d %.0f rows/s %s", fs, chunk, w.Code, 100000/time.Since(start).Seconds(), w.Body.String()[:100])
		}
	}
}
