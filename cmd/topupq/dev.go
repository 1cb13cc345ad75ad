package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"topupq/config"
)

// newDev is the demo's stack, staying up.
func newDev(d deps) *cobra.Command {
	var intakeAddr, opsAddr, level string
	cmd := &cobra.Command{
		Use: "dev", Short: "Run the whole stack with simulated providers, staying up, for developing against", Args: cobra.NoArgs,
		Long: `Run an embedded Redis, the simulators, all roles and a callback receiver in one process, and print a merchant's
key. Nothing survives the process. The last four digits of a recipient's number choose what the simulators do: see
/_sim/faults of each.`,
		Example: "  topupq dev\n  topupq dev --intake 127.0.0.1:8080 --log-level debug",
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := newLog(d.stderr, config.Log{Level: level, Format: "console"})
			s, err := startSandbox(cmd.Context(), sandboxOptions{
				log: log, intakeAddr: intakeAddr, opsAddr: opsAddr,
				sims: simOptions{magic: true, reverseAfter: time.Minute, processing: 2 * time.Second},
			})
			if err != nil {
				return err
			}
			defer s.stop()
			s.greet(d)
			<-cmd.Context().Done()
			fmt.Fprintln(d.stdout, "stopping")
			return nil
		},
	}
	cmd.Flags().StringVar(&intakeAddr, "intake", "127.0.0.1:8080", "where the merchants' API listens")
	cmd.Flags().StringVar(&opsAddr, "ops", "127.0.0.1:8081", "where the operators' pages listen")
	cmd.Flags().StringVar(&level, "log-level", "info", "debug, info, warn or error")
	return cmd
}

// greet prints where everything is.
func (s *sandbox) greet(d deps) {
	w := d.stdout
	fmt.Fprintf(w, "topupq dev: embedded Redis, nothing survives this process (durability: none)\n\n")
	fmt.Fprintf(w, "  intake       http://%s   (API page at /docs)\n", s.at.intake)
	fmt.Fprintf(w, "  dashboard    http://%s/dashboard   (admin / admin)\n", s.at.ops)
	for _, sim := range simNames {
		fmt.Fprintf(w, "  %-12s http://%s   (faults at /_sim/faults)\n", sim.name, s.sims.addrs[sim.name])
	}
	fmt.Fprintf(w, "\n  merchant     %s\n  api key      %s\n\nTry:\n", s.merchant.ID, s.apiKey)
	fmt.Fprintf(w, `  curl -s http://%s/v1/topups -H "Authorization: Bearer %s" -H "Content-Type: application/json" -H "Prefer: wait=5" \
    -d '{"reference":"ord-1001","recipient":"+27831234567","amount":"2.00","currency":"ZAR"}'
`, s.at.intake, s.apiKey)
}
