package main

import (
	"strings"
	"sync/atomic"

	"topupq/config"
	"topupq/topup"
)

// liveSecrets are secrets that are in force at the moment and can be replaced. Several are written with commas between
// them, so that an old one holds until the other side has the new one.
type liveSecrets struct {
	now atomic.Pointer[[]topup.Secret]
}

func newLiveSecrets(text config.Secret) *liveSecrets {
	l := &liveSecrets{}
	l.replace(text)
	return l
}

func (l *liveSecrets) replace(text config.Secret) {
	var all []topup.Secret
	for part := range strings.SplitSeq(text.Reveal(), ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, topup.Secret(part))
		}
	}
	l.now.Store(&all)
}

// all are the secrets in force.
func (l *liveSecrets) all() []topup.Secret { return *l.now.Load() }
