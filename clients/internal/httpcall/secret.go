package httpcall

import "fmt"

// Secret is text that never prints, whatever the verb or encoder. Reveal is the only way to it.
type Secret string

const redacted = "[redacted]"

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// Format hides the text from every verb of fmt.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// String hides the text.
func (s Secret) String() string { return redacted }

// MarshalText hides the text from JSON, XML, YAML and zap.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText reads the text as it is.
func (s *Secret) UnmarshalText(b []byte) error { *s = Secret(b); return nil }
