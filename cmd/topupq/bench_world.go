package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"topupq/config"
	"topupq/intake"
	"topupq/redisproc"
	"topupq/topup"
)

// benchWorld is what a measurement runs in: a real Redis of its own, a provider that answers at once (or after a
// fixed time), and a merchant's endpoint that counts.
type benchWorld struct {
	// queueURL is the queue's own Redis, "" where it shares the ledger's.
	url, queueURL string

	rdb      redis.UniversalClient
	provider *benchServer
	receiver *benchServer
	merchant *topup.Merchant
	apiKey   string
	stops    []func()
}

// benchServer answers every request the same way and counts them.
type benchServer struct {
	addr  string
	count atomic.Int64
	delay atomic.Int64
	// seen is called with the body of each request, where set.
	seen func([]byte)
	srv  *http.Server
}

// newBenchServer listens on a free port; answer builds the answer's body from the request's.
func newBenchServer(answer func([]byte) []byte) (*benchServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s := &benchServer{addr: l.Addr().String()}
	s.srv = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			return
		}
		if d := s.delay.Load(); d > 0 {
			timer := time.NewTimer(time.Duration(d)) // the provider's own time
			<-timer.C
		}
		if s.seen != nil {
			s.seen(body)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer(body))
		s.count.Add(1)
	})}
	go func() { _ = s.srv.Serve(l) }() // ends with Close
	return s, nil
}

// benchAnswer is RechargeKit's success for whatever was ordered.
func benchAnswer(body []byte) []byte {
	var in struct {
		ID     string      `json:"partner_request_id"`
		Amount json.Number `json:"amount"`
	}
	_ = json.Unmarshal(body, &in) // a body that is none gets an answer without an ID, which counts as unknown
	return fmt.Appendf(nil, `{"error":0,"msg":"success","status":1,"orderid":"da9842e1-f561-4728-827b-ac4dd2934d68","optransid":"OPR1","partnerreqid":%q,"commission":0,"user_var1":"","user_var2":"","user_var3":""}`, in.ID)
}

// newBenchWorld starts a Redis with the given appendfsync ("" for none) and everything around it.
func newBenchWorld(ctx context.Context, fsync string) (*benchWorld, error) {
	server, err := redisproc.Start(ctx, redisproc.Options{AppendFsync: fsync})
	if err != nil {
		return nil, err
	}
	return newBenchWorldOn(server.URL(), server.Stop, redis.NewClient(&redis.Options{Addr: server.Addr(), PoolSize: poolSize}))
}

// newBenchCluster does the same with a Redis Cluster.
func newBenchCluster(ctx context.Context, primaries int, fsync string) (*benchWorld, error) {
	cluster, err := redisproc.StartCluster(ctx, primaries, redisproc.Options{AppendFsync: fsync})
	if err != nil {
		return nil, err
	}
	// Named twice, so that one primary is spoken to as a cluster as well.
	url := cluster.URL() + "&addr=" + cluster.Addrs()[0]
	return newBenchWorldOn(url, cluster.Stop, redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs(), PoolSize: poolSize}))
}

func newBenchWorldOn(url string, stop func(), rdb redis.UniversalClient) (*benchWorld, error) {
	w := &benchWorld{url: url, rdb: rdb, stops: []func(){stop, func() { _ = rdb.Close() }}}
	var err error
	if w.provider, err = newBenchServer(benchAnswer); err == nil {
		w.stops = append(w.stops, func() { _ = w.provider.srv.Close() })
		w.receiver, err = newBenchServer(func([]byte) []byte { return nil })
	}
	if err != nil {
		w.stop()
		return nil, err
	}
	w.stops = append(w.stops, func() { _ = w.receiver.srv.Close() })
	return w, nil
}

// ownQueue gives the queue a Redis of its own, which need not keep much: the ledger is the record.
func (w *benchWorld) ownQueue(ctx context.Context) error {
	server, err := redisproc.Start(ctx, redisproc.Options{AppendFsync: "everysec"})
	if err != nil {
		return err
	}
	w.queueURL, w.stops = server.URL(), append(w.stops, server.Stop)
	return nil
}

