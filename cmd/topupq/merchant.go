package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"topupq/intake"
	"topupq/topup"
)

// liveKeys is how many keys a merchant has at most: the new one, and the one it replaces.
const liveKeys = 2

// newMerchant groups the commands that manage merchants. They write to the ledger's Redis.
func newMerchant(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "merchant", Short: "Add merchants, list them, switch them off, change their keys",
		Long: "Merchants live in the ledger's Redis (TOPUPQ_REDIS_URL). Keys are shown once and stored hashed.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError("unknown command %q: one of add, list, disable, enable, rotate-key, limits, paid", clean(args[0]))
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newMerchantAdd(d), newMerchantList(d), newMerchantSwitch(d, true), newMerchantSwitch(d, false), newMerchantRotate(d), newMerchantLimits(d), newMerchantPaid(d))
	return cmd
}

// openNode connects to the store without demanding anything of it, and closes it after do.
func openNode(cmd *cobra.Command, d deps, do func(ctx context.Context, n *node) error) error {
	cfg, err := loadConfig(cmd, d)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), callTimeout)
	defer cancel()
	n, err := newNode(ctx, cfg, zap.NewNop(), "")
	if err != nil {
		return err
	}
	defer n.stop()
	err = do(ctx, n)
	if errors.Is(err, topup.ErrUnavailable) {
		return fmt.Errorf("the ledger's Redis (TOPUPQ_REDIS_URL) cannot be used: %w", err)
	}
	return err
}

// merchantKeys is what is shown once.
type merchantKeys struct {
	ID            topup.MerchantID `json:"id"`
	Name          string           `json:"name"`
	APIKey        string           `json:"api_key"`
	WebhookSecret string           `json:"webhook_secret,omitempty"`
}

func newMerchantAdd(d deps) *cobra.Command {
	var scopes []string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Add a merchant and show its API key and webhook secret, once",
		Example: "  topupq merchant add \"Corner shop\"\n  topupq merchant add till --scope topups:write --scope topups:read --scope pins:read --json",
		Args:    oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			given, err := parseScopes(scopes)
			if err != nil {
				return err
			}
			name := strings.TrimSpace(args[0])
			if name == "" || len(name) > 100 || name != clean(name) {
				return usageError("the name must have 1 to 100 plain characters")
			}
			return openNode(cmd, d, func(ctx context.Context, n *node) error {
				keys, err := addMerchant(ctx, n, name, given)
				if err != nil {
					return err
				}
				return printKeys(cmd, keys, asJSON)
			})
		},
	}
	cmd.Flags().StringArrayVar(&scopes, "scope", nil, "right of the key, repeatable: "+scopeNames()+" (default all but pins:read)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func addMerchant(ctx context.Context, n *node, name string, scopes []topup.Scope) (merchantKeys, error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	m := &topup.Merchant{ID: topup.NewMerchantID(), Name: name, CreatedAt: now}
	key, stored := intake.NewAPIKey(now, scopes...)
	m.Keys = []topup.APIKey{stored}
	secret := topup.NewWebhookSecret()
	sealed, err := topup.SealWebhookSecret(n.keyring, m.ID, secret)
	if err != nil {
		return merchantKeys{}, err
	}
	m.Webhook.Secrets = []topup.WebhookSecret{sealed}
	if err := n.store.PutMerchant(ctx, m); err != nil {
		return merchantKeys{}, fmt.Errorf("store merchant: %w", err)
	}
	return merchantKeys{ID: m.ID, Name: m.Name, APIKey: key.Reveal(), WebhookSecret: secret.Reveal()}, nil
}

func printKeys(cmd *cobra.Command, k merchantKeys, asJSON bool) error {
	if asJSON {
		return printJSON(cmd.OutOrStdout(), k)
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "Keep these now: they are not shown again.")
	return printFields(cmd.OutOrStdout(), [][2]string{
		{"merchant", string(k.ID)}, {"name", k.Name}, {"api key", k.APIKey}, {"webhook secret", k.WebhookSecret},
	})
}

