package harness

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"sync"
	"time"

	"topupq/clients/aat/aatsim"
	"topupq/clients/rechargekit/rechargekitsim"
	"topupq/clients/reloadly/reloadlysim"
	"topupq/topup"
)

// Credentials of the simulators. They open nothing else.
const (
	simUser   = "storm"
	simSecret = "storm-secret"
	simToken  = "storm-callback-token"
	simHMAC   = "storm-webhook-secret"
)

// Stage is a point in the life of a paying call at the provider.
type Stage int

// The stages.
const (
	// Arrived is before the provider has done anything.
	Arrived Stage = iota
	// Booked is after the provider has decided and before the first byte of its answer.
	Booked
	// Answered is after its answer was written.
	Answered
)

// Sims are the three providers' simulators, each on a port of its own.
type Sims struct {
	Reloadly    *reloadlysim.Sim
	AAT         *aatsim.Sim
	RechargeKit *rechargekitsim.Sim

	addrs map[topup.ProviderName]string
	stops []func()

	mu   sync.Mutex
	hook func(Stage, topup.ID)
}

// SimOptions say how the simulators behave. Every zero value is good.
type SimOptions struct {
	// Processing is how long asynchronous orders take. CallBack is the intake that gets the providers' call-backs,
	// "" for none. Balance is the float of each, in its own currency.
	Processing time.Duration
	CallBack   string
	Balance    string
}

// webhookTick is how often Reloadly's simulator sends the call-backs it owes; the others send by themselves.
const webhookTick = 200 * time.Millisecond

func startSims(o SimOptions) (*Sims, error) {
	target := func(provider string) string {
		if o.CallBack == "" {
			return ""
		}
		return "http://" + o.CallBack + "/v1/providers/" + provider + "/callback"
	}
	withToken := func(url string) string {
		if url == "" {
			return ""
		}
		return url + "/" + simToken
	}
	s := &Sims{
		Reloadly: reloadlysim.New(reloadlysim.Options{
			ClientID: simUser, ClientSecret: simSecret, Balance: o.Balance, Processing: o.Processing,
			WebhookURL: target("reloadly"), WebhookSecret: simHMAC,
		}),
		AAT: aatsim.New(aatsim.Options{Username: simUser, Password: simSecret, Balance: o.Balance, CallbackURL: withToken(target("aat"))}),
		RechargeKit: rechargekitsim.New(rechargekitsim.Options{
			Token: simSecret, Balance: o.Balance, SettleAfter: o.Processing, CallbackURL: withToken(target("rechargekit")),
		}),
		addrs: map[topup.ProviderName]string{},
	}
	handlers := map[topup.ProviderName]http.Handler{topup.Reloadly: s.Reloadly, topup.AAT: s.AAT, topup.RechargeKit: s.RechargeKit}
	for name, h := range handlers {
		if err := s.serve(name, h); err != nil {
			s.close()
			return nil, err
		}
	}
	s.runWebhooks(o.CallBack != "")
	return s, nil
}

func (s *Sims) runWebhooks(wanted bool) {
	if !wanted {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.Reloadly.RunWebhooks(ctx, webhookTick) })
	s.stops = append(s.stops, func() { cancel(); wg.Wait() }, s.AAT.Close, s.RechargeKit.Close)
}

func (s *Sims) serve(name topup.ProviderName, h http.Handler) error {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the simulator of %s: %w", name, err)
	}
	srv := &http.Server{Handler: s.watched(name, h), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(l) }() // ends with Close
	s.addrs[name] = l.Addr().String()
	s.stops = append(s.stops, func() { _ = srv.Close() })
	return nil
}

func (s *Sims) close() {
	for _, stop := range s.stops {
		stop()
	}
}

// Watch calls hook at every stage of every paying call; nil ends that. The provider waits for it.
func (s *Sims) Watch(hook func(Stage, topup.ID)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

func (s *Sims) reach(stage Stage, id topup.ID) {
	s.mu.Lock()
	hook := s.hook
	s.mu.Unlock()
	if hook != nil {
		hook(stage, id)
	}
}

// watched tells of the stages of the paying calls that h serves.
func (s *Sims) watched(p topup.ProviderName, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !Pays(p, r.Method, r.URL.Path) {
			h.ServeHTTP(w, r)
			return
		}
		id := referenceIn(r)
		s.reach(Arrived, id)
		staged := &stagedWriter{ResponseWriter: w, booked: func() { s.reach(Booked, id) }}
		h.ServeHTTP(staged, r)
		if !staged.cut {
			_ = http.NewResponseController(w).Flush() // the caller may have gone
		}
		s.reach(Answered, id)
	})
}

var referencePattern = regexp.MustCompile(`\b[a-z2-7]{20}\b`)

// referenceIn finds our reference in a paying call, wherever the provider wants it, and leaves the body as it was.
func referenceIn(r *http.Request) topup.ID {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxCallback))
	if err != nil {
		return ""
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return topup.ID(referencePattern.FindString(r.URL.RawQuery + " " + string(body)))
}

// stagedWriter tells of the first byte of an answer.
type stagedWriter struct {
	http.ResponseWriter
	once   sync.Once
	booked func()
	cut    bool
}

// Hijack implements http.Hijacker. A provider that cuts the connection has decided too.
func (w *stagedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.once.Do(w.booked)
	w.cut = true
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// WriteHeader implements http.ResponseWriter.
func (w *stagedWriter) WriteHeader(status int) {
	w.once.Do(w.booked)
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *stagedWriter) Write(b []byte) (int, error) {
	w.once.Do(w.booked)
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *stagedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// env is the settings that point the program at the simulators.
func (s *Sims) env() map[string]string {
	at := func(p topup.ProviderName) string { return "http://" + s.addrs[p] }
	return map[string]string{
		"TOPUPQ_RELOADLY_AUTH_URL": at(topup.Reloadly), "TOPUPQ_RELOADLY_BASE_URL": at(topup.Reloadly),
		"TOPUPQ_RELOADLY_CLIENT_ID": simUser, "TOPUPQ_RELOADLY_CLIENT_SECRET": simSecret, "TOPUPQ_RELOADLY_WEBHOOK_SECRET": simHMAC,
		"TOPUPQ_AAT_BASE_URL": at(topup.AAT) + "/MobileRecharge.asmx", "TOPUPQ_AAT_USERNAME": simUser,
		"TOPUPQ_AAT_PASSWORD": simSecret, "TOPUPQ_AAT_CALLBACK_TOKEN": simToken,
		"TOPUPQ_RECHARGEKIT_BASE_URL": at(topup.RechargeKit), "TOPUPQ_RECHARGEKIT_TOKEN": simSecret,
		"TOPUPQ_RECHARGEKIT_CALLBACK_TOKEN": simToken,
	}
}
