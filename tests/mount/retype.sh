#!/usr/bin/env bash
# What was removed leaves no type behind: a field of which no point is left takes another type, by whatever statement
# or call its points went, in memory, flushed, rewritten, after a restart and after a kill. A field that one point still
# has keeps its type.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db"
run() {
	exec 3<>"$MNT/db/exec"
	echo "$1" >&3
	cat <&3 >/dev/null
	exec 3>&-
}
ctl() { echo "$1" >"$MNT/.seriesfs/ctl"; }
write() { echo "$1" >"$MNT/db/write"; }
values() { tail -n +2 "$MNT/db/query/select v from $1;.csv" | cut -d, -f3 | xargs; }
removals=("drop measurement NAME" "drop series from NAME" "delete from NAME" "delete from NAME where time > 0")
number=0
for way in memory flush compact restart kill; do
	for removal in "${removals[@]}" rm; do
		number=$((number + 1))
		name=m$number
		write "$name,h=a v=1,w=2 5s"
		write "$name,h=b v=2 6s"
		[ $way = memory ] || ctl flush
		if [ "$removal" = rm ]; then rm "$MNT/db/autogen/$name,h=a" "$MNT/db/autogen/$name,h=b"; else run "${removal//NAME/$name}"; fi
		case $way in
		flush) ctl flush ;;
		compact) ctl flush && ctl 'compact db' ;;
		esac
		echo "$name" >>"$WORK/$way"
	done
	[ $way != restart ] || { mount_stop && mount_start; }
	[ $way != kill ] || { mount_kill9 && mount_start; }
	while read -r name; do
		check "$way: $name takes an integer" write "$name,h=c v=7i 7s"
		check_equal "$way: $name has it" 7 "$(values "$name")"
		check_fails "$way: $name has a type again" "Invalid argument" write "$name,h=a v=1.5 5s"
		check_fails "$way: also for one that it had before" "Invalid argument" write "$name v=true 5s"
	done <"$WORK/$way"
done
for i in 1 2 3; do
	case $i in
	1) ctl flush ;;
	2) ctl 'compact db' ;;
	3) mount_kill9 && mount_start ;;
	esac
	bad=0
	for k in $(seq $number); do [ "$(values m$k)" = 7 ] || bad=$((bad + 1)); done
	check_equal "all of them have their value, step $i" 0 $bad
	check_fails "and their type" "Invalid argument" write "m3,h=a v=1.5 5s"
done

# One point that still has it.
write 'keep,h=a v=1 5s'
write 'keep,h=b v=2,w=3 6s'
run "delete from keep where h = 'a'"
check_fails "one series still has it" "Invalid argument" write 'keep,h=a v=1i 5s'
ctl flush
check_fails "flushed as well" "Invalid argument" write 'keep,h=a v=1i 5s'
check_fails "also where it is refused in the midst of a write" "Invalid argument" bash -c "printf 'fresh v=1 1s\nfresh v=2i 2s\n' >'$MNT/db/write'"
check_equal "what precedes it is stored" 1 "$(values fresh)"
run "delete from keep where h = 'b'"
check "now none has" write 'keep,h=a v=1i 5s'
check "not the other field either" write 'keep,h=a w="s" 5s'

# From one type to the next, as often as one likes; rows of a series that another field keeps.
write 'often v=1,x=1 1s'
for value in 2i '"three"' true 5u 6.5; do
	write 'often x=1 2s'
	run 'delete from often where time = 1s'
	ctl flush
	check "often: $value" write "often v=$value,x=1 1s"
	ctl 'compact db'
	check_equal "often: the row of another field is there" 2 "$(cat "$MNT"/db/autogen/1969*/often | wc -l)"
done
check_equal "often: the last value" 6.5 "$(values often)"
# A handle that is open meanwhile has no types of its own.
exec 4>"$MNT/db/write"
echo 'open v=1 1s' >&4
run 'drop measurement open'
write 'open v=1i 2s'
check_fails "a handle that was open before" "Invalid argument" bash -c "echo 'open v=3 3s' >&4"
check "takes the new type" bash -c "echo 'open v=4i 4s' >&4"
exec 4>&-
check_equal "and nothing is mixed" "1 4" "$(values open)"

# Several shards in a group: all of them hear of it.
mkdir "$MNT/db/spread"
echo 'shards 4' >"$MNT/db/spread/.policy"
for h in 1 2 3 4 5 6 7 8; do echo "s,h=$h v=$h $h"s; done >"$MNT/db/spread/.write"
ctl flush
run 'drop measurement s'
echo 's,h=1 v=10i 1s' >"$MNT/db/spread/.write"
ctl flush
mount_kill9
mount_start
for h in 1 2 3 4 5 6 7 8; do check_fails "shard of series $h" "Invalid argument" bash -c "echo 's,h=$h v=1.5 9s' >'$MNT/db/spread/.write'"; done
check_equal "the value" 10 "$(tail -n +2 "$MNT/db/query/select v from spread.s;.csv" | cut -d, -f3)"
mount_end
