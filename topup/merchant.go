package topup

import (
	"slices"
	"time"
)

// Scope is one right of an API key.
type Scope string

// The scopes. ScopePINs is never given by default.
const (
	ScopeTopupsWrite Scope = "topups:write"
	ScopeTopupsRead  Scope = "topups:read"
	ScopeLookups     Scope = "lookups"
	ScopeWebhooks    Scope = "webhooks"
	ScopePINs        Scope = "pins:read"
)

// DefaultScopes are the rights of a key that names none.
var DefaultScopes = []Scope{ScopeTopupsWrite, ScopeTopupsRead, ScopeLookups, ScopeWebhooks}

// Merchant is one customer of the processor.
type Merchant struct {
	ID        MerchantID `json:"id"`
	Name      string     `json:"name"`
	Disabled  bool       `json:"disabled,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	Keys      []APIKey   `json:"keys"`
	Webhook   Webhook    `json:"webhook"`
	Limits    Limits     `json:"limits,omitzero"`
	// Rev rises with every write.
	Rev int64 `json:"rev"`
}

// APIKey is a key as it is stored: its SHA-256, never the key.
type APIKey struct {
	// Hash is the SHA-256 of the whole key in lower-case hex; Hint its last four characters.
	Hash      string    `json:"hash"`
	Hint      string    `json:"hint"`
	Scopes    []Scope   `json:"scopes"`
	CreatedAt time.Time `json:"created_at"`
}

// Allows reports whether the key has the scope.
func (k APIKey) Allows(s Scope) bool { return slices.Contains(k.Scopes, s) }

// Formats of callbacks.
const (
	FormatStandard = "standard"
	FormatAAT      = "aat"
)

// Values of Webhook.CallbackWhen.
const (
	CallbackOnOutcome   = "outcome"
	CallbackOnConfirmed = "confirmed"
)

// Webhook is a merchant's endpoint.
type Webhook struct {
	URL          string            `json:"url,omitempty"`
	Format       string            `json:"format,omitempty"`
	Events       []EventType       `json:"events,omitempty"`
	CallbackWhen string            `json:"callback_when,omitempty"`
	Headers      map[string]string `json:"headers,omitempty"`
	// MaxEvents is how many events are posted in one body at most; 0 and 1 mean one at a time, in a body of its own.
	MaxEvents      int    `json:"max_events,omitempty"`
	Disabled       bool   `json:"disabled,omitempty"`
	DisabledReason string `json:"disabled_reason,omitempty"`
	// FailingSince is the first failure after the last success.
	FailingSince time.Time `json:"failing_since,omitzero"`
	// Secrets sign: the first one always, the others until they end.
	Secrets []WebhookSecret `json:"secrets,omitempty"`
}

// WebhookSecret is one signing secret: "whsec_" and base64 of 32 bytes, sealed at rest where a keyring is set.
type WebhookSecret struct {
	Sealed []byte    `json:"sealed"`
	EndsAt time.Time `json:"ends_at,omitzero"`
}

// Wants reports whether the merchant subscribed to the event; no list means all of them.
func (w Webhook) Wants(e EventType) bool {
	return e == EventTest || len(w.Events) == 0 || slices.Contains(w.Events, e)
}

// Active reports whether callbacks may be sent to the endpoint.
func (w Webhook) Active() bool { return w.URL != "" && !w.Disabled }
