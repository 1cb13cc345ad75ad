package httpcall

import "sync/atomic"

// Hidden keeps a secret where fmt cannot print it: fmt shows unexported fields as they are, whatever their type says,
// but of an atomic pointer only the address. The secret can be replaced while calls are made.
type Hidden struct{ secret atomic.Pointer[Secret] }

// Hide returns a Hidden with the secret.
func Hide(s Secret) *Hidden {
	h := &Hidden{}
	h.Replace(s)
	return h
}

// Reveal returns the text itself.
func (h *Hidden) Reveal() string { return h.secret.Load().Reveal() }

// Replace makes s the secret of every call from now on.
func (h *Hidden) Replace(s Secret) { h.secret.Store(&s) }
