#!/usr/bin/env bash
# Runs every fuzz test of the module, each for the time given (default 10s). Stops at the first that fails.
set -euo pipefail

time=${1:-10s}

for pkg in $(go list ./...); do
	names=$(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' || true)
	for name in $names; do
		echo "== $pkg $name"
		go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$pkg"
	done
done
