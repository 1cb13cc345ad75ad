#!/usr/bin/env bash
# Runs every fuzz test of the packages named (default all), each for the time given (default 60s). Stops at the first
# that fails; what failed is then in the package's testdata/fuzz and runs with every go test.
#
# The inputs that reached new code stay in Go's cache and are used by the next run. With KEEP=n the n shortest of each
# test are copied to its testdata/fuzz, to be committed.
set -euo pipefail

time=${1:-60s}
shift || true
keep=${KEEP:-0}

for pkg in $(go list "${@:-./...}"); do
	names=$(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' || true)
	for name in $names; do
		echo "== $pkg $name"
		go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$pkg"
		cache=$(go env GOCACHE)/fuzz/$pkg/$name
		if [ "$keep" -gt 0 ] && [ -d "$cache" ]; then
			corpus=$(go list -f '{{.Dir}}' "$pkg")/testdata/fuzz/$name
			mkdir -p "$corpus"
			find "$cache" -type f -size -4k -printf '%s %p\n' | sort -n | sed -n "1,${keep}p" | cut -d' ' -f2- | xargs -r cp -t "$corpus"
		fi
	done
done
