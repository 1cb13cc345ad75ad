package main

import (
	"slices"
	"strings"

	"topupq/topup"
)

// deniedLookups sorts "provider.action" entries by provider.
func deniedLookups(entries []string) map[topup.ProviderName][]string {
	denied := map[topup.ProviderName][]string{}
	for _, entry := range entries {
		name, action, _ := strings.Cut(entry, ".")
		denied[topup.ProviderName(name)] = append(denied[topup.ProviderName(name)], action)
	}
	return denied
}

// checkDenied refuses an entry that denies nothing: a misspelt one would leave the lookup open. A provider that is off
// has no lookups to deny.
func (p *providers) checkDenied(entries []string) error {
	for _, entry := range entries {
		name, action, _ := strings.Cut(entry, ".")
		provider, err := topup.ParseProvider(name)
		if err != nil {
			return usageError("TOPUPQ_LOOKUPS_DENY: %q: write provider.action; %v", entry, err)
		}
		settings, on := p.settings[provider]
		if on && !slices.Contains(settings.Actions, action) {
			return usageError("TOPUPQ_LOOKUPS_DENY: %s has no lookup %q: one of %s", provider, action, strings.Join(settings.Actions, ", "))
		}
	}
	return nil
}
