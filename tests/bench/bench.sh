#!/usr/bin/env bash
# make bench: the figures of the design, beside InfluxDB's from the same files in the same run.
#
#	HOSTS=100 STEPS=8640 make bench     the full size; STEPS=864 for a quick look
#
# Ingest counts the CPU of the process that stores (daemon or influxd), wall time beside
# it; ours with the flush into the shards, which is asked for at the end. Sizes are those of
# the shards after `compact`, and of influxd's data (without its log) after its own. Queries are
# the best of five, the whole way: open, read, close of the path, or HTTP.
cd "$(dirname "$0")/../.." || exit 2
make -s -j"$(nproc)" programs tools || exit 1
. tests/lib/mount.sh
trap 'mount_stop; rm -rf "$WORK"' EXIT
hosts=${HOSTS:-100}
steps=${STEPS:-8640}

cpu_seconds() { # of a pid
	awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) / hz }' "/proc/$1/stat"
}
calc() { awk "BEGIN { printf \"$1\", $2 }"; }

printf '%-46s %14s %14s %8s\n' "figure ($hosts hosts, $steps steps)" seriesfs influxd ratio
row() { printf '%-46s %14s %14s %8s\n' "$1" "$2" "${3:--}" "${4:--}"; }

mount_start
pid=$(mount_pid)
stored=0
for kind in int dec2 gauge rand; do
	values=$((hosts * steps))
	case $kind in int|dec2) values=$((values * 10)) ;; esac
	"$TOOLS/gen" "$hosts" "$steps" "$kind" >"$WORK/$kind.lp"
	mkdir "$MNT/$kind"
	before=$(cpu_seconds "$pid")
	start=$(date +%s.%N)
	cat "$WORK/$kind.lp" >"$MNT/$kind/write"
	wall=$(calc %.2f "$(date +%s.%N) - $start")
	echo flush >"$MNT/.seriesfs/ctl"
	ours_cpu=$(calc %.2f "$(cpu_seconds "$pid") - $before")
	echo compact >"$MNT/.seriesfs/ctl"
	bytes=$(($(du -sb "$DATA/shard" | cut -f1) - stored))
	stored=$((stored + bytes))
	python3 tests/bench/influx.py load "$WORK" "$kind" >"$WORK/influx.$kind" 2>/dev/null
	read -r theirs_wall theirs_cpu theirs_bytes <"$WORK/influx.$kind" || theirs_wall=
	row "ingest $kind, M values per CPU second" "$(calc %.2f "$values / $ours_cpu / 1e6")" \
		"${theirs_cpu:+$(calc %.2f "$values / $theirs_cpu / 1e6")}" \
		"${theirs_cpu:+$(calc %.1fx "$theirs_cpu / $ours_cpu")}"
	row "ingest $kind, M values per second" "$(calc %.2f "$values / $wall / 1e6")" \
		"${theirs_wall:+$(calc %.2f "$values / $theirs_wall / 1e6")}"
	row "bytes per value, $kind" "$(calc %.3f "$bytes / $values")" \
		"${theirs_bytes:+$(calc %.3f "$theirs_bytes / $values")}" \
		"${theirs_bytes:+$(calc %.1fx "$theirs_bytes / $bytes")}"
	eval "values_$kind=$values theirs_bytes_$kind=${theirs_bytes:-}"
done

python3 tests/bench/influx.py queries "$WORK" "$MNT" | while IFS='|' read -r name ours theirs; do
	row "$name, ms" "$ours" "$theirs" "${theirs:+$(calc %.1fx "$theirs / $ours")}"
done

start=$(date +%s.%N)
mkdir "$MNT/echo"
echo "m v=0" >"$MNT/echo/write"
for i in $(seq 1 5000); do echo "v=$i" >>"$MNT/echo/autogen/m"; done
row "echo loop, points per second" "$(calc %.0f "5000 / ($(date +%s.%N) - $start)")"
mount_stop
row "bytes per value, all sets, whole directory" "$(calc %.3f \
	"$(du -sb "$DATA" | cut -f1) / ($values_int + $values_dec2 + $values_gauge + $values_rand)")"