func newMerchantList(d deps) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the merchants", Example: "  topupq merchant list --json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return openNode(cmd, d, func(ctx context.Context, n *node) error {
				all, err := n.store.ListMerchants(ctx)
				if err != nil {
					return fmt.Errorf("list merchants: %w", err)
				}
				return printMerchants(cmd, all, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// merchantLine is a merchant without anything secret.
type merchantLine struct {
	ID        topup.MerchantID `json:"id"`
	Name      string           `json:"name"`
	Disabled  bool             `json:"disabled"`
	Keys      []keyLine        `json:"keys"`
	Webhook   string           `json:"webhook"`
	CreatedAt time.Time        `json:"created_at"`
}

type keyLine struct {
	Hint      string        `json:"hint"`
	Scopes    []topup.Scope `json:"scopes"`
	CreatedAt time.Time     `json:"created_at"`
}

func printMerchants(cmd *cobra.Command, all []*topup.Merchant, asJSON bool) error {
	lines := []merchantLine{}
	rows := [][]string{}
	for _, m := range all {
		l := merchantLine{ID: m.ID, Name: m.Name, Disabled: m.Disabled, Webhook: m.Webhook.URL, CreatedAt: m.CreatedAt, Keys: []keyLine{}}
		hints := []string{}
		for _, k := range m.Keys {
			l.Keys = append(l.Keys, keyLine{Hint: k.Hint, Scopes: k.Scopes, CreatedAt: k.CreatedAt})
			hints = append(hints, "…"+k.Hint)
		}
		state := "active"
		if m.Disabled {
			state = "disabled"
		}
		lines = append(lines, l)
		rows = append(rows, []string{string(m.ID), m.Name, state, strings.Join(hints, " "), m.Webhook.URL, timeText(&m.CreatedAt)})
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), lines)
	}
	return printTable(cmd.OutOrStdout(), []string{"ID", "NAME", "STATE", "KEYS", "WEBHOOK", "ADDED"}, rows)
}

func newMerchantSwitch(d deps, off bool) *cobra.Command {
	use, short, done := "enable", "Let a merchant's keys work again", "enabled"
	if off {
		use, short, done = "disable", "Refuse all keys of a merchant; what it has handed in goes on", "disabled"
	}
	return &cobra.Command{
		Use: use + " ID|NAME", Short: short, Example: "  topupq merchant " + use + " merabcdefghij", Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			return openNode(cmd, d, func(ctx context.Context, n *node) error {
				m, err := changeMerchant(ctx, n, args[0], func(m *topup.Merchant) { m.Disabled = off })
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s (%s)\n", done, m.ID, clean(m.Name))
				return nil
			})
		},
	}
}

func newMerchantRotate(d deps) *cobra.Command {
	var scopes []string
	var asJSON, revoke bool
	cmd := &cobra.Command{
		Use: "rotate-key ID|NAME", Short: "Give a merchant a new API key and show it, once",
		Long: "The key before it stays valid until the next rotation, so that the merchant can change over; --revoke ends all others at once.",
		Example: "  topupq merchant rotate-key merabcdefghij\n" +
			"  topupq merchant rotate-key till --revoke --scope topups:read",
		Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			given, err := parseScopes(scopes)
			if err != nil {
				return err
			}
			return openNode(cmd, d, func(ctx context.Context, n *node) error {
				keys, err := rotateKey(ctx, n, args[0], given, revoke)
				if err != nil {
					return err
				}
				return printKeys(cmd, keys, asJSON)
			})
		},
	}
	cmd.Flags().StringArrayVar(&scopes, "scope", nil, "right of the new key, repeatable: "+scopeNames()+" (default those of the newest key)")
	cmd.Flags().BoolVar(&revoke, "revoke", false, "end the other keys at once")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func rotateKey(ctx context.Context, n *node, who string, scopes []topup.Scope, revoke bool) (merchantKeys, error) {
	var key topup.Secret
	m, err := changeMerchant(ctx, n, who, func(m *topup.Merchant) {
		if len(scopes) == 0 && len(m.Keys) > 0 {
			scopes = m.Keys[0].Scopes
		}
		var stored topup.APIKey
		key, stored = intake.NewAPIKey(time.Now(), scopes...)
		kept := m.Keys
		if revoke {
			kept = nil
		}
		m.Keys = append([]topup.APIKey{stored}, kept[:min(len(kept), liveKeys-1)]...)
	})
	if err != nil {
		return merchantKeys{}, err
	}
	return merchantKeys{ID: m.ID, Name: m.Name, APIKey: key.Reveal()}, nil
}

// changeMerchant finds a merchant by ID or by its only name and writes what change makes of it.
func changeMerchant(ctx context.Context, n *node, who string, change func(*topup.Merchant)) (*topup.Merchant, error) {
	const tries = 5
	for range tries {
		m, err := findMerchant(ctx, n, who)
		if err != nil {
			return nil, err
		}
		change(m)
		err = n.store.PutMerchant(ctx, m)
		if err == nil {
			return m, nil
		}
		if !errors.Is(err, topup.ErrContention) {
			return nil, fmt.Errorf("store merchant: %w", err)
		}
	}
	return nil, errors.New("somebody else is changing this merchant: try again")
}

func findMerchant(ctx context.Context, n *node, who string) (*topup.Merchant, error) {
	m, err := n.store.GetMerchant(ctx, topup.MerchantID(who))
	if err == nil || !errors.Is(err, topup.ErrNotFound) {
		return m, err
	}
	all, err := n.store.ListMerchants(ctx)
	if err != nil {
		return nil, fmt.Errorf("list merchants: %w", err)
	}
	var found []*topup.Merchant
	for _, m := range all {
		if m.Name == who {
			found = append(found, m)
		}
	}
	switch len(found) {
	case 0:
		return nil, usageError("no merchant %q: topupq merchant list shows them", clean(who))
	case 1:
		return found[0], nil
	default:
		return nil, usageError("%d merchants are named %q: use the ID", len(found), clean(who))
	}
}

func parseScopes(names []string) ([]topup.Scope, error) {
	var out []topup.Scope
	for _, name := range names {
		if !strings.Contains(" "+scopeNames()+",", " "+name+",") || name == "" {
			return nil, usageError("--scope: %q is not one of %s", name, scopeNames())
		}
		out = append(out, topup.Scope(name))
	}
	return out, nil
}

// scopeNames lists every scope.
func scopeNames() string {
	names := []string{}
	for _, s := range append(append([]topup.Scope(nil), topup.DefaultScopes...), topup.ScopePINs) {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}
