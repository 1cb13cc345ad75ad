// Package config reads every setting once, at start: topupq.yaml, overridden by the environment. One table
// (settings.go) gives each setting its name, its default, its meaning and its check; what is printed by
// "topupq config", docs/configuration.md and deploy/topupq.example.yaml all come from it.
//
// The name in the environment is TOPUPQ_ and the key in upper case; in the file the same key may be written flat
// (aat_timeout: 60s) or nested (aat: {timeout: 60s}).
package config
