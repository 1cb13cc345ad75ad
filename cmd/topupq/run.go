package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"topupq/config"
)

// roles are the parts that a process can play.
type roles struct {
	intake, work, schedule, ops bool
	// queues limits work to these.
	queues []string
	tune   tuning
}

// addresses are where a started node listens.
type addresses struct{ intake, ops string }

// startRoles starts the parts: listeners last, so that nothing is taken that nobody works on.
func (n *node) startRoles(r roles) (addresses, error) {
	var at addresses
	p, err := newProviders(n.cfg)
	if err != nil {
		return at, err
	}
	if err := n.startWatch(context.Background()); err != nil {
		return at, err
	}
	n.watchProviders(p)
	n.rotations = append(n.rotations, p.rotations...)
	if err := n.startMetrics(r.schedule || r.ops); err != nil {
		return at, err
	}
	if len(p.names) == 0 && (r.intake || r.work || r.schedule) {
		n.log.Warn("no provider has credentials: every top-up will be refused (topupq config lists the settings)")
	}
	if r.work {
		if err := n.startWork(p, r.queues, r.tune); err != nil {
			return at, err
		}
	}
	if r.schedule {
		if err := n.startSchedule(p); err != nil {
			return at, err
		}
	}
	if r.ops {
		if at.ops, err = n.startOps(p); err != nil {
			return at, err
		}
	}
	if r.intake {
		at.intake, err = n.startIntake(p)
	}
	return at, err
}

// cutQueue splits a queue's name into kind and provider.
func cutQueue(name string) (kind, provider string, found bool) { return strings.Cut(name, ":") }

// play runs roles with the configured Redis until the context ends.
func play(cmd *cobra.Command, d deps, r roles) error {
	cfg, err := loadConfig(cmd, d)
	if err != nil {
		return err
	}
	log := newLog(d.stderr, cfg.Log)
	defer func() { _ = log.Sync() }() // stderr cannot always be synced
	for _, w := range cfg.Warnings {
		log.Warn("settings", zap.String("warning", w))
	}
	demand := ""
	if r.intake || r.work || r.schedule {
		demand = cfg.RedisDurability
	}
	n, err := newNode(cmd.Context(), cfg, log, demand)
	if err != nil {
		return err
	}
	defer n.stop()
	n.traces = wantsTraces(d.getenv)
	if _, err := n.startRoles(r); err != nil {
		return err
	}
	n.startRotation(func() (config.Config, error) { return loadConfig(cmd, d) })
	<-cmd.Context().Done()
	log.Info("stopping: new work is refused, calls under way end")
	return nil
}

func newRun(d deps) *cobra.Command {
	return &cobra.Command{
		Use: "run", Short: "Run all roles in one process, with real Redis and real providers", Args: cobra.NoArgs,
		Example: "  TOPUPQ_REDIS_URL=redis://127.0.0.1:6379 topupq run\n  topupq run --config /etc/topupq/topupq.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return play(cmd, d, roles{intake: true, work: true, schedule: true, ops: true, tune: fullSpeed})
		},
	}
}

func newIntake(d deps) *cobra.Command {
	return &cobra.Command{
		Use: "intake", Short: "Serve the merchants' API", Args: cobra.NoArgs, Example: "  topupq intake",
		RunE: func(cmd *cobra.Command, _ []string) error { return play(cmd, d, roles{intake: true}) },
	}
}

func newWork(d deps) *cobra.Command {
	var queues []string
	cmd := &cobra.Command{
		Use: "work", Short: "Run jobs: send, check, call back, look up", Args: cobra.NoArgs,
		Example: "  topupq work\n  topupq work --queues aat,callback",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return play(cmd, d, roles{work: true, queues: queues, tune: fullSpeed})
		},
	}
	cmd.Flags().StringSliceVar(&queues, "queues", nil, "only these: a provider (aat), a kind (callback) or a queue (submit:aat); repeatable")
	return cmd
}

func newSchedule(d deps) *cobra.Command {
	return &cobra.Command{
		Use: "schedule", Short: "Ring for what is due; of several schedulers one acts", Args: cobra.NoArgs, Example: "  topupq schedule",
		RunE: func(cmd *cobra.Command, _ []string) error { return play(cmd, d, roles{schedule: true}) },
	}
}

func newOps(d deps) *cobra.Command {
	return &cobra.Command{
		Use: "ops", Short: "Serve the operators' dashboard and metrics, behind a login", Args: cobra.NoArgs,
		Example: "  TOPUPQ_OPS_USERS=ann:secret:operator topupq ops",
		RunE:    func(cmd *cobra.Command, _ []string) error { return play(cmd, d, roles{ops: true}) },
	}
}
