package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"topupq/clients/aat/aatsim"
	"topupq/clients/bulksms/bulksmssim"
	"topupq/clients/rechargekit/rechargekitsim"
	"topupq/clients/reloadly/reloadlysim"
	"topupq/topup"
)

// Credentials of the simulators. They are no secrets: they open nothing but a simulator.
const (
	simUser    = "simulator"
	simSecret  = "simulated-only"
	simToken   = "sim-callback-token"
	simHMACKey = "sim-webhook-secret"
)

// simCredentials are what the simulators ask for.
type simCredentials struct {
	reloadlySecret, reloadlyHMACKey, aatPassword, rechargekitToken, bulksmsSecret, aatCallback, rechargekitCallback string
}

var simDefaults = simCredentials{simSecret, simHMACKey, simSecret, simSecret, simSecret, simToken, simToken}

// simulators are the providers' stand-ins, each on a port of its own.
type simulators struct {
	reloadly    *reloadlysim.Sim
	aat         *aatsim.Sim
	rechargekit *rechargekitsim.Sim
	bulksms     *bulksmssim.Sim
	// addrs are host:port by provider; "bulksms" is one of them.
	addrs map[string]string
	with  simCredentials
	stops []func(context.Context)
}

// simOptions says how the simulators behave.
type simOptions struct {
	// magic lets a recipient's last four digits choose a fault.
	magic bool
	// reverseAfter is when successes marked for it are taken back; processing how long asynchronous orders take.
	reverseAfter, processing time.Duration
	// intake is where call-backs go, "" for none.
	intake string
	// addrs are the wanted addresses, by provider; a missing one takes a free port of the loopback interface.
	addrs map[string]string
	// with are the credentials, simDefaults when nothing is set.
	with simCredentials
}

// simNames lists the simulators with their default ports, in the order they are told.
var simNames = []struct{ name, addr string }{
	{string(topup.Reloadly), "127.0.0.1:9101"}, {string(topup.AAT), "127.0.0.1:9102"},
	{string(topup.RechargeKit), "127.0.0.1:9103"}, {"bulksms", "127.0.0.1:9104"},
}

// startSimulators serves all simulators.
func startSimulators(o simOptions) (*simulators, error) {
	callback := func(provider topup.ProviderName, token string) string {
		if o.intake == "" {
			return ""
		}
		return "http://" + o.intake + "/v1/providers/" + string(provider) + "/callback" + token
	}
	if o.with == (simCredentials{}) {
		o.with = simDefaults
	}
	s := &simulators{addrs: map[string]string{}, with: o.with}
	s.reloadly = reloadlysim.New(reloadlysim.Options{
		ClientID: simUser, ClientSecret: o.with.reloadlySecret, Processing: o.processing, ReverseAfter: o.reverseAfter, Magic: o.magic,
		WebhookURL: callback(topup.Reloadly, ""), WebhookSecret: o.with.reloadlyHMACKey,
	})
	s.aat = aatsim.New(aatsim.Options{
		Username: simUser, Password: o.with.aatPassword, ReverseAfter: o.reverseAfter, Magic: o.magic, CallbackURL: callback(topup.AAT, "/"+o.with.aatCallback),
	})
	s.rechargekit = rechargekitsim.New(rechargekitsim.Options{
		Token: o.with.rechargekitToken, SettleAfter: o.processing, ReverseAfter: o.reverseAfter, Magic: o.magic,
		CallbackURL: callback(topup.RechargeKit, "/"+o.with.rechargekitCallback),
	})
	s.bulksms = bulksmssim.New(bulksmssim.Options{TokenID: simUser, TokenSecret: o.with.bulksmsSecret, Magic: o.magic})
	s.sendReloadlyWebhooks(o.intake)
	handlers := map[string]http.Handler{
		string(topup.Reloadly): s.reloadly, string(topup.AAT): s.aat, string(topup.RechargeKit): s.rechargekit, "bulksms": s.bulksms,
	}
	for name, h := range handlers {
		if err := s.serve(name, o.addrs[name], h); err != nil {
			s.stop()
			return nil, err
		}
	}
	return s, nil
}

// webhookTick is how often the simulator of Reloadly is told to send its call-backs; the others send by themselves.
const webhookTick = 200 * time.Millisecond

func (s *simulators) sendReloadlyWebhooks(intake string) {
	if intake == "" {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(webhookTick)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				_, _ = s.reloadly.SendWebhooks(ctx) // one that was not taken is sent again
			}
		}
	}()
	s.stops = append(s.stops, func(context.Context) { cancel(); <-done })
}

func (s *simulators) serve(name, addr string, h http.Handler) error {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for the simulator of %s: %w", name, err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(l) }() // ends with Close
	s.addrs[name] = l.Addr().String()
	s.stops = append(s.stops, func(context.Context) { _ = srv.Close() })
	return nil
}

func (s *simulators) stop() {
	for _, stop := range s.stops {
		stop(context.Background())
	}
}

// env is the settings that point the program at the simulators.
func (s *simulators) env() map[string]string {
	at := func(name string) string { return "http://" + s.addrs[name] }
	return map[string]string{
		"TOPUPQ_RELOADLY_AUTH_URL": at("reloadly"), "TOPUPQ_RELOADLY_BASE_URL": at("reloadly"),
		"TOPUPQ_RELOADLY_CLIENT_ID": simUser, "TOPUPQ_RELOADLY_CLIENT_SECRET": s.with.reloadlySecret, "TOPUPQ_RELOADLY_WEBHOOK_SECRET": s.with.reloadlyHMACKey,
		"TOPUPQ_AAT_BASE_URL": at("aat") + "/MobileRecharge.asmx", "TOPUPQ_AAT_USERNAME": simUser, "TOPUPQ_AAT_PASSWORD": s.with.aatPassword,
		"TOPUPQ_AAT_CALLBACK_TOKEN": s.with.aatCallback, "TOPUPQ_RECHARGEKIT_BASE_URL": at("rechargekit"), "TOPUPQ_RECHARGEKIT_TOKEN": s.with.rechargekitToken,
		"TOPUPQ_RECHARGEKIT_CALLBACK_TOKEN": s.with.rechargekitCallback, "TOPUPQ_BULKSMS_BASE_URL": at("bulksms") + "/v1",
		"TOPUPQ_BULKSMS_TOKEN_ID": simUser, "TOPUPQ_BULKSMS_TOKEN_SECRET": s.with.bulksmsSecret,
	}
}

// booking is what a simulator holds for one reference.
type booking struct {
	provider, reference, state, amount, currency string
	count                                        int
}

// bookings are all bookings of the three providers, by reference.
func (s *simulators) bookings() map[string]booking {
	out := map[string]booking{}
	for _, b := range s.reloadly.Bookings() {
		out[b.Reference] = booking{"reloadly", b.Reference, b.State, b.Amount, b.Currency, b.Count}
	}
	for _, b := range s.aat.Bookings() {
		out[b.Reference] = booking{"aat", b.Reference, b.State, b.Amount, b.Currency, b.Count}
	}
	for _, b := range s.rechargekit.Bookings() {
		out[b.Reference] = booking{"rechargekit", b.Reference, b.State, b.Amount, b.Currency, b.Count}
	}
	return out
}

// paid is how often money was booked for the reference and delivered, taken back later or not. An order that the
// provider took and then failed never cost anything.
func (b booking) paid() int {
	if b.state == "booked" || b.state == "refunded" {
		return b.count
	}
	return 0
}
