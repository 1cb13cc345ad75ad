#!/usr/bin/env bash
# Makes sure that there is a redis-server of at least version 7.0, the first with an append-only file in parts and with
# slot ranges for clusters: installs Debian's where that is possible, and otherwise says what to install. The tests start
# their own servers; none has to run.
set -euo pipefail

want=7.0

version() { redis-server --version | sed -n 's/.* v=\([0-9]*\.[0-9]*\).*/\1/p'; }

good() {
	command -v redis-server >/dev/null || return 1
	[ "$(printf '%s\n%s\n' "$want" "$(version)" | sort -V | head -n 1)" = "$want" ]
}

good && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	echo "installing redis-server" >&2
	export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
	apt-get update -qq >&2
	apt-get install -y -qq --no-install-recommends redis-server >&2
	good && exit 0
fi

cat >&2 <<EOF
redis-server $want or newer is needed, because many tests run on a real Redis. Install it:
  Debian, Ubuntu   sudo apt-get install redis-server
  Fedora           sudo dnf install redis
  Alpine           apk add redis
  macOS            brew install redis
EOF
exit 1
