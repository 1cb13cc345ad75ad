package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"topupq/operator"
	"topupq/topup"
)

// exitBroken says that the audit log has been tampered with.
const exitBroken = 4

func newAudit(d deps) *cobra.Command {
	var verify, asJSON bool
	var expect string
	var last int64
	cmd := &cobra.Command{
		Use: "audit", Short: "Show what operators did, or verify that nobody has changed the log",
		Long: `Every entry carries the hash of the one before. --verify recomputes the chain and prints the number and hash of
its last entry; keep these elsewhere and give them to --expect NUMBER:HASH later, so that a log that was cut off or
written anew shows as well.`,
		Example: "  topupq audit --last 20\n  topupq audit --verify\n  topupq audit --verify --expect 1742:9f86d0…",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return openNode(cmd, d, func(ctx context.Context, n *node) error {
				if verify || expect != "" {
					return verifyAudit(ctx, cmd, n, expect)
				}
				return listAudit(ctx, cmd, n, last, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&verify, "verify", false, "recompute the chain of hashes")
	cmd.Flags().StringVar(&expect, "expect", "", "NUMBER:HASH of an entry that must still stand, from an earlier --verify")
	cmd.Flags().Int64Var(&last, "last", 50, "show so many entries")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func verifyAudit(ctx context.Context, cmd *cobra.Command, n *node, expect string) error {
	var at operator.Mark
	if expect != "" {
		number, hash, _ := strings.Cut(expect, ":")
		seq, err := strconv.ParseInt(number, 10, 64)
		if err != nil || hash == "" {
			return usageError("--expect: write NUMBER:HASH, as --verify prints them")
		}
		at = operator.Mark{Seq: seq, Hash: hash}
	}
	end, err := operator.VerifyLog(ctx, n.store, at)
	if err != nil {
		return &exitError{code: exitBroken, err: err}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "the audit log is whole: %d entries, the last one is %d:%s\n", end.Seq, end.Seq, end.Hash)
	return nil
}

func listAudit(ctx context.Context, cmd *cobra.Command, n *node, last int64, asJSON bool) error {
	_, total, err := n.store.AuditLog(ctx, 1, 1)
	if err != nil {
		return err
	}
	entries, _, err := n.store.AuditLog(ctx, max(total-last+1, 1), last)
	if err != nil {
		return err
	}
	if asJSON {
		if entries == nil {
			entries = []topup.AuditEntry{}
		}
		return printJSON(cmd.OutOrStdout(), entries)
	}
	rows := make([][]string, len(entries))
	for i, e := range entries {
		rows[i] = []string{strconv.FormatInt(e.Seq, 10), e.At.Format("2006-01-02 15:04:05"), e.Actor, e.Act, e.Phase, e.Target, e.Reason, e.Detail}
	}
	return printTable(cmd.OutOrStdout(), []string{"NO", "AT (UTC)", "WHO", "ACT", "PHASE", "TARGET", "REASON", "DETAIL"}, rows)
}
