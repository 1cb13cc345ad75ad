package doctor

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/shopspring/decimal"

	"topupq/redisproc"
	"topupq/topup"
	"topupq/topup/redisstore"
)

// float answers with a balance, or not at all.
type float struct {
	amount string
	err    error
}

func (f float) Balance(context.Context) (topup.Money, error) {
	if f.err != nil {
		return topup.Money{}, f.err
	}
	return topup.Money{Amount: decimal.RequireFromString(f.amount), Currency: "ZAR"}, nil
}

// credits answers with what is left, or not at all.
type credits struct {
	left int64
	err  error
}

func (c credits) Credits(context.Context) (decimal.Decimal, error) {
	return decimal.NewFromInt(c.left), c.err
}

func keyring(t *testing.T, id string) topup.Keyring {
	t.Helper()
	k, err := topup.ParseKeyring(id + ":" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(id, 32))))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// healthy is an installation without a fault, on a real Redis.
func healthy(t *testing.T) Config {
	t.Helper()
	server := redisproc.StartForTest(t, redisproc.Options{AppendFsync: "always", Args: []string{"--maxmemory-policy", "noeviction"}})
	return on(t, server.Addr())
}

func on(t *testing.T, addr string) Config {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	store := redisstore.Open(rdb, redisstore.Options{})
	t.Cleanup(func() { store.Close(); _ = rdb.Close() })
	ring := keyring(t, "k")
	m := &topup.Merchant{ID: topup.NewMerchantID(), Name: "shop", CreatedAt: time.Now().UTC(), Webhook: topup.Webhook{URL: "https://shop.example"}}
	secret, err := topup.SealWebhookSecret(ring, m.ID, topup.NewWebhookSecret())
	must(t, err)
	m.Webhook.Secrets = []topup.WebhookSecret{secret}
	must(t, store.PutMerchant(t.Context(), m))
	if _, err := store.Lead(t.Context(), "me", time.Minute); err != nil {
		t.Fatal(err)
	}
	return Config{
		Ledger: rdb, Queue: rdb, Store: store, Durability: "always", Keyring: ring,
		Users:     []User{{Name: "ann", MayAct: true, Hashed: true}, {Name: "bob", MayAct: true, Hashed: true}},
		Providers: map[topup.ProviderName]Provider{topup.AAT: float{amount: "100"}},
		BaseURLs:  map[topup.ProviderName]string{topup.AAT: "https://aat.example/x.asmx"},
		Routes:    map[string]topup.ProviderName{"ZA": topup.AAT},
		Reach:     func(context.Context, string) error { return nil },
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestHealthy(t *testing.T) {
	t.Parallel()
	c := healthy(t)
	c.Texts = credits{left: 12}
	for _, f := range Run(t.Context(), c) {
		if f.Level != Good {
			t.Errorf("%+v", f)
		}
	}
}

// TestBrokenSetups breaks one thing at a time: the doctor names the fault and its mend.
func TestBrokenSetups(t *testing.T) {
	t.Parallel()
	set := func(t *testing.T, c *Config, name, value string) {
		t.Helper()
		must(t, c.Ledger.ConfigSet(t.Context(), name, value).Err())
	}
	cases := map[string]struct {
		breakIt    func(t *testing.T, c *Config)
		what, mend string
	}{
		"AOF off":            {func(t *testing.T, c *Config) { set(t, c, "appendonly", "no") }, "appendonly is off", "CONFIG SET appendonly yes"},
		"fsync every second": {func(t *testing.T, c *Config) { set(t, c, "appendfsync", "everysec") }, "appendfsync is", "TOPUPQ_REDIS_DURABILITY=everysec"},
		"evicting":           {func(t *testing.T, c *Config) { set(t, c, "maxmemory-policy", "allkeys-lru") }, "throws acknowledged top-ups away", "noeviction"},
		"nearly full":        {func(t *testing.T, c *Config) { set(t, c, "maxmemory", "2mb") }, "of maxmemory are used", "raise maxmemory"},
		"clock":              {func(_ *testing.T, c *Config) { c.Now = func() time.Time { return time.Now().Add(time.Minute) } }, "clock of Redis are", "chrony"},
		"alarm": {func(t *testing.T, c *Config) {
			must(t, c.Store.(*redisstore.Store).PutAlarms(t.Context(), []topup.Alarm{{Name: topup.AlarmDrift, Provider: topup.AAT, Since: time.Now(), Detail: "The balance of 2026-11-22 lost more than the top-ups of that day explain."}}))
		}, "lost more than the top-ups", "topupq reconcile"},
		"no key":              {func(_ *testing.T, c *Config) { c.Keyring = topup.Keyring{} }, "there is no encryption key", "openssl rand"},
		"key lost":            {func(t *testing.T, c *Config) { c.Keyring = keyring(t, "n") }, "sealed with a key that is not here", "put the old key back"},
		"no users":            {func(_ *testing.T, c *Config) { c.Users = nil }, "nobody may log in", "TOPUPQ_OPS_USERS"},
		"one of two people":   {func(_ *testing.T, c *Config) { c.Users, c.TwoPeople = c.Users[:1], true }, "asks for two people, but 1", "add another user"},
		"weak password":       {func(_ *testing.T, c *Config) { c.Users[0].Weak = true }, "can be guessed", "hash-password"},
		"no provider":         {func(_ *testing.T, c *Config) { c.Providers = nil }, "no provider has credentials", "topupq config"},
		"credentials refused": {func(_ *testing.T, c *Config) { c.Providers[topup.AAT] = float{err: errors.New("401")} }, "its balance cannot be read", "TOPUPQ_AAT_BASE_URL"},
		"float empty":         {func(_ *testing.T, c *Config) { c.Providers[topup.AAT] = float{amount: "0"} }, "its float is 0.00 ZAR", "fill the float"},
		"texts refused":       {func(_ *testing.T, c *Config) { c.Texts = credits{err: errors.New("401")} }, "its credits cannot be read", "TOPUPQ_BULKSMS_BASE_URL"},
		"no credits":          {func(_ *testing.T, c *Config) { c.Texts = credits{} }, "no credits are left", "buy credits"},
		"route to nobody":     {func(_ *testing.T, c *Config) { c.Routes["IN"] = topup.RechargeKit }, "IN goes to rechargekit", "TOPUPQ_ROUTES"},
		"no TLS":              {func(_ *testing.T, c *Config) { c.BaseURLs[topup.AAT] = "http://aat.example/x.asmx" }, "without TLS", "https://"},
		"dead endpoint": {func(_ *testing.T, c *Config) {
			c.Reach = func(context.Context, string) error { return errors.New("no connection") }
		}, "endpoint of shop cannot be reached", "kept and sent"},
		"no worker": {enqueue, "no worker serves it", "topupq work"},
		"queue paused": {func(t *testing.T, c *Config) {
			enqueue(t, c)
			must(t, asynq.NewInspectorFromRedisClient(c.Queue).PauseQueue("submit:aat"))
		}, "is paused in the dashboard", "/dashboard"},
		"no scheduler": {func(t *testing.T, c *Config) { must(t, c.Store.(*redisstore.Store).Resign(t.Context(), "me")) }, "no scheduler leads", "topupq schedule"},
		"paused": {func(t *testing.T, c *Config) {
			must(t, c.Store.SetPause(t.Context(), topup.PauseScope{Kind: topup.PauseByProvider, Name: "aat"}, topup.Pause{Reason: "float_empty", Actor: "worker"}))
		}, "provider:aat is paused by worker", "topupq resume provider:aat"},
		"restored": {func(t *testing.T, c *Config) {
			must(t, c.Store.(*redisstore.Store).MarkRecovered(t.Context(), time.Now()))
		}, "the store was restored", "runbook"},
		"nobody checks":    {func(_ *testing.T, c *Config) { c.Durability = "unchecked" }, "nobody has made sure", "TOPUPQ_REDIS_DURABILITY=always"},
		"private callback": {func(_ *testing.T, c *Config) { c.AllowPrivate = true }, "callbacks may go to private addresses", "TOPUPQ_ALLOW_PRIVATE_CALLBACKS"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := healthy(t)
			tc.breakIt(t, &c)
			found := Run(t.Context(), c)
			for _, f := range found {
				if f.Level != Good && strings.Contains(f.What, tc.what) && strings.Contains(f.Mend, tc.mend) {
					return
				}
			}
			t.Errorf("the fault is not named with its mend: %+v", found)
		})
	}
}

func enqueue(t *testing.T, c *Config) {
	t.Helper()
	_, err := asynq.NewClientFromRedisClient(c.Queue).Enqueue(asynq.NewTask("submit", []byte("x")), asynq.Queue("submit:aat"))
	must(t, err)
}

func TestRedisAway(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	c := on(t, m.Addr())
	m.Close()
	found := Run(t.Context(), c)
	if found[0].Level != Bad || !strings.Contains(found[0].What, "cannot be read and written") || Worst(found) != Bad {
		t.Errorf("%+v", found)
	}
}

// TestIssuerStandsInForUsers: where people log in at an issuer, no user of the settings is missed.
func TestIssuerStandsInForUsers(t *testing.T) {
	t.Parallel()
	c := healthy(t)
	c.Users, c.Issuer, c.TwoPeople = nil, true, true
	for _, f := range Run(t.Context(), c) {
		if f.Level != Good {
			t.Errorf("%+v", f)
		}
	}
}
