#!/usr/bin/env bash
# What `echo POINT >>SERIES` costs in a shell loop, beside a file system that does nothing.
#
#	POINTS=1000 ROUNDS=12 tests/bench/echo.sh
#
# prints  OURS BARE RATIO CACHED RATIO:  microseconds an echo here, there, and there where
# the kernel may keep names and sizes for a second (which ours may not let it, since others write too).
# All are mounted at once and take turns; the best round of each counts.
cd "$(dirname "$0")/../.." || exit 2
make -s -j"$(nproc)" programs tools || exit 1
. tests/lib/mount.sh
trap 'fusermount3 -u "$WORK/bare"; fusermount3 -u "$WORK/cached"; mount_stop; rm -rf "$WORK"' EXIT
points=${POINTS:-1000}

loop_ns() { # FILE: nanoseconds of an echo
	local i start=${EPOCHREALTIME/[.,]/}
	for ((i = 0; i < points; i++)); do echo "v=$i" >>"$1"; done
	echo $(((${EPOCHREALTIME/[.,]/} - start) * 1000 / points))
}
# round NAME FILE: keeps the best of NAME
round() {
	local ns
	ns=$(loop_ns "$2")
	[ -n "${best[$1]:-}" ] && [ "${best[$1]}" -le "$ns" ] || best[$1]=$ns
}

declare -A best
mkdir "$WORK/bare" "$WORK/cached"
mount_start
"$TOOLS/bare_fuse" "$WORK/bare" 0 &
"$TOOLS/bare_fuse" "$WORK/cached" 1 &
mkdir "$MNT/db"
echo "m v=0" >"$MNT/db/write"
until [ -f "$WORK/bare/db/autogen/m" ] && [ -f "$WORK/cached/db/autogen/m" ]; do sleep 0.05; done
for ((i = 0; i < ${ROUNDS:-12}; i++)); do
	round ours "$MNT/db/autogen/m"
	round bare "$WORK/bare/db/autogen/m"
	round cached "$WORK/cached/db/autogen/m"
done
awk "BEGIN { o = ${best[ours]} / 1000; b = ${best[bare]} / 1000; c = ${best[cached]} / 1000
	printf \"%.1f %.1f %.2f %.1f %.2f\\n\", o, b, o / b, c, o / c }"
