package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// newSimulate runs the simulators alone.
func newSimulate(d deps) *cobra.Command {
	var o simOptions
	addrs := map[string]*string{}
	cmd := &cobra.Command{
		Use: "simulate", Short: "Run the simulators of the providers alone, with a scripting API for faults", Args: cobra.NoArgs,
		Long: `Run stand-ins for Reloadly, AAT, RechargeKit and BulkSMS. Each keeps a ledger of what it booked. Faults are
scripted over HTTP: POST /_sim/script {"match":{"reference":"…"},"fault":"cut_after","times":1}; GET /_sim/faults lists
them, GET /_sim/bookings and /_sim/requests show what happened. Prints the settings that point topupq at them.`,
		Example: "  topupq simulate\n  topupq simulate --magic --aat 127.0.0.1:9202 --intake 127.0.0.1:8080",
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.addrs = map[string]string{}
			for name, addr := range addrs {
				o.addrs[name] = *addr
			}
			s, err := startSimulators(o)
			if err != nil {
				return err
			}
			defer s.stop()
			env := s.env()
			for _, name := range slices.Sorted(maps.Keys(env)) {
				fmt.Fprintf(d.stdout, "%s=%s\n", name, env[name])
			}
			<-cmd.Context().Done()
			return nil
		},
	}
	for _, sim := range simNames {
		addrs[sim.name] = cmd.Flags().String(sim.name, sim.addr, "address of the simulator of "+sim.name)
	}
	cmd.Flags().BoolVar(&o.magic, "magic", false, "let the last four digits of a recipient's number choose a fault")
	cmd.Flags().StringVar(&o.intake, "intake", "", "host:port of an intake that gets the providers' call-backs")
	cmd.Flags().DurationVar(&o.processing, "processing", 2*time.Second, "how long asynchronous orders take")
	cmd.Flags().DurationVar(&o.reverseAfter, "reverse-after", time.Minute, "when reversed orders are taken back")
	return cmd
}
