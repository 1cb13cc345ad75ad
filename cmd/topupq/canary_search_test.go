package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// hits names every secret that one of the places holds, in any form that it could be written in. It never repeats one.
func hits(secrets, places map[string]string) []string {
	var found []string
	for name, secret := range secrets {
		for place, text := range places {
			for form, written := range forms(secret) {
				if i := strings.Index(text, written); i >= 0 {
					found = append(found, fmt.Sprintf("the %s is in the %s (%s): …%q", name, place, form, text[max(i-100, 0):i]))
				}
			}
		}
	}
	slices.Sort(found)
	return found
}

// forms are the ways to write a secret: as it is, in addresses, in JSON and HTML, in hexadecimal, and in base64 wherever
// in the encoded text it begins.
func forms(secret string) map[string]string {
	quoted, _ := json.Marshal(secret) // a string always encodes
	out := map[string]string{
		"plain": secret, "query": url.QueryEscape(secret), "path": url.PathEscape(secret), "JSON": strings.Trim(string(quoted), `"`),
		"Go": strings.Trim(fmt.Sprintf("%q", secret), `"`), "hex": hex.EncodeToString([]byte(secret)), "bytes": strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]"),
	}
	for lead := range 3 {
		text := base64.RawStdEncoding.EncodeToString(append(make([]byte, lead), secret...))
		// The first and the last characters also hold bits of their neighbours.
		inner := text[(lead*8+5)/6 : len(text)-1]
		out[fmt.Sprintf("base64+%d", lead)] = inner
		out[fmt.Sprintf("base64url+%d", lead)] = strings.NewReplacer("+", "-", "/", "_").Replace(inner)
	}
	return out
}

// dump is everything that Redis holds, asynq's part included.
func dump(t *testing.T, rdb redis.UniversalClient) string {
	t.Helper()
	var out strings.Builder
	keys, err := rdb.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		out.WriteString(k + "\n" + value(t, rdb, k) + "\n")
	}
	return out.String()
}

// value is what a key holds. A type that is not known here fails the test: it would not be searched.
func value(t *testing.T, rdb redis.UniversalClient, key string) string {
	t.Helper()
	ctx := t.Context()
	switch kind := rdb.Type(ctx, key).Val(); kind {
	case "string":
		return rdb.Get(ctx, key).Val()
	case "hash":
		return fmt.Sprint(rdb.HGetAll(ctx, key).Val())
	case "list":
		return fmt.Sprint(rdb.LRange(ctx, key, 0, -1).Val())
	case "set":
		return fmt.Sprint(rdb.SMembers(ctx, key).Val())
	case "zset":
		return fmt.Sprint(rdb.ZRange(ctx, key, 0, -1).Val())
	case "stream":
		return fmt.Sprint(rdb.XRange(ctx, key, "-", "+").Val())
	case "none": // it expired meanwhile
		return ""
	default:
		t.Errorf("%s is a %s, which is not searched", key, kind)
		return ""
	}
}

// TestCanarySearchFindsAPlantedLeak hides one secret in every kind of key of Redis and in every form in a text. A search
// that misses one of them proves nothing.
func TestCanarySearchFindsAPlantedLeak(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: m.Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	const secret = "canary+7f3e9b/planted&<\"here\">"
	ctx, wrapped := t.Context(), "before "+secret+" after"
	plants := map[string]func() error{
		"key":    func() error { return rdb.Set(ctx, wrapped, "1", 0).Err() },
		"string": func() error { return rdb.Set(ctx, "k", wrapped, 0).Err() },
		"field":  func() error { return rdb.HSet(ctx, "k", wrapped, "1").Err() },
		"hash":   func() error { return rdb.HSet(ctx, "k", "msg", "\x0a\x03abc\x12"+wrapped).Err() },
		"list":   func() error { return rdb.RPush(ctx, "k", "1", wrapped).Err() },
		"set":    func() error { return rdb.SAdd(ctx, "k", wrapped).Err() },
		"zset":   func() error { return rdb.ZAdd(ctx, "k", redis.Z{Member: wrapped}).Err() },
		"stream": func() error { return rdb.XAdd(ctx, &redis.XAddArgs{Stream: "k", Values: []string{"f", wrapped}}).Err() },
	}
	for name, plant := range plants {
		m.FlushAll()
		if err := plant(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(hits(map[string]string{"canary": secret}, map[string]string{"Redis": dump(t, rdb)})) == 0 {
			t.Errorf("a secret in a %s of Redis is not found", name)
		}
	}
	for lead := range 6 {
		hidden := base64.StdEncoding.EncodeToString([]byte("......"[:lead] + wrapped))
		if len(hits(map[string]string{"canary": secret}, map[string]string{"log": hidden})) == 0 {
			t.Errorf("a secret in base64 after %d bytes is not found", lead)
		}
	}
	quoted, err := json.Marshal(map[string]string{"msg": wrapped})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(quoted), url.QueryEscape(wrapped), hex.EncodeToString([]byte(wrapped)), fmt.Sprintf("%q", wrapped), fmt.Sprintf("%d", []byte(wrapped))} {
		if len(hits(map[string]string{"canary": secret}, map[string]string{"log": text})) == 0 {
			t.Errorf("a secret in %s is not found", text)
		}
	}
	if found := hits(map[string]string{"canary": secret}, map[string]string{"log": "nothing of the kind"}); len(found) != 0 {
		t.Errorf("found what is not there: %v", found)
	}
}
