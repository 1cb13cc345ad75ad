package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"topupq/client"
	"topupq/topup"
)

// lookupAnswer is a lookup as the intake shows it.
type lookupAnswer struct {
	ID     string            `json:"id"`
	State  topup.LookupState `json:"state"`
	Result json.RawMessage   `json:"result"`
	// Stale marks a kept result that is too old, of CachedAt: the provider does not answer.
	Stale    bool       `json:"stale"`
	CachedAt *time.Time `json:"cached_at"`
	Error    *struct {
		Code         string  `json:"code"`
		Message      string  `json:"message"`
		ProviderCode *string `json:"provider_code"`
	} `json:"error"`
}

// newLookup asks a provider something that moves no money.
func newLookup(d deps) *cobra.Command {
	var asJSON bool
	var wait time.Duration
	cmd := &cobra.Command{
		Use: "lookup PROVIDER ACTION [key=value…]", Short: "Ask a provider something: operators, vouchers, plans, balances",
		Long: `Runs one of the provider's own non-paying actions as a job and prints what it answers.

Values are sent as text; key:=value sends JSON, such as page:=2 or fixed:=true.`,
		Example: `  topupq lookup reloadly getOperatorsByCountry countryCode=NG
  topupq lookup aat GetVoucher networkId=2 vouchertype=1
  topupq lookup rechargekit prepaidPlanFetch operator_code=1 circle=2 --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usageError("write %s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			params, err := parseParams(args[2:])
			if err != nil {
				return err
			}
			api, err := newAPIClient(cmd, d)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), wait)
			defer cancel()
			answer, err := api.lookup(ctx, map[string]any{"provider": args[0], "action": args[1], "params": params}, lookupPoll)
			if err != nil {
				return err
			}
			return showLookup(cmd, answer, asJSON)
		},
	}
	apiFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the provider's answer as JSON")
	cmd.Flags().DurationVar(&wait, "wait", 2*time.Minute, "how long to wait for the answer")
	return cmd
}

// parseParams reads key=text and key:=json.
func parseParams(args []string) (map[string]any, error) {
	params := map[string]any{}
	for _, arg := range args {
		key, text, ok := strings.Cut(arg, "=")
		raw := strings.HasSuffix(key, ":")
		key = strings.TrimSuffix(key, ":")
		if !ok || key == "" {
			return nil, usageError("%q is not a parameter: write key=value", clean(arg))
		}
		if _, twice := params[key]; twice {
			return nil, usageError("%q is given twice", clean(key))
		}
		params[key] = text
		if raw {
			if !json.Valid([]byte(text)) {
				return nil, usageError("%q: what stands behind := must be JSON", clean(arg))
			}
			params[key] = json.RawMessage(text)
		}
	}
	return params, nil
}

// lookupPoll is how often a lookup is asked for that took longer than the intake waits.
const lookupPoll = time.Second

// lookup runs a lookup and waits for its end, looking every poll.
func (c *apiClient) lookup(ctx context.Context, question map[string]any, poll time.Duration) (lookupAnswer, error) {
	var a lookupAnswer
	body, err := json.Marshal(question)
	if err != nil {
		return a, fmt.Errorf("encode request: %w", err)
	}
	wait := "wait=30"
	err = readAnswer(ctx, &a, func(ctx context.Context) (*http.Response, error) {
		return c.calls.CreateLookupWithBody(ctx, &client.CreateLookupParams{Prefer: &wait}, "application/json", bytes.NewReader(body))
	})
	if err != nil {
		return a, err
	}
	for a.State == topup.LookupQueued {
		if err := sleep(ctx, poll); err != nil {
			return a, fmt.Errorf("no answer in time; it is kept for a day as GET /v1/lookups/%s: %w", a.ID, err)
		}
		if err := readAnswer(ctx, &a, func(ctx context.Context) (*http.Response, error) { return c.calls.GetLookup(ctx, a.ID) }); err != nil {
			return a, err
		}
	}
	return a, nil
}

func showLookup(cmd *cobra.Command, a lookupAnswer, asJSON bool) error {
	if a.Error != nil {
		code := cmp.Or(textOr(a.Error.ProviderCode), "no code")
		return fmt.Errorf("%s (%s): %s", a.Error.Code, clean(code), clean(a.Error.Message))
	}
	if a.Stale && a.CachedAt != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "stale: the provider does not answer; this is from %s\n", a.CachedAt.UTC().Format(time.DateTime+" UTC"))
	}
	dec := json.NewDecoder(bytes.NewReader(a.Result))
	dec.UseNumber()
	var result any
	if err := dec.Decode(&result); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), result)
	}
	return printAnswer(cmd.OutOrStdout(), result)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
