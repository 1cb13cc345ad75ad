package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"topupq/client"
	"topupq/topup"
)

// newStatus shows one top-up or one batch.
func newStatus(d deps) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "status ID|REFERENCE|BATCH", Short: "Show where a top-up or a batch stands",
		Example: "  topupq status ord-1001\n  topupq status batabcdefghij234 --json",
		Args:    oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := newAPIClient(cmd, d)
			if err != nil {
				return err
			}
			if strings.HasPrefix(args[0], "bat") {
				b, err := api.batch(cmd.Context(), args[0])
				if err == nil {
					return showBatch(cmd, b, asJSON)
				}
				if !isStatus(err, http.StatusNotFound) {
					return err
				}
			}
			t, err := api.findTopup(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return showTopup(cmd, t, asJSON)
		},
	}
	apiFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// findTopup reads a top-up by its ID or by the merchant's reference.
func (c *apiClient) findTopup(ctx context.Context, name string) (topup.View, error) {
	var t topup.View
	if topup.ID(name).Valid() {
		err := readAnswer(ctx, &t, func(ctx context.Context) (*http.Response, error) { return c.calls.GetTopup(ctx, name) })
		if err == nil || !isStatus(err, http.StatusNotFound) {
			return t, err
		}
	}
	if !topup.ValidReference(name) {
		return t, usageError("%q is neither an ID nor a reference (1 to 64 of A-Z a-z 0-9 . _ : -)", clean(name))
	}
	var page struct {
		Data []topup.View `json:"data"`
	}
	err := readAnswer(ctx, &page, func(ctx context.Context) (*http.Response, error) {
		return c.calls.ListTopups(ctx, &client.ListTopupsParams{Reference: &name})
	})
	if err != nil {
		return t, err
	}
	if len(page.Data) == 0 {
		return t, fmt.Errorf("no top-up or batch %q: nothing was accepted under this name with this key", clean(name))
	}
	return page.Data[0], nil
}

func showTopup(cmd *cobra.Command, t topup.View, asJSON bool) error {
	if asJSON {
		return printJSON(cmd.OutOrStdout(), t)
	}
	failure := ""
	if t.Failure != nil {
		failure = string(t.Failure.Code) + " " + textOr(t.Failure.ProviderCode)
	}
	return printFields(cmd.OutOrStdout(), [][2]string{
		{"id", string(t.ID)}, {"reference", t.Reference}, {"recipient", t.Recipient}, {"amount", t.Amount + " " + t.Currency},
		{"provider", string(t.Provider)}, {"state", t.State}, {"refund safe", strconv.FormatBool(t.RefundSafe)},
		{"explanation", t.Explanation}, {"failure", strings.TrimSpace(failure)},
		{"provider reference", textOr(t.ProviderReference)}, {"provider transaction", textOr(t.ProviderTransactionID)},
		{"operator transaction", textOr(t.OperatorTransactionID)}, {"attempts", strconv.Itoa(t.Attempts)},
		{"checks", strconv.Itoa(t.Checks.Done)}, {"next check", timeText(t.Checks.NextAt)},
		{"created", timeText(&t.CreatedAt)}, {"closed", timeText(t.ClosedAt)}, {"confirmed", timeText(t.ConfirmedAt)},
	})
}

func showBatch(cmd *cobra.Command, b topup.BatchView, asJSON bool) error {
	if asJSON {
		return printJSON(cmd.OutOrStdout(), b)
	}
	pairs := [][2]string{
		{"batch", string(b.BatchID)}, {"name", b.Name}, {"rows", strconv.FormatInt(b.Rows, 10)},
		{"accepted", strconv.FormatInt(b.Accepted, 10)}, {"duplicates", strconv.FormatInt(b.Duplicates, 10)},
		{"rejected", strconv.FormatInt(b.Rejected, 10)}, {"progress", fmt.Sprintf("%.0f %%", b.Progress*100)},
		{"states", countsText(b.States)},
	}
	for _, currency := range sortedKeys(b.Totals) {
		sum := b.Totals[currency]
		pairs = append(pairs, [2]string{"total " + currency, sum.Succeeded + " of " + sum.Requested + " delivered"})
	}
	return printFields(cmd.OutOrStdout(), append(pairs, [2]string{"created", timeText(&b.CreatedAt)}, [2]string{"closed", timeText(b.ClosedAt)}))
}

// countsText names the states that have top-ups, in the order of the documents.
func countsText(states map[string]int64) string {
	var parts []string
	for _, s := range topup.States {
		if n := states[s.String()]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	return strings.Join(parts, ", ")
}