func (w *benchWorld) stop() {
	for i := len(w.stops) - 1; i >= 0; i-- {
		w.stops[i]()
	}
}

// node builds a process's parts in this world.
func (w *benchWorld) node(ctx context.Context) (*node, error) {
	env := map[string]string{
		"TOPUPQ_REDIS_URL": w.url, "TOPUPQ_REDIS_DURABILITY": "none", "TOPUPQ_INTAKE_ADDR": "127.0.0.1:0",
		"TOPUPQ_OPS_ADDR": "127.0.0.1:0", "TOPUPQ_ALLOW_PRIVATE_CALLBACKS": "true", "TOPUPQ_RECHARGEKIT_BASE_URL": "http://" + w.provider.addr,
		"TOPUPQ_RECHARGEKIT_TOKEN":       simSecret,
		"TOPUPQ_RECHARGEKIT_CONCURRENCY": strconv.Itoa(benchConcurrency),
	}
	if w.queueURL != "" {
		env["TOPUPQ_QUEUE_REDIS_URL"] = w.queueURL
	}
	var environ []string
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	cfg, err := config.Load("", func(name string) string { return env[name] }, environ)
	if err != nil {
		return nil, err
	}
	n, err := newNode(ctx, cfg, zap.NewNop(), "")
	if err != nil {
		return nil, err
	}
	return n, w.addMerchant(ctx, n)
}

func (w *benchWorld) addMerchant(ctx context.Context, n *node) error {
	now := time.Now().UTC().Truncate(time.Millisecond)
	id := topup.NewMerchantID()
	sealed, err := topup.SealWebhookSecret(n.keyring, id, topup.NewWebhookSecret())
	if err != nil {
		return fmt.Errorf("seal webhook secret: %w", err)
	}
	text, key := intake.NewAPIKey(now)
	w.merchant = &topup.Merchant{
		ID: id, Name: "bench", CreatedAt: now, Keys: []topup.APIKey{key},
		Webhook: topup.Webhook{URL: "http://" + w.receiver.addr, Format: topup.FormatStandard, CallbackWhen: topup.CallbackOnOutcome, Secrets: []topup.WebhookSecret{sealed}},
	}
	w.apiKey = text.Reveal()
	return n.store.PutMerchant(ctx, w.merchant)
}

// order is the i-th row of the bench.
func (w *benchWorld) order(i int, now time.Time) *topup.Topup {
	reference := "bench-" + strconv.Itoa(i)
	t := &topup.Topup{
		ID: topup.NewID(w.merchant.ID, reference), Merchant: w.merchant.ID, Reference: reference, Recipient: benchNumber(i), Country: "IN",
		Amount: topup.FromMicros(10*100000, "INR"), Provider: topup.RechargeKit, ExpiresAt: now.Add(24 * time.Hour),
		Product: topup.Product{OperatorCode: 1, Circle: 5},
	}
	_ = t.Accept(topup.ActorIntake, now) // a new record can always be accepted
	return t
}

// benchNumber is a valid Indian mobile number.
func benchNumber(i int) topup.MSISDN { return topup.MSISDN(fmt.Sprintf("+9198%08d", i%100000000)) }

// usedMemory is what Redis says it uses, in bytes, without the buffers of its connections and its file: these grow with
// the load and not with what is kept.
func (w *benchWorld) usedMemory(ctx context.Context) (int64, error) {
	text, err := w.rdb.Info(ctx, "memory").Result()
	if err != nil {
		return 0, fmt.Errorf("read INFO memory: %w", err)
	}
	fields := map[string]int64{}
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				fields[k] = n
			}
		}
	}
	if fields["used_memory"] == 0 {
		return 0, errors.New("INFO memory has no used_memory")
	}
	return fields["used_memory"] - fields["mem_clients_normal"] - fields["mem_aof_buffer"], nil
}
