#!/usr/bin/env bash
# Writes a runtime base for `deno compile` to the path given: the executable part of a program that
# `deno compile` made and that its author published to npm. Deno's own release host is not reachable
# from every build machine; npm is. The checksum pins the bytes, so a package that changed is refused.
#
#   bash .ci/denort.sh DEST && DENORT_BIN=DEST deno compile …
#
# The base speaks the format of deno 2.6.8 (2.9 has another), and exists for Linux on x86-64 only.
set -euo pipefail

readonly PACKAGE='@dgellow/rfc-linux-x64@0.0.6'
readonly MEMBER='package/bin/rfc'
readonly BYTES=92183912
readonly SHA256='1b136202dc147212ad0b129de0c10eb5f17060917c9754c7921cd68f764ad2e2'

fail() {
  echo "denort.sh: $1" >&2
  exit 1
}

matches() {
  [ -f "$1" ] && echo "$SHA256  $1" | sha256sum --check --status
}

[ $# -eq 1 ] || fail 'usage: denort.sh DEST'
dest=$1
[ "$(uname -sm)" = 'Linux x86_64' ] || fail 'there is a base for Linux on x86-64 only'
if matches "$dest"; then exit 0; fi

download=$(mktemp -d)
trap 'rm -rf "$download"' EXIT
npm pack --silent --pack-destination "$download" "$PACKAGE" >/dev/null
tar -xzf "$download"/*.tgz -C "$download" "$MEMBER"
head -c "$BYTES" "$download/$MEMBER" >"$download/denort"
matches "$download/denort" || fail 'the checksum differs: nothing was written'
mkdir -p "$(dirname "$dest")"
install -m 755 "$download/denort" "$dest"
