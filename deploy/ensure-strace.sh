#!/usr/bin/env bash
# Makes sure that there is strace, by which the power-cut test knows what Redis has brought to the disk: installs Debian's
# where that is possible, and otherwise says what to install.
set -euo pipefail

command -v strace >/dev/null && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	echo "installing strace" >&2
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq >&2
	apt-get install -y -qq --no-install-recommends strace >&2
	command -v strace >/dev/null && exit 0
fi

cat >&2 <<EOF
strace is needed to cut the power of Redis. It runs on Linux only. Install it:
  Debian, Ubuntu   sudo apt-get install strace
  Fedora           sudo dnf install strace
  Alpine           apk add strace
EOF
exit 1
