package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"

	"topupq/config"
)

// rereadEvery is how often the settings are read again for new credentials: Kubernetes and systemd change the files of
// secrets without a signal.
const rereadEvery = 30 * time.Second

// rotation puts the credentials of newly read settings into one client.
type rotation func(config.Config)

// startRotation reads the settings again on SIGHUP and every so often, and hands new credentials of providers to their
// clients. Nothing else changes without a restart; settings that are wrong now change nothing.
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
	for _, r := range n.rotations {
		r(cfg)
	}
	n.credentialsOf = cfg
	n.log.Info("credentials of providers replaced")
}

// credentials are what can be replaced while the process runs.
func credentials(c config.Config) [5]config.Secret {
	return [5]config.Secret{
		c.Reloadly.ClientSecret, c.AAT.Password, c.RechargeKit.Token, config.Secret(c.BulkSMS.TokenID), c.BulkSMS.TokenSecret,
	}
}
