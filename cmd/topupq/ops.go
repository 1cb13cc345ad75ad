package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"go.uber.org/zap"

	"topupq/config"
	"topupq/ops"
	"topupq/ops/console"
	"topupq/topup"
)

// startOps serves the operator's listener and returns its address.
func (n *node) startOps(p *providers) (string, error) {
	desk, err := n.desk()
	if err != nil {
		return "", err
	}
	board, err := console.New(console.Config{
		Now:  n.clock.Now,
		Desk: desk, Balances: newFloats(p, n.log.Named("console")).read, Queues: queueReader(asynq.NewInspectorFromRedisClient(n.board)), Log: n.log.Named("console"),
	})
	if err != nil {
		return "", fmt.Errorf("build console: %w", err)
	}
	handler, err := ops.New(ops.Config{
		Redis: n.board, Users: opsUsers(n.cfg), OIDC: opsOIDC(n.cfg), SessionKeys: sessionSecrets(n.cfg), Console: board,
		Metrics: n.watch.metrics.Gatherer(), Audit: n.auditAct, Logger: n.log.Named("ops"),
	})
	if err != nil {
		return "", fmt.Errorf("build ops: %w", err)
	}
	n.rotations = append(n.rotations, func(cfg config.Config) error { return handler.Rotate(opsUsers(cfg), opsOIDC(cfg), sessionSecrets(cfg)) })
	return n.serve("ops", n.cfg.OpsAddr, &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute})
}

// sessionSecrets are what signs the sessions: the encryption keys, whatever their IDs.
func sessionSecrets(cfg config.Config) []topup.Secret {
	var out []topup.Secret
	for part := range strings.SplitSeq(cfg.EncryptionKey.Reveal(), ",") {
		if i := strings.LastIndexByte(part, ':'); i >= 0 {
			part = part[i+1:]
		}
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, topup.Secret(part))
		}
	}
	return out
}

// auditAct writes what is done in the dashboard into the audit log.
func (n *node) auditAct(ctx context.Context, a ops.Act) error {
	e := topup.AuditEntry{
		At: a.At, Actor: a.Actor, Role: string(a.Role), Remote: a.Remote, Act: a.Method + " " + a.Path, Phase: "before",
		Target: strings.Join(a.Tasks, " "), Reason: "in the dashboard",
	}
	if a.Status != 0 {
		e.Phase, e.Detail = "after", fmt.Sprintf("answered %d", a.Status)
	}
	_, err := n.store.AppendAudit(context.WithoutCancel(ctx), e)
	return err
}

// floats remembers the providers' balances, so that looking at the console costs them no calls.
type floats struct {
	providers *providers
	log       *zap.Logger

	mu   sync.Mutex
	rows []console.Balance
	at   time.Time
}

const (
	// floatAge is how old a balance may be, floatTimeout how long all providers may take to tell it.
	floatAge     = 5 * time.Minute
	floatTimeout = 10 * time.Second
)

func newFloats(p *providers, log *zap.Logger) *floats { return &floats{providers: p, log: log} }

// read returns the balances, asking for them anew when they are old. Only one asks; the others wait for it.
func (f *floats) read(ctx context.Context) []console.Balance {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.at) < floatAge {
		return slices.Clone(f.rows)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), floatTimeout)
	defer cancel()
	rows := make([]console.Balance, len(f.providers.names))
	var wg sync.WaitGroup
	for i, name := range f.providers.names {
		wg.Go(func() {
			rows[i] = f.ask(ctx, name)
		})
	}
	wg.Wait()
	f.rows, f.at = rows, time.Now()
	return slices.Clone(rows)
}

// ask reads one provider's balance. A panic of its client must not end the listener's process.
func (f *floats) ask(ctx context.Context, name topup.ProviderName) (b console.Balance) {
	b = console.Balance{Provider: name, Err: "it cannot be read at the moment", At: time.Now()}
	defer func() {
		if cause := recover(); cause != nil {
			notePanic(f.log, cause)
		}
	}()
	left, err := f.providers.routes[name].Provider.Balance(ctx)
	if err == nil {
		b.Left, b.Err = left, ""
	}
	return b
}

// queueReader reads asynq's queues for the overview.
func queueReader(i *asynq.Inspector) func(context.Context) ([]console.Queue, error) {
	return func(context.Context) ([]console.Queue, error) {
		names, err := i.Queues()
		if err != nil {
			return nil, fmt.Errorf("list queues: %w", err)
		}
		slices.Sort(names)
		out := make([]console.Queue, 0, len(names))
		for _, name := range names {
			q, err := i.GetQueueInfo(name)
			if err != nil {
				return nil, fmt.Errorf("read queue: %w", err)
			}
			out = append(out, console.Queue{
				Name: name, Pending: q.Pending, Active: q.Active, Scheduled: q.Scheduled, Retry: q.Retry,
				Archived: q.Archived, Latency: q.Latency, Paused: q.Paused,
			})
		}
		return out, nil
	}
}
