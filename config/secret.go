package config

import "fmt"

// Redacted stands wherever a Secret is printed.
const Redacted = "[redacted]"

// Secret is text that never prints, whatever the verb or encoder. Reveal is the only way to it.
type Secret string

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// String hides the text.
func (s Secret) String() string { return Redacted }

// Format hides the text from every verb of fmt.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, Redacted) }

// MarshalText hides the text from JSON, YAML and zap.
func (s Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }
