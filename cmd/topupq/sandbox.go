package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/alicebob/miniredis/v2"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"

	"topupq/config"
	"topupq/intake"
	"topupq/topup"
)

// sandbox is the whole product in one process: embedded Redis, simulators, all roles, a merchant and its receiver.
// Nothing of it survives the process, and it says so.
type sandbox struct {
	node     *node
	sims     *simulators
	receiver *receiver
	at       addresses
	merchant *topup.Merchant
	apiKey   string
	// http is the merchant's own client.
	http  http.Client
	stops []func()
}

// sandboxOptions says what differs between demo and dev.
type sandboxOptions struct {
	log *zap.Logger
	// env overrides settings; intakeAddr and opsAddr are the listeners, "" for free ports.
	env                 map[string]string
	intakeAddr, opsAddr string
	sims                simOptions
	// redisPassword is what the embedded Redis asks for, "" for nothing.
	redisPassword string
	spans         sdk.SpanExporter
	around        func(topup.Provider) topup.Provider
}

// gentle is the pace of the workers on the embedded Redis, which runs scripts slowly.
var gentle = tuning{servers: 1, submitPoll: 40 * time.Millisecond, poll: 40 * time.Millisecond}

// startSandbox builds everything; stop undoes it.
func startSandbox(ctx context.Context, o sandboxOptions) (*sandbox, error) {
	s := &sandbox{}
	err := s.start(ctx, o)
	if err != nil {
		s.stop()
	}
	return s, err
}

func (s *sandbox) start(ctx context.Context, o sandboxOptions) error {
	redis, err := s.startRedis(o.redisPassword)
	if err != nil {
		return err
	}
	if o.intakeAddr == "" {
		if o.intakeAddr, err = freeAddr(); err != nil {
			return err
		}
	}
	o.sims.intake = o.intakeAddr
	if s.sims, err = startSimulators(o.sims); err != nil {
		return err
	}
	s.stops = append(s.stops, s.sims.stop)
	if s.receiver, err = startReceiver(); err != nil {
		return err
	}
	s.stops = append(s.stops, s.receiver.stop)
	cfg, err := sandboxConfig(redis, o, s.sims)
	if err != nil {
		return err
	}
	if s.node, err = newNode(ctx, cfg, o.log, ""); err != nil {
		return err
	}
	s.stops = append(s.stops, s.node.stop)
	s.node.spans, s.node.around = o.spans, o.around
	if s.at, err = s.node.startRoles(roles{intake: true, work: true, schedule: true, ops: true, tune: gentle}); err != nil {
		return err
	}
	return s.addMerchant(ctx)
}

func (s *sandbox) stop() {
	for i := len(s.stops) - 1; i >= 0; i-- {
		s.stops[i]()
	}
}

// clockTick is how often the embedded Redis is told that time has passed: it does not notice by itself.
const clockTick = 50 * time.Millisecond

// startRedis runs the embedded Redis and returns its URL.
func (s *sandbox) startRedis(password string) (string, error) {
	m := miniredis.NewMiniRedis()
	if password != "" {
		m.RequireAuth(password)
	}
	if err := m.Start(); err != nil {
		return "", fmt.Errorf("start embedded Redis: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(clockTick)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				m.FastForward(clockTick)
			}
		}
	}()
	s.stops = append(s.stops, func() { cancel(); <-done; m.Close() })
	at := url.URL{Scheme: "redis", Host: m.Addr()}
	if password != "" {
		at.User = url.UserPassword("", password)
	}
	return at.String(), nil
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// sandboxKey seals PINs of the sandbox; it protects nothing.
const sandboxKey = "c2FuZGJveC1zYW5kYm94LXNhbmRib3gtc2FuZGJveC0="

// sandboxConfig is the ordinary configuration, read from settings that point at the sandbox's parts.
func sandboxConfig(redis string, o sandboxOptions, sims *simulators) (config.Config, error) {
	env := map[string]string{
		"TOPUPQ_REDIS_URL": redis, "TOPUPQ_REDIS_DURABILITY": "none", "TOPUPQ_INTAKE_ADDR": o.intakeAddr,
		"TOPUPQ_OPS_ADDR": o.opsAddr, "TOPUPQ_OPS_USERS": "admin:admin:admin", "TOPUPQ_ENCRYPTION_KEY": sandboxKey,
		"TOPUPQ_ALLOW_PRIVATE_CALLBACKS": "true", "TOPUPQ_SPOOL_DIR": config.NoSpool,
	}
	if o.opsAddr == "" {
		env["TOPUPQ_OPS_ADDR"] = "127.0.0.1:0"
	}
	maps.Copy(env, sims.env())
	maps.Copy(env, o.env)
	var environ []string
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	return config.Load("", func(name string) string { return env[name] }, environ)
}

// addMerchant makes the sandbox's merchant, whose callbacks go to the receiver.
func (s *sandbox) addMerchant(ctx context.Context) error {
	now := time.Now().UTC().Truncate(time.Millisecond)
	id, secret := topup.NewMerchantID(), topup.NewWebhookSecret()
	sealed, err := topup.SealWebhookSecret(s.node.keyring, id, secret)
	if err != nil {
		return fmt.Errorf("seal webhook secret: %w", err)
	}
	text, key := intake.NewAPIKey(now, slices.Concat(topup.DefaultScopes, []topup.Scope{topup.ScopePINs})...)
	m := &topup.Merchant{
		ID: id, Name: "sandbox", CreatedAt: now, Keys: []topup.APIKey{key},
		Webhook: topup.Webhook{URL: s.receiver.url, Format: topup.FormatStandard, CallbackWhen: topup.CallbackOnOutcome, Secrets: []topup.WebhookSecret{sealed}},
	}
	if err := s.node.store.PutMerchant(ctx, m); err != nil {
		return fmt.Errorf("add merchant: %w", err)
	}
	s.receiver.setSecret(secret)
	s.merchant, s.apiKey = m, text.Reveal()
	return nil
}
