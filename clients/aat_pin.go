package clients

import (
	"strings"

	"topupq/topup"
)

// aatDialCodes are what a customer dials to load a PIN, by the beginning of the network's name in lower case without
// spaces (guide, section on redeeming). The guide has none for Virgin Mobile.
var aatDialCodes = []struct{ network, before, after string }{
	{"vodacom", "*100*01*", "#"},
	{"mtn", "*141*", "#"},
	{"cellc", "*102*", "#"},
	{"telkom", "*188*", "#"},
}

// AATDialCode is what a customer of the network dials to load the PIN, for the text of an SMS: "*141*1234567890#".
// The network is named as in GetNetwork. False for a network whose code is not known, and for a PIN that is not made
// of digits; then the PIN alone should be told.
func AATDialCode(network string, pin topup.Secret) (topup.Secret, bool) {
	digits := strings.TrimSpace(pin.Reveal())
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return "", false
	}
	name := strings.ToLower(strings.ReplaceAll(network, " ", ""))
	for _, code := range aatDialCodes {
		if strings.HasPrefix(name, code.network) {
			return topup.Secret(code.before + digits + code.after), true
		}
	}
	return "", false
}
