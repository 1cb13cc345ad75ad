package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"topupq/operator"
	"topupq/topup"
)

func newRecover(d deps) *cobra.Command {
	f := &actFlags{}
	cmd := &cobra.Command{
		Use: "recover", Short: "Say that Redis was restored from an older copy: ask about everything before sending it",
		Long: `Run this after Redis was brought back from a backup, an old append-only file, or a repaired one, while no topupq
process was running, and before any is started again. The copy may have forgotten what was sent since it was made.
With the recovery mark set, every top-up that is older than now is asked about at its provider before it may be sent,
"no such reference" counts only from now on, and none of them can be cancelled before that.

Processes that were running meanwhile have noticed by themselves. Setting the mark once too often costs only questions.`,
		Example: "  topupq recover\n  topupq recover --apply --reason \"restored the backup of 02:00\"",
		Args:    cobra.NoArgs,
	}
	f.bindAct(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return atDesk(cmd, d, f, func(ctx context.Context, desk *operator.Desk, by operator.Person) error {
			r, err := desk.Recovery(ctx)
			if err != nil {
				return err
			}
			if err := f.clerk(desk).Recover(ctx, by, f.reason); err != nil {
				return err
			}
			tellRecovery(cmd.OutOrStdout(), r, f.apply)
			return nil
		})
	}
	return cmd
}

func tellRecovery(w io.Writer, r operator.Recovery, applied bool) {
	last := "never"
	if !r.Last.IsZero() {
		last = r.Last.UTC().Format(time.RFC3339)
	}
	fmt.Fprintf(w, "Recovered last: %s\n", last)
	for _, p := range topup.Providers {
		if r.Backlog.Sends[p]+r.Backlog.Checks[p] > 0 {
			fmt.Fprintf(w, "%s: %d wait to be sent, %d are being asked about or confirmed\n", p, r.Backlog.Sends[p], r.Backlog.Checks[p])
		}
	}
	if !applied {
		fmt.Fprintln(w, "This is a preview; nothing was touched. Add --apply --reason \"…\" to set the recovery mark to now.")
		return
	}
	fmt.Fprintln(w, "The recovery mark is set: everything older than now is asked about before it may be sent.")
}
