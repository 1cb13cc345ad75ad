package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"topupq/config"
	"topupq/doctor"
	"topupq/topup"
	"topupq/webhook"
)

func newDoctor(d deps) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look over this installation: say what is wrong and how to mend it",
		Long: `Reads the settings, looks at Redis, the clock, the queues and the users, asks each provider for its balance and
opens a connection to each merchant's endpoint. It moves nothing. Exit code 1 means that there is a fault.`,
		Example: "  topupq doctor\n  topupq doctor --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := examine(cmd, d)
			if err != nil {
				return err
			}
			return printFindings(cmd, found, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// examine builds what the doctor looks at from the settings. Settings that are wrong are findings too.
func examine(cmd *cobra.Command, d deps) ([]doctor.Finding, error) {
	cfg, err := loadConfig(cmd, d)
	if err != nil {
		var found []doctor.Finding
		for line := range strings.Lines(err.Error()) {
			found = append(found, doctor.Finding{Level: doctor.Bad, Part: "settings", What: strings.TrimSpace(line), Mend: "topupq config lists every setting with its form"})
		}
		return found, nil
	}
	n, err := newNode(cmd.Context(), cfg, zap.NewNop(), "")
	if err != nil {
		return nil, err
	}
	defer n.stop()
	p, err := newProviders(cfg)
	if err != nil {
		return nil, err
	}
	look := patient(n, p)
	if cfg.BulkSMS.Enabled() {
		texts, err := newTexts(cfg.BulkSMS)
		if err != nil {
			return nil, err
		}
		look.Texts = texts
	}
	return doctor.Run(cmd.Context(), look), nil
}

// patient is the installation as the doctor sees it.
func patient(n *node, p *providers) doctor.Config {
	c := doctor.Config{
		Ledger: n.ledger, Queue: n.queue, Store: n.store, Durability: n.cfg.RedisDurability, Keyring: n.keyring,
		TwoPeople: n.cfg.TwoPeopleAbove != "", Issuer: n.cfg.OIDC.Enabled(), Routes: routing(n.cfg.Routes), AllowPrivate: n.cfg.Callback.AllowPrivate,
		Providers: map[topup.ProviderName]doctor.Provider{}, BaseURLs: map[topup.ProviderName]string{},
		Reach: reacher(n.cfg.Callback.AllowPrivate),
	}
	for name, r := range p.routes {
		c.Providers[name] = r.Provider
		c.BaseURLs[name] = baseURLs(n.cfg)[name]
	}
	for _, u := range n.cfg.OpsUsers {
		c.Users = append(c.Users, doctorUser(u))
	}
	return c
}

func baseURLs(cfg config.Config) map[topup.ProviderName]string {
	return map[topup.ProviderName]string{
		topup.Reloadly: cfg.Reloadly.BaseURL, topup.AAT: cfg.AAT.BaseURL, topup.RechargeKit: cfg.RechargeKit.BaseURL,
	}
}

// shortPassword is the length below which a password in plain text counts as weak.
const shortPassword = 8

func doctorUser(u config.User) doctor.User {
	password := u.Password.Reveal()
	hashed := strings.HasPrefix(password, "$argon2id$")
	return doctor.User{
		Name: u.Name, MayAct: u.Role != config.RoleViewer, Hashed: hashed,
		Weak: !hashed && (len(password) < shortPassword || strings.EqualFold(password, u.Name)),
	}
}

// dialTimeout bounds the connection to one endpoint.
const dialTimeout = 5 * time.Second

// reacher opens a connection to an endpoint as a callback would, through the same guard, and sends nothing.
func reacher(allowPrivate bool) func(context.Context, string) error {
	guard := webhook.Guard{AllowPrivate: allowPrivate}
	dialer := &net.Dialer{Timeout: dialTimeout, Control: guard.Control}
	return func(ctx context.Context, address string) error {
		u, err := guard.CheckURL(address)
		if err != nil {
			return err
		}
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
		if err != nil {
			return errors.New("no connection: refused, timed out, unknown name, or an address that callbacks may not go to")
		}
		defer conn.Close()
		if u.Scheme != "https" {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		if err := tls.Client(conn, &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}).HandshakeContext(ctx); err != nil {
			return errors.New("its TLS certificate is not valid, or it speaks no TLS 1.2")
		}
		return nil
	}
}

func printFindings(cmd *cobra.Command, found []doctor.Finding, asJSON bool) error {
	w := cmd.OutOrStdout()
	if asJSON {
		if err := printJSON(w, found); err != nil {
			return err
		}
	} else {
		for _, f := range found {
			fmt.Fprintf(w, "%-8s %s: %s\n", f.Level, clean(f.Part), clean(f.What))
			if f.Mend != "" {
				fmt.Fprintf(w, "         → %s\n", clean(f.Mend))
			}
		}
	}
	if doctor.Worst(found) == doctor.Bad {
		return &exitError{code: exitFailed, err: errors.New("there are faults")}
	}
	return nil
}
