package main

import (
	"context"

	"github.com/spf13/cobra"

	"topupq/operator"
	"topupq/topup"
)

func newResolve(d deps) *cobra.Command {
	var to, evidence string
	var withdraw bool
	cmd := actCommand(d, &cobra.Command{
		Use: "resolve [ID… | REFERENCE]", Short: "Close unresolved top-ups on people's word; a preview unless --apply",
		Long: `Only unresolved top-ups are a person's to close, and only with a reason and evidence. Above
TOPUPQ_TWO_PEOPLE_ABOVE two people are needed, each with --as: the first one's order proposes, the same order of
somebody else closes.`,
		Example: `  topupq resolve --state unresolved --provider aat --to failed
  topupq resolve abcdefghijklmnop2345 --to succeeded --evidence "statement 2026-11, line 12" --apply --reason "ticket 77" --as ann`,
	}, func(ctx context.Context, c *operator.Clerk, o operator.Order) (*operator.Report, error) {
		if withdraw {
			return c.Withdraw(ctx, o)
		}
		outcome, err := topup.ParseState(to)
		if err != nil {
			return nil, usageError("--to: say succeeded or failed")
		}
		return c.Resolve(ctx, o, operator.Resolution{To: outcome, Evidence: evidence})
	})
	cmd.Flags().StringVar(&to, "to", "", "what it came to: succeeded or failed")
	cmd.Flags().StringVar(&evidence, "evidence", "", "what that rests on: a ticket, a statement line; required with --apply")
	cmd.Flags().BoolVar(&withdraw, "withdraw", false, "end what somebody has proposed instead")
	return cmd
}
