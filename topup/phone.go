package topup

import "strings"

// MSISDN is a recipient's number in E.164, with the leading "+". Its String and Text forms are masked to the
// last three digits, so that a number reaches a log only on purpose (through E164 or Digits).
type MSISDN string

// ValidMSISDN reports whether s has the form of E.164: "+", then 7 to 15 ASCII digits, the first not 0. Whether
// the number can exist in its country is for the intake's phone-number library.
func ValidMSISDN(s string) bool {
	if len(s) < 8 || len(s) > 16 || s[0] != '+' || s[1] == '0' {
		return false
	}
	return strings.Trim(s[1:], "0123456789") == ""
}

// E164 is the whole number with its "+".
func (m MSISDN) E164() string { return string(m) }

// Digits is the whole number without its "+".
func (m MSISDN) Digits() string { return strings.TrimPrefix(string(m), "+") }

// Masked is the number with all but its last three digits hidden: "+********567".
func (m MSISDN) Masked() string {
	d := m.Digits()
	if len(d) <= 3 {
		return "+***"
	}
	return "+" + strings.Repeat("*", len(d)-3) + d[len(d)-3:]
}

// String is Masked, so that printing a number by mistake shows nothing.
func (m MSISDN) String() string { return m.Masked() }
