package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"topupq/operator"
)

// order is one act over chosen top-ups, by its command.
type order func(ctx context.Context, c *operator.Clerk, o operator.Order) (*operator.Report, error)

// actCommand completes a command that acts on chosen top-ups.
func actCommand(d deps, cmd *cobra.Command, do order) *cobra.Command {
	f := &actFlags{}
	f.bindChoice(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		filter, err := f.filter(args, time.Now().UTC())
		if err != nil {
			return err
		}
		return atDesk(cmd, d, f, func(ctx context.Context, desk *operator.Desk, by operator.Person) error {
			r, err := do(ctx, f.clerk(desk), operator.Order{By: by, Reason: f.reason, Filter: filter, Limit: f.limit})
			if err != nil {
				return err
			}
			return printReport(cmd, r, f.asJSON)
		})
	}
	return cmd
}

func newReplay(d deps) *cobra.Command {
	return actCommand(d, &cobra.Command{
		Use: "replay [ID… | REFERENCE]", Short: "Send held top-ups again, ask about open ones; a preview unless --apply",
		Long: `Held top-ups are sent, open ones are asked about, closed ones are left alone. Nothing is ever sent twice, so
this may be run at any time and as often as one likes.`,
		Example: `  topupq replay --state held --provider aat
  topupq replay --state held --code float_empty --apply --reason "float was filled"`,
	}, func(ctx context.Context, c *operator.Clerk, o operator.Order) (*operator.Report, error) {
		return c.Replay(ctx, o)
	})
}

func newCancel(d deps) *cobra.Command {
	return actCommand(d, &cobra.Command{
		Use: "cancel [ID… | REFERENCE]", Short: "Close top-ups that were never sent; a preview unless --apply",
		Example: `  topupq cancel --batch batabcdefghij234
  topupq cancel --state held --merchant merabcdefghij --apply --reason "merchant withdrew them"`,
	}, func(ctx context.Context, c *operator.Clerk, o operator.Order) (*operator.Report, error) {
		return c.Cancel(ctx, o)
	})
}
