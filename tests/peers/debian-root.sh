#!/bin/sh
# Extracts Debian with its python3, no maintainer script run, into a tar:
#
#   tests/peers/debian-root.sh SUITE ARCHITECTURE merged|split OUT.tar
#
# Needs root, apt sources for Debian bookworm, and mmdebstrap.
set -eu

[ $# -eq 4 ] || { echo "usage: $0 SUITE ARCHITECTURE merged|split OUT.tar" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mirror=$(apt-get indextargets --format '$(ORIGIN) $(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
    sed -n 's/^Debian bookworm //p' | head -n 1)
[ -n "$mirror" ] || { echo "$0: apt has no source for bookworm" >&2; exit 1; }
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" >"$work/sources"
case $3 in merged) hook=--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr ;; split) hook= ;; esac
mmdebstrap --quiet --variant=extract --include='?essential' --include=python3,python3-six --architectures="$2" \
    $hook "$1" "$work/root.tar" "$work/sources"
mv "$work/root.tar" "$4"
