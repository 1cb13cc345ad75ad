package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"topupq/operator"
	"topupq/topup"
)

func newPause(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "pause [SCOPE]", Short: "Stop sending for a provider, operator, merchant or batch; without a scope list the pauses",
		Long: `A scope is provider:aat, operator:reloadly:173, merchant:mer… or batch:bat…. What was sent is asked about as
ever; what is accepted waits until somebody resumes it. A mobile operator can only be stopped where the order names it.`,
		Example: "  topupq pause\n  topupq pause provider:aat --apply --reason \"float is empty\"",
		Args:    cobra.MaximumNArgs(1),
	}
	return scopeCommand(d, cmd, "is paused", func(ctx context.Context, c *operator.Clerk, by operator.Person, reason string, s topup.PauseScope) error {
		return c.Pause(ctx, by, reason, s)
	})
}

func newResume(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "resume SCOPE", Short: "End a pause, or release the rows of a batch that the brake has stopped",
		Long: `Ends a pause that "topupq pause" lists, by its scope. brake:bat…/reloadly:173 is one operator's rows in one batch, of
which the first failed far more often than is usual: resumed, some go ahead again before the rest.`,
		Example: "  topupq resume provider:aat --apply --reason \"float was filled\"\n" +
			"  topupq resume brake:bat…/reloadly:173 --apply --reason \"the operator is well again\"",
		Args: oneArg,
	}
	return scopeCommand(d, cmd, "goes on", func(ctx context.Context, c *operator.Clerk, by operator.Person, reason string, s topup.PauseScope) error {
		return c.Resume(ctx, by, reason, s)
	})
}

// scopeCommand completes pause and resume.
func scopeCommand(d deps, cmd *cobra.Command, done string, do func(context.Context, *operator.Clerk, operator.Person, string, topup.PauseScope) error) *cobra.Command {
	f := &actFlags{}
	f.bindAct(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return openNode(cmd, d, func(ctx context.Context, n *node) error { return listPauses(ctx, cmd, n) })
		}
		scope, err := operator.ParseScope(args[0])
		if err != nil {
			return usageError("%w", err)
		}
		return atDesk(cmd, d, f, func(ctx context.Context, desk *operator.Desk, by operator.Person) error {
			if err := do(ctx, f.clerk(desk), by, f.reason, scope); err != nil {
				return err
			}
			if !f.apply {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: this is a preview; nothing was touched. Add --apply --reason \"…\" to do it.\n", scope)
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", scope, done)
			return nil
		})
	}
	return cmd
}

func listPauses(ctx context.Context, cmd *cobra.Command, n *node) error {
	pauses, err := n.store.Pauses(ctx)
	if err != nil {
		return err
	}
	if len(pauses) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "nothing is paused")
		return nil
	}
	rows := make([][]string, len(pauses))
	for i, p := range pauses {
		until := "until resumed"
		if !p.Pause.Until.IsZero() {
			until = "until " + p.Pause.Until.UTC().Format("2006-01-02 15:04:05 UTC")
		}
		rows[i] = []string{p.Scope.String(), string(p.Pause.Reason), p.Pause.Actor, until, p.Pause.Note}
	}
	return printTable(cmd.OutOrStdout(), []string{"SCOPE", "REASON", "BY", "UNTIL", "NOTE"}, rows)
}
