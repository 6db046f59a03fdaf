#!/bin/sh
# Install what building, testing or measuring needs; says nothing when it is there.
# usage: tests/deps.sh build|test|bench
set -eu

build="gcc make pkg-config libfuse3-dev fuse3 libleveldb-dev libsnappy-dev libpcre2-dev libxxhash-dev"
# The codecs are tested on arm64, too: 50 MB to fetch.
arm64="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"
# What a test goes without: InfluxDB is the oracle of one, autofs mounts in another, cuts are tried on xfs, too.
optional="influxdb autofs xfsprogs"
test="$build $arm64 clang-format rsync python3 attr vim-tiny borgbackup tar procps util-linux e2fsprogs faketime $optional"
peers="victoria-metrics"
command -v npm >/dev/null || peers="$peers nodejs npm"
bench="$test $peers"
missing=""

case "${1:-build}" in
build) want=$build ;;
test) want=$test ;;
bench) want=$bench ;;
*) echo "usage: $0 build|test|bench" >&2; exit 2 ;;
esac

for package in $want; do
	dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
		missing="$missing $package"
done
[ -n "$missing" ] || exit 0

sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq || true
# shellcheck disable=SC2086
if ! $sudo apt-get install -y -qq --no-install-recommends $missing >/tmp/seriesfs-deps.$$ 2>&1; then
	# arm64 is a part of a test, the peers have columns in the bench; all else goes without them.
	needed=$(echo "$missing" | tr ' ' '\n' | grep -vx $(printf -- '-e %s ' $optional $arm64 $peers) | tr '\n' ' ')
	if [ -n "${needed# }" ] && ! $sudo apt-get install -y -qq --no-install-recommends $needed \
		>/tmp/seriesfs-deps.$$ 2>&1; then
		tail -20 /tmp/seriesfs-deps.$$ >&2
		rm -f /tmp/seriesfs-deps.$$
		exit 1
	fi
fi
rm -f /tmp/seriesfs-deps.$$
