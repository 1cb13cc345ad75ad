package harness

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/config"
	"topupq/redisproc"
)

// Options say what a Stack consists of. Every zero value is good.
type Options struct {
	// Workers and Schedulers are how many processes of each run; default 1, None for no process.
	Workers, Schedulers int
	// Env adds to the settings, or replaces them.
	Env map[string]string
	// Sims are the simulators' options; CallBacks has them call the intake.
	Sims      SimOptions
	CallBacks bool
	// Ops runs the operators' listener too, with OpsUser.
	Ops bool
	// Toxic puts a toxiproxy between the processes and Redis.
	Toxic bool
	// Cluster has the stack stand on a Redis Cluster whatever EngineEnv says.
	Cluster bool
	// Redis are the server's settings; default an append-only file with fsync always.
	Redis redisproc.Options
	// URL is a Redis that the test runs itself, such as a cluster; there is then no Redis, Link or Network.
	URL string
}

// None is for Options.Workers and Options.Schedulers.
const None = -1

// Stack is the whole product, running.
type Stack struct {
	Redis *Redis
	// Link and Networks are what stands in front of the nodes, Networks only with Options.Toxic.
	Link     Links
	Networks []*Network
	Sims     *Sims
	Receiver *Receiver
	Merchant *Merchant

	Intake     *Process
	Workers    []*Process
	Schedulers []*Process
	Ops        *Process

	opts Options
	dir  string
	url  string
	env  map[string]string
}

// Settings in which an hour of production takes a second or two.
const (
	Timeout       = 2 * time.Second
	Hold          = time.Second
	Margin        = 300 * time.Millisecond
	CheckInterval = 4 * time.Second
	CheckCount    = 3
)

// The operator of Options.Ops.
const (
	OpsUser     = "olga"
	OpsPassword = "open-sesame"
)

// encryptionKey seals the secrets of a test; it protects nothing.
const encryptionKey = "c3Rvcm0tc3Rvcm0tc3Rvcm0tc3Rvcm0tc3Rvcm0tMTI="

func shortTimes() map[string]string {
	env := map[string]string{
		"TOPUPQ_CHECK_EARLY": "500ms,1s,2s", "TOPUPQ_CHECK_INTERVAL": CheckInterval.String(), "TOPUPQ_CHECK_COUNT": fmt.Sprint(CheckCount),
		"TOPUPQ_END_OF_DAY":    time.Now().UTC().Add(12 * time.Hour).Format("15:04:05"),
		"TOPUPQ_RESCUE_AFTER":  "1s",
		"TOPUPQ_SUBMIT_MARGIN": Margin.String(), "TOPUPQ_LEADER_TTL": "1s", "TOPUPQ_CALLBACK_TIMEOUT": "1s",
		"TOPUPQ_CALLBACK_RETRIES": "300ms,600ms,1s,2s,2s,2s,2s,3s,3s,3s,3s,3s,3s,3s,3s,3s,3s,3s,3s,3s",
		"TOPUPQ_ENCRYPTION_KEY":   encryptionKey, "TOPUPQ_ALLOW_PRIVATE_CALLBACKS": "true", "TOPUPQ_LOG_LEVEL": "debug",
	}
	for _, p := range []string{"RELOADLY", "AAT", "RECHARGEKIT"} {
		env["TOPUPQ_"+p+"_TIMEOUT"] = Timeout.String()
		env["TOPUPQ_"+p+"_HOLD"] = Hold.String()
		env["TOPUPQ_"+p+"_SPACING"] = "0s"
		env["TOPUPQ_"+p+"_TIMEZONE"] = "UTC"
		env["TOPUPQ_"+p+"_CONFIRM"] = "hourly"
	}
	return env
}

// Start runs a Stack that ends with the test. The program is the one that BinaryEnv names.
func Start(tb testing.TB, o Options) *Stack {
	tb.Helper()
	if o.Redis.AppendFsync == "" {
		o.Redis.AppendFsync = "always"
	}
	s := &Stack{opts: o, dir: tb.TempDir()}
	if err := s.start(tb); err != nil {
		tb.Fatal(err)
	}
	if err := s.ready(tb.Context()); err != nil {
		tb.Fatalf("%v\n%s", err, s.Intake.Log())
	}
	return s
}

func (s *Stack) start(tb testing.TB) error {
	intake, err := freeAddr()
	if err != nil {
		return err
	}
	if s.url, err = s.connect(tb); err != nil {
		return err
	}
	if s.opts.CallBacks {
		s.opts.Sims.CallBack = intake
	}
	if s.Sims, err = startSims(s.opts.Sims); err != nil {
		return err
	}
	tb.Cleanup(s.Sims.close)
	if s.Receiver, err = startReceiver(s.Sims.Books); err != nil {
		return err
	}
	tb.Cleanup(func() { _ = s.Receiver.srv.Close() })
	s.env = shortTimes()
	maps.Copy(s.env, s.Sims.env())
	s.env["TOPUPQ_REDIS_URL"], s.env["TOPUPQ_INTAKE_ADDR"] = s.url, intake
	if s.env["TOPUPQ_OPS_ADDR"], err = freeAddr(); err != nil {
		return err
	}
	s.env["TOPUPQ_OPS_USERS"] = OpsUser + ":" + OpsPassword + ":operator"
	maps.Copy(s.env, s.opts.Env)
	if s.Merchant, err = s.addMerchant(tb.Context(), "http://"+intake); err != nil {
		return err
	}
	tb.Cleanup(s.stopAll)
	return s.startProcesses()
}

