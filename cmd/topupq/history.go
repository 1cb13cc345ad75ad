package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// moveLine is one line of a history, as the intake shows it.
type moveLine struct {
	At              time.Time `json:"at"`
	From            *string   `json:"from"`
	To              string    `json:"to"`
	Actor           string    `json:"actor"`
	Reason          string    `json:"reason"`
	Attempt         int       `json:"attempt"`
	ProviderCode    *string   `json:"provider_code"`
	ProviderMessage *string   `json:"provider_message"`
}

// newHistory shows every move of a top-up.
func newHistory(d deps) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "history ID|REFERENCE", Short: "Show every move of a top-up: when, who, why, and the provider's words",
		Example: "  topupq history ord-1001", Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := newAPIClient(cmd, d)
			if err != nil {
				return err
			}
			t, err := api.findTopup(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			var h struct {
				Data []moveLine `json:"data"`
			}
			err = readAnswer(cmd.Context(), &h, func(ctx context.Context) (*http.Response, error) { return api.calls.GetHistory(ctx, string(t.ID)) })
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), h.Data)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s  %s  %s\n\n", t.ID, t.Reference, clean(t.Explanation))
			rows := [][]string{}
			for _, m := range h.Data {
				rows = append(rows, []string{
					timeText(&m.At), textOr(m.From), m.To, m.Actor, m.Reason, strconv.Itoa(m.Attempt),
					textOr(m.ProviderCode), textOr(m.ProviderMessage),
				})
			}
			return printTable(cmd.OutOrStdout(), []string{"AT", "FROM", "TO", "ACTOR", "REASON", "ATTEMPT", "CODE", "PROVIDER SAYS"}, rows)
		},
	}
	apiFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
