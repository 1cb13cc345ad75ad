package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"topupq/config"
	"topupq/topup"
)

// rereadEvery is how often the settings are read again for new credentials: Kubernetes and systemd change the files of
// secrets without a signal.
const rereadEvery = 30 * time.Second

// rotation puts the secrets of newly read settings where they are used. An error names no secret.
type rotation func(config.Config) error

// startRotation reads the settings again on SIGHUP and every so often, and hands new secrets on: credentials and call-back
// tokens of providers, encryption keys, operators. Nothing else changes without a restart; settings that are wrong now change nothing.
func (n *node) startRotation(reread func() (config.Config, error)) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(rereadEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-hup:
				n.log.Info("SIGHUP: reading the credentials again")
			case <-ticker.C:
			}
			n.rotate(reread)
		}
	}()
	n.onStop(func(context.Context) { signal.Stop(hup); cancel(); <-done })
}

// rotate reads the settings once and hands the credentials on where they have changed.
func (n *node) rotate(reread func() (config.Config, error)) {
	cfg, err := reread()
	if err != nil {
		n.log.Error("settings cannot be read again; the credentials stay as they are", zap.Error(err))
		return
	}
	if credentials(cfg) == credentials(n.credentialsOf) {
		return
	}
	n.credentialsOf = cfg
	for _, r := range n.rotations {
		if err := r(cfg); err != nil {
			n.log.Error("a secret was not replaced; it stays as it was", zap.Error(err))
		}
	}
	n.log.Info("secrets replaced")
}

// rotateKeyring takes new encryption keys. What older keys have sealed stays readable while they stay in the setting.
func (n *node) rotateKeyring(cfg config.Config) error {
	next, err := topup.ParseKeyring(cfg.EncryptionKey.Reveal())
	if err != nil {
		return fmt.Errorf("TOPUPQ_ENCRYPTION_KEY: %w", err)
	}
	gone, err := n.keyring.Replace(next)
	if err != nil {
		return fmt.Errorf("TOPUPQ_ENCRYPTION_KEY: %w", err)
	}
	if len(gone) > 0 {
		n.log.Warn("encryption keys were removed: what they sealed cannot be read any more", zap.Strings("ids", gone))
	}
	return nil
}

// credentials are what can be replaced while the process runs.
func credentials(c config.Config) string {
	all := []config.Secret{
		c.Reloadly.ClientSecret, c.Reloadly.WebhookSecret, c.AAT.Password, c.AAT.CallbackToken, c.RechargeKit.Token, c.RechargeKit.CallbackToken,
		config.Secret(c.BulkSMS.TokenID), c.BulkSMS.TokenSecret, c.BulkSMS.CallbackToken, c.EncryptionKey, c.OIDC.ClientSecret,
	}
	for _, u := range c.OpsUsers {
		all = append(all, config.Secret(u.Name), u.Password, config.Secret(u.Role))
	}
	o := c.OIDC
	rest := fmt.Sprint(o.Issuer, o.ClientID, o.RedirectURL, o.Scopes, o.NameClaim, o.RoleClaim, o.Roles) // fmt sorts maps
	all = append(all, config.Secret(rest))
	var text strings.Builder
	for _, s := range all {
		text.WriteString(s.Reveal() + "\x00")
	}
	return text.String()
}