// connect builds the way to Redis and returns the address where it begins.
func (s *Stack) connect(tb testing.TB) (string, error) {
	if s.opts.URL != "" {
		return s.opts.URL, nil
	}
	n, err := wanted(s.opts.Cluster)
	if err != nil {
		return "", err
	}
	fronts := make([]string, n)
	for i := range fronts {
		link, err := NewLink()
		if err != nil {
			return "", err
		}
		tb.Cleanup(link.Close)
		s.Link, fronts[i] = append(s.Link, link), link.Addr()
		if !s.opts.Toxic {
			continue
		}
		network, err := NewNetwork(link.Addr())
		if err != nil {
			return "", err
		}
		tb.Cleanup(network.Close)
		s.Networks, fronts[i] = append(s.Networks, network), network.Addr()
	}
	if s.Redis, err = startBehind(tb, s.opts.Redis, fronts, n > 1); err != nil {
		return "", err
	}
	for i, link := range s.Link {
		link.Connect(s.Redis.Nodes[i].Addr())
	}
	return s.Redis.URL(), nil
}

func freeAddr() (string, error) {
	port, err := redisproc.FreePort()
	return "127.0.0.1:" + strconv.Itoa(port), err
}

func (s *Stack) startProcesses() error {
	s.Intake = s.process("intake", "intake")
	for i := range processes(s.opts.Workers) {
		s.Workers = append(s.Workers, s.process(fmt.Sprintf("worker-%d", i+1), "work"))
	}
	for i := range processes(s.opts.Schedulers) {
		s.Schedulers = append(s.Schedulers, s.process(fmt.Sprintf("scheduler-%d", i+1), "schedule"))
	}
	if s.opts.Ops {
		s.Ops = s.process("ops", "ops")
	}
	for _, p := range s.Processes() {
		if err := p.Start(); err != nil {
			return err
		}
	}
	return nil
}

// Command runs one of the program's commands, as OpsUser where it asks who acts, and returns what it printed.
func (s *Stack) Command(ctx context.Context, args ...string) ([]byte, error) {
	p := s.process("command", args...)
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Env, cmd.Dir = append(p.env, "TOPUPQ_OPERATOR_PASSWORD="+OpsPassword), s.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("topupq %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return out, nil
}

// OpsURL is where the operators' listener is.
func (s *Stack) OpsURL() string { return "http://" + s.env["TOPUPQ_OPS_ADDR"] }

// processes is how many processes an option means.
func processes(wanted int) int {
	if wanted == 0 {
		return 1
	}
	return max(wanted, 0)
}

func (s *Stack) process(name string, args ...string) *Process {
	environ := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir}
	for k, v := range s.env {
		environ = append(environ, k+"="+v)
	}
	return newProcess(os.Getenv(BinaryEnv), s.dir, name, environ, args...)
}

// Processes are all processes of the product.
func (s *Stack) Processes() []*Process {
	all := slices.Concat([]*Process{s.Intake}, s.Workers, s.Schedulers)
	if s.Ops != nil {
		all = append(all, s.Ops)
	}
	return all
}

func (s *Stack) stopAll() {
	for _, p := range s.Processes() {
		p.Kill()
	}
}

// readyTimeout bounds the start of everything.
const readyTimeout = 30 * time.Second

// ready waits for the intake to say that it can take orders.
func (s *Stack) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	return Poll(ctx, 20*time.Millisecond, func() bool {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Merchant.url+"/readyz", nil)
		if err != nil {
			return false
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// Poll asks again and again until done or until ctx ends, whose error it then returns.
func Poll(ctx context.Context, every time.Duration, done func() bool) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("gave up waiting: %w", ctx.Err())
		case <-ticker.C:
		}
	}
	return nil
}

// Pause waits for d, or until ctx ends.
func Pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Client is a connection to Redis around the proxies, for what an operator does there. Close it.
func (s *Stack) Client() redis.UniversalClient {
	if s.Redis != nil {
		return s.Redis.Client()
	}
	opts, err := config.RedisOptions(config.Secret(s.opts.URL))
	if err != nil {
		panic(err) // the processes have been started with it
	}
	return redis.NewUniversalClient(opts)
}

// URL is the Redis as the processes reach it.
func (s *Stack) URL() string { return s.url }

// Dir is where the processes' logs are.
func (s *Stack) Dir() string { return s.dir }

// Logs are the processes' logs by name.
func (s *Stack) Logs() map[string][]byte {
	out := map[string][]byte{}
	for _, p := range s.Processes() {
		out[p.Name] = p.Log()
	}
	return out
}

// SaveLogs copies the logs into dir.
func (s *Stack) SaveLogs(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	for name, text := range s.Logs() {
		if err := os.WriteFile(filepath.Join(dir, name+".log"), text, 0o600); err != nil {
			return fmt.Errorf("save log: %w", err)
		}
	}
	return nil
}
