package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"topupq/client"
)

// newCallbacks groups what a merchant does with its callbacks.
func newCallbacks(d deps) *cobra.Command {
	cmd := &cobra.Command{Use: "callbacks", Short: "Follow events on this machine, list callbacks, have them sent again"}
	cmd.AddCommand(newCallbacksListen(d), newCallbacksList(d), newCallbacksRedeliver(d))
	return cmd
}

// newCallbacksList shows callbacks and their last attempt.
func newCallbacksList(d deps) *cobra.Command {
	var about, state string
	var limit int
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "Show callbacks and what became of them, the newest first",
		Example: "  topupq callbacks list --state failed", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := newAPIClient(cmd, d)
			if err != nil {
				return err
			}
			var page callbackPage
			params := &client.ListCallbacksParams{Topup: given(about), Limit: &limit}
			if state != "" {
				params.State = (*client.CallbackState)(&state)
			}
			err = readAnswer(cmd.Context(), &page, func(ctx context.Context) (*http.Response, error) { return api.calls.ListCallbacks(ctx, params) })
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), page.Data)
			}
			return printTable(cmd.OutOrStdout(), []string{"ID", "TYPE", "STATE", "ATTEMPTS", "LAST", "STATUS", "ANSWER", "NEXT"}, page.rows())
		},
	}
	apiFlags(cmd)
	cmd.Flags().StringVar(&about, "topup", "", "only those of this top-up or batch, by its ID")
	cmd.Flags().StringVar(&state, "state", "", "only waiting, delivered, failed, parked or skipped ones")
	cmd.Flags().IntVar(&limit, "limit", 50, "how many, at most 1000")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

type callbackPage struct {
	Data []client.Callback `json:"data"`
}

func (p callbackPage) rows() [][]string {
	var rows [][]string
	for _, c := range p.Data {
		row := []string{c.ID, c.Type, string(c.State), strconv.Itoa(len(c.Attempts)), "", "", "", timeText(c.NextAt)}
		if n := len(c.Attempts); n > 0 {
			last := c.Attempts[n-1]
			row[4], row[5], row[6] = timeText(&last.At), strconv.Itoa(last.Status), last.Excerpt
		}
		rows = append(rows, row)
	}
	return rows
}

// newCallbacksRedeliver has events sent again.
func newCallbacksRedeliver(d deps) *cobra.Command {
	var since, until, states string
	cmd := &cobra.Command{
		Use: "redeliver [WEBHOOK-ID]", Short: "Have one event sent again, or all of a range of time that have failed or are parked",
		Example: "  topupq callbacks redeliver msg_xq5ksyzqgvo7d2wcm3ua_3\n  topupq callbacks redeliver --since 2026-11-23T00:00:00Z\n  topupq callbacks redeliver --since 36h --state delivered",
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (since != "") || len(args) > 1 {
				return usageError("write %s, with a webhook-id or --since", cmd.UseLine())
			}
			api, err := newAPIClient(cmd, d)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				var c client.Callback
				err := readAnswer(cmd.Context(), &c, func(ctx context.Context) (*http.Response, error) { return api.calls.RedeliverCallback(ctx, args[0]) })
				if err == nil {
					fmt.Fprintf(cmd.OutOrStdout(), "%s is sent again\n", clean(c.ID))
				}
				return err
			}
			order, err := redeliveryOrder(since, until, states, time.Now())
			if err != nil {
				return err
			}
			return redeliverRange(cmd, api, order)
		},
	}
	apiFlags(cmd)
	cmd.Flags().StringVar(&since, "since", "", "begin of the range: a time, or how long ago, such as 36h")
	cmd.Flags().StringVar(&until, "until", "", "end of the range, likewise (default now)")
	cmd.Flags().StringVar(&states, "state", "", "states of the callbacks meant, separated by commas (default failed,parked)")
	return cmd
}

// redeliveryOrder reads the flags; times are RFC 3339 or a duration before now.
func redeliveryOrder(since, until, states string, now time.Time) (client.RedeliveryRequest, error) {
	var order client.RedeliveryRequest
	from, err := timeOrAgo(since, now)
	if err != nil {
		return order, usageError("--since: %w", err)
	}
	order.From = from
	if until != "" {
		to, err := timeOrAgo(until, now)
		if err != nil {
			return order, usageError("--until: %w", err)
		}
		order.To = &to
	}
	if states != "" {
		var list []client.CallbackState
		for _, st := range strings.Split(states, ",") {
			list = append(list, client.CallbackState(strings.TrimSpace(st)))
		}
		order.States = &list
	}
	return order, nil
}

func timeOrAgo(text string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago).UTC(), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a time such as 2026-11-23T00:00:00Z nor a duration such as 36h", clean(text))
}

// redeliverRange gives the order and waits until it is carried out.
func redeliverRange(cmd *cobra.Command, api *apiClient, order client.RedeliveryRequest) error {
	var r client.Redelivery
	err := readAnswer(cmd.Context(), &r, func(ctx context.Context) (*http.Response, error) { return api.calls.RedeliverRange(ctx, order) })
	if err != nil {
		return err
	}
	for r.State == client.RedeliveryStateRunning {
		if sleep(cmd.Context(), redeliveryPoll) != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "stopped waiting; it goes on as GET /v1/redeliveries/%s\n", clean(r.ID))
			return nil //nolint:nilerr // whoever waited has gone
		}
		err := readAnswer(cmd.Context(), &r, func(ctx context.Context) (*http.Response, error) { return api.calls.GetRedelivery(ctx, r.ID) })
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d events in the range, %d of them are sent again\n", r.Seen, r.Redelivered)
	return nil
}

const redeliveryPoll = 500 * time.Millisecond

// given is a flag's text, nil where it was not set.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
