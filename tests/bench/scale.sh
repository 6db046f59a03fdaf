#!/usr/bin/env bash
# What many series and many values cost: the figures of the design's proof at scale.
#
#	SERIES=1000000 HOSTS=1000 STEPS=10000 tests/bench/scale.sh
#
# Prints  FIGURE: VALUE  lines. Seconds are wall time and CPU time of the daemon; memory is what the
# kernel counts (VmHWM, or anonymous memory now less that of an empty mount). The values come
# through a pipe, nothing of them is stored but what the daemon stores. 100 M values take
# half a minute and 100 MB of disk.
cd "$(dirname "$0")/../.." || exit 2
make -s -j"$(nproc)" programs tools || exit 1
. tests/lib/mount.sh
trap 'mount_stop; rm -rf "$WORK"' EXIT
series=${SERIES:-1000000} hosts=${HOSTS:-1000} steps=${STEPS:-10000}

figure() { printf '%-60s %s\n' "$1:" "$2"; }
calc() { awk "BEGIN { printf \"$1\", $2 }"; }
metric() { sed -n "s/^seriesfs_$1 //p" "$MNT/.seriesfs/metrics"; }
status_kb() { sed -n "s/^$1:[[:space:]]*\([0-9]*\) kB/\1/p" "/proc/$(mount_pid)/status"; }
cpu_seconds() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) / hz }' "/proc/$(mount_pid)/stat"; }
# timed WHAT PER COMMAND: wall and CPU seconds, and CPU microseconds for each of PER (0 = none)
timed() {
	local what=$1 per=$2 start=$EPOCHREALTIME cpu each=
	shift 2
	cpu=$(cpu_seconds)
	"$@" >"$WORK/timed"
	cpu=$(calc %.2f "$(cpu_seconds) - $cpu")
	[ "$per" = 0 ] || each=", $(calc %.3f "$cpu / $per * 1e6") us each"
	figure "$what" "$(calc %.3f "$EPOCHREALTIME - $start") s, CPU $cpu s$each"
}
ask() { cat "$MNT/db/query/$1;.csv?fresh=1"; }
write() { nice "$TOOLS/gen" "$@" | cat >"$MNT/db/write"; }
ctl() { echo "$1" >"$MNT/.seriesfs/ctl"; }

echo "--- $series series, three values each"
mount_start
mkdir "$MNT/db"
empty=$(status_kb RssAnon)
timed "load" $((series * 3)) write "$series" 3 gauge
timed "flush" $((series * 3)) ctl flush
figure "bytes a series in the index" "$(calc %.0f "$(metric index_bytes) / $series")"
mount_stop
timed_start() {
	local start=$EPOCHREALTIME
	mount_start
	figure "start" "$(calc %.3f "$EPOCHREALTIME - $start") s"
	figure "shards opened by it" "$(metric shards_opened_total)"
	figure "memory a series after it, bytes" "$(calc %.0f "($(status_kb RssAnon) - $empty) * 1024 / $series")"
	cat "$MNT/db/query/select value from sensor where id = 's77'" >"$WORK/timed"
	figure "start and first answer" "$(calc %.3f "$EPOCHREALTIME - $start") s"
}
timed_start
figure "memory a series with where its chunks lie, bytes" "$(calc %.0f "($(status_kb RssAnon) - $empty) * 1024 / $series")"
timed "show series" 0 ask "show series"
timed "select by one tag of $series values" 0 ask "select value from sensor where id = 's777'"
timed "select by a regex over $series values" 0 ask "select count(value) from sensor where id =~ %2F^s99.*7%2F"
timed "count of all" "$series" ask "select count(value) from sensor"
group=$MNT/db/autogen/$(ls "$MNT/db/autogen")
timed "ls" 0 ls -f "$group"
mount_stop

echo "--- ls of 100000 series"
rm -rf "$DATA" && mkdir "$DATA"
mount_start
mkdir "$MNT/db"
write 100000 20 gauge
ctl flush
mount_stop
mount_start
for heat in cold warm; do
	timed "ls, $heat" 100000 ls "$group"
	timed "ls -l, $heat" 100000 ls -l "$group"
	timed "find -printf %s, $heat" 100000 find "$group" -type f -printf '%s\n'
done
figure "chunks decoded for it" "$(metric chunks_decoded_total)"
mount_stop

echo "--- $hosts hosts, $steps steps, 10 integers each"
values=$((hosts * steps * 10))
rm -rf "$DATA" && mkdir "$DATA"
mount_start
mkdir "$MNT/db"
load() {
	write "$hosts" "$steps" int
	ctl flush
}
timed "load and flush of $values values" "$values" load
timed "compact" "$values" ctl compact
figure "bytes a value" "$(calc %.3f "$(du -sb "$DATA/shard" | cut -f1) / $values")"
bounds="time >= '2016-01-01T00:00:00Z' and time < '2016-01-03T00:00:00Z'"
while read -r query; do
	timed "$query" "$values" ask "$query"
done <<-END
	select mean(usage_user) from cpu where $bounds group by time(1h)
	select mean(usage_user), max(usage_system), count(usage_idle) from cpu where $bounds group by time(1h), hostname
	select percentile(usage_user, 95) from cpu where $bounds group by time(1h)
	select count(usage_user) from cpu where usage_user > 90
	select last(usage_user) from cpu group by hostname
	select sum(usage_user) from cpu
END
figure "peak memory, MiB" "$(calc %.0f "$(status_kb VmHWM) / 1024")"
mount_stop
