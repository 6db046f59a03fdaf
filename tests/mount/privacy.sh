#!/usr/bin/env bash
# What is told of all: status, metrics, running queries, databases. Of what is closed to the caller
# it tells nothing but sums; and names of any bytes forge no line, no metric, no escape of a terminal.
. "$(dirname "$0")/../lib/mount.sh"
[ "$(id -u)" = 0 ] || { echo "skipped: only root can be others"; exit 0; }
chmod 711 "$WORK"
here=$(dirname "$0")
seed=${SEED:-$RANDOM}
as() { setpriv --reuid="$1" --regid="$1" --clear-groups "${@:2}"; }
service="$MNT/.seriesfs"

mount_start -o query_threads=8,scan_threads=1
umask 022
mkdir "$MNT/open" "$MNT/secret" "$MNT/secret/continuous" "$MNT/drop"
chmod 700 "$MNT/secret"
chmod 733 "$MNT/drop"
for db in open secret; do echo "m,host=$db v=1 1700000000s" >"$MNT/$db/write"; done
echo 'select mean(v) from m group by time(1h) into hidden_q' >"$MNT/secret/continuous/hidden_q"
ask() { as 1001 cat "$MNT/open/query/$1;"; }

for i in $(seq 100); do
	grep -q '^continuous' "$service/status" && break
	sleep 0.05
done
check_equal "status tells of a database that may be read" 2 "$(as 1001 cat "$service/status" | grep -cE '^(database|policy) open')"
check_equal "and of no other" 0 "$(as 1001 cat "$service/status" "$service/metrics" | grep -cE 'secret|hidden')"
# Three once the continuous query has kept its first mean, which is no sooner than it comes to it.
check "the sums are of all" grep -qx 'series [23]' <(as 1001 cat "$service/status")
check "the owner sees all" grep -q '^continuous secret hidden_q' "$service/status"
check "also in metrics" grep -q 'database="secret",policy="autogen"' "$service/metrics"
check_equal "sizes tell nothing" "0 0" "$(stat -c %s "$service/status" "$service/metrics" | paste -sd' ')"
exec 4<"$service/status"
check_equal "it is made for who opened it" 3 "$(as 1001 grep -cE '^(database|policy|continuous) secret' <&4)"
exec 4<&-

check_equal "databases that may be read or written" "drop open" "$(ask 'show databases' | cut -d, -f2 | grep -E '^(open|drop|secret)$' | sort | paste -sd' ')"
check_equal "shards of those that may be read" 0 "$(ask 'show shards' | grep -c secret)"
check_equal "continuous queries" 0 "$(ask 'show continuous queries' | grep -c hidden)"
check "which the owner sees" grep -q hidden_q "$MNT/open/query/show continuous queries"
chmod 711 "$MNT"
check_fails "a root of mode 711 hides the names from ls" "Permission denied" as 1001 ls "$MNT"
check_fails "and from SHOW DATABASES" "Permission denied" as 1001 cat "$MNT/open/query/show databases;.json"
check "but the way through stays" as 1001 ls "$MNT/open"
chmod 755 "$MNT"

# Queries that run: each takes a while over rows that a regex is slow to refuse.
python3 -c 'for t in range(60000): print("slow s=\"%s\" %d" % ("x" * 13, 1700000000 + t))' >"$WORK/slow"
for db in open secret; do cat "$WORK/slow" >"$MNT/$db/write?precision=s"; done
pids=
slow() { # UID DATABASE FROM
	as "$1" cat "$MNT/$2/query/select s from $3slow where s =~ /^b|(x+x+)+y$/;.csv?epoch=ns" >/dev/null 2>"$WORK/slow.$1.$2" &
	pids="$pids $!"
}
slow 0 open ''
slow 0 secret ''
slow 0 open 'secret..'
slow 1001 open 'open..'
running() { as "$1" cat "$MNT/open/query/show queries;.csv?fresh=1&epoch=${2:-s}" | grep slow; }
for i in $(seq 100); do
	[ "$(running 0 | wc -l)" = 4 ] && break
	sleep 0.05
done
check_equal "the owner sees what runs" 4 "$(running 0 | wc -l)"
check_equal "others what runs on databases that they may read" 2 "$(running 1001 ns | wc -l)"
check_equal "none that names one which is closed" 0 "$(running 1001 ms | grep -c secret)"
number() { running 0 "$2" | grep -E "$1" | head -n 1 | grep -oE ',[0-9]+,"?(select|SELECT)' | tr -dc '0-9\n'; }
kill_it() { as "$1" bash -c "exec 3<>'$MNT/open/exec.json'; echo 'kill query $2' >&3; cat <&3" 2>/dev/null; }
theirs=$(number 'FROM secret\.\.slow|FROM "?secret"?\.' u)
own=$(number 'FROM open\.\.slow|FROM "?open"?\.' u)
roots=$(running 0 m | grep -vE 'FROM "?(open|secret)"?\.' | grep ',open,' | head -n 1 | grep -oE ',[0-9]+,"?(select|SELECT)' | tr -dc '0-9\n')
check_equal "a query that is not shown is no query" "$(kill_it 1001 99999 | sed 's/99999/N/')" "$(kill_it 1001 "$theirs" | sed "s/$theirs/N/")"
check "one on a database that may only be read is not killed" grep -q "not authorized" <(kill_it 1001 "$roots")
check_equal "one's own is" '{"results":[{"statement_id":0}]}' "$(kill_it 1001 "$own")"
chmod 757 "$MNT/open"
check_equal "with w on the database all on it are" '{"results":[{"statement_id":0}]}' "$(kill_it 1001 "$roots")"
chmod 755 "$MNT/open"
for pid in $pids; do kill "$pid" 2>/dev/null; done
wait $pids

check "names of any bytes (SEED=$seed)" python3 "$here/privacy.py" names "$MNT" "$seed"
for i in $(seq 50); do
	[ "$(grep -ac seriesfs_continuous_failing "$service/metrics")" -gt 40 ] && break
	sleep 0.1
done
check "metrics are valid whatever names are (SEED=$seed)" python3 "$here/privacy.py" metrics <"$service/metrics"
python3 "$here/privacy.py" metrics <"$service/metrics" >"$WORK/samples"
check_equal "of each policy and query one sample a metric" "42 42 41" \
	"$(for name in policy_groups policy_bytes continuous_failing; do grep -c "^seriesfs_$name " "$WORK/samples"; done | paste -sd' ')"
check "status is clean (SEED=$seed)" python3 "$here/privacy.py" lines <"$service/status"
check "errors are (SEED=$seed)" python3 "$here/privacy.py" lines < <(cat "$MNT"/*/errors)
check "there are some" test "$(cat "$MNT"/*/errors | wc -l)" -gt 40
