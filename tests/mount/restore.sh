#!/usr/bin/env bash
# Everything that a copy can hold comes back: owners, modes with their special bits, times of
# directories, settings, views and queries, empty groups, names that are cut, several shards; by rsync, tar,
# cp -a, and from a snapshot. Retention and continuous queries are active. Groups that are past are refused.
. "$(dirname "$0")/../lib/mount.sh"
mount_start -o clock=2026-11-22T10:00:00Z
db=$MNT/db
mkdir "$db" "$db/autogen" "$db/a b" "$db/short" "$db/views" "$db/continuous" "$MNT/empty" "$MNT/only" "$MNT/only/views" \
	"$MNT/only/continuous" "$db/autogen/2030-01-07--2030-01-14"
printf 'duration 48h\nshard_duration 1h\nshards 2\ndefault true\n' >"$db/short/.policy"
echo 'select mean(v) into year from m where h =~ /^none$/ group by time(5m)' >"$db/continuous/cq"
echo 'RESAMPLE EVERY 1h select mean(v) into year2 from none group by time(5m)' >"$db/continuous/a cq"
ln -s '../query/select 1;.csv' "$db/views/x y"
echo 'm,h=1 v=1,w=2i,x=3u,y=true,z="s" 2026-11-22T09:30:00Z' >"$db/write"
for i in $(seq 1 20); do echo "m,h=$i v=$i 2026-11-21T$((i % 9 + 10)):00:00Z"; done >"$db/write"
printf 'long,t=%0300d v=1 2026-11-22T09:00:00Z\n' 7 >"$db/write"
printf 'long2,t=日本%0300d v=1 2026-11-22T09:00:00Z\n' 7 >"$db/a b/.write"
echo '.dot,a=%2F/,b=\,\= v=1 2026-11-22T09:00:00Z' >"$db/autogen/.write"
chmod 2750 "$db"
chmod 700 "$db/short"
chmod 711 "$db/autogen/2030-01-07--2030-01-14"
chmod 640 "$db/short/.policy"
chmod 600 "$db/continuous/cq"
chmod 1777 "$MNT/empty" "$db/views"
if [ "$(id -u)" = 0 ]; then
	chown 1000:1000 "$MNT/empty" "$db/a b"
	chown -h 1000:100 "$db/views/x y"
	chown 33:33 "$db/continuous/cq" "$db/short/.policy"
fi
touch -d 2020-01-02T03:04:05Z "$db/short/.policy" "$db/continuous/cq"
touch -h -d 2021-01-02T03:04:05Z "$db/views/x y"
touch -d 2018-05-05 "$db"/autogen/2026*/*dot*
touch -d 2019-01-01 "$db/views" "$db/continuous" "$db/autogen/2030-01-07--2030-01-14" "$db/short" "$db/a b" "$db" "$MNT/empty" "$MNT/only"

# Times as far as tar keeps them.
listed() { (cd "$1" && find . -printf '%P %y %m %U:%G %s %Ts %l\n' | sed 's/ d \([0-9]*\) \([^ ]*\) [0-9]* / d \1 \2 /' | sort); }
mkdir "$db/.snapshot/one" "$WORK/tar" "$WORK/cp" "$WORK/snapshot"
rsync -a "$MNT/" "$WORK/rsync/"
tar -C "$MNT" -cf - . | tar -C "$WORK/tar" -xf -
cp -a "$MNT/." "$WORK/cp/"
rsync -a "$db/.snapshot/one/" "$WORK/snapshot/db/"
listed "$WORK/rsync" >"$WORK/listed"
for copy in tar cp; do check_equal "$copy copies as rsync" "" "$(listed "$WORK/$copy" | diff "$WORK/listed" - | head -4)"; done
check_equal "a snapshot shows all as it is" "" "$(diff <(listed "$WORK/rsync/db") <(listed "$WORK/snapshot/db") | head -4)"
check_fails "and is read-only all the same" "Read-only file system" bash -c "echo 'duration 1d' >'$db/.snapshot/one/short/.policy'"
check_fails "to chmod too" "Read-only file system" chmod 700 "$db/.snapshot/one"
for how in rsync tar cp snapshot; do
	mount_stop
	rm -rf "$DATA"
	mkdir "$DATA"
	mount_start -o clock=2026-11-22T10:01:00Z,retention_seconds=1
	case $how in
	rsync | snapshot) rsync -a "$WORK/$how/" "$MNT/" ;;
	tar) tar -C "$WORK/tar" -cf - . | tar -C "$MNT" -xf - ;;
	cp) cp -a "$WORK/cp/." "$MNT/" ;;
	esac
	echo continuous >"$MNT/.seriesfs/ctl"
	echo retention >"$MNT/.seriesfs/ctl"
	check "$how: nothing differs" diff -r --no-dereference "$WORK/$how" "$MNT"
	check_equal "$how: nor in modes, owners, times" "" "$(diff <(listed "$WORK/$how") <(listed "$MNT") | head -4)"
	check_equal "$how: rsync has nothing to do, either way" "" "$(rsync -ai "$WORK/$how/" "$MNT/" | head -3)$(rsync -ai "$MNT/" "$WORK/$how/" | head -3)"
	check_equal "$how: types are what they were" 'm,h=1 v=1,w=2i,x=3u,y=true,z="s"' "$(cut -d' ' -f1,2 "$db"/short/*T09Z*/m,h=1)"
	check_equal "$how: nothing is told" "" "$(cat "$db/errors")"
done

# cp and borg go by the order of a directory, which is any: autogen is the default, though it does not say so.
settings='duration 30d
shard_duration 1d
shards 1
replication 1
default false'
for order in "autogen keep" "keep autogen"; do
	for late in no yes; do
		mkdir "$MNT/order"
		for policy in $order; do
			mkdir "$MNT/order/$policy"
			[ $late$policy != nokeep ] || echo "$settings" >"$MNT/order/keep/.policy"
		done
		echo "$settings" >"$MNT/order/keep/.policy"
		check_equal "$order, .policy late: $late: the default is what it was" "autogen,0s,168h0m0s,1,true keep,720h0m0s,24h0m0s,1,false" \
			"$(cat "$MNT/order/query/show retention policies;.csv?fresh=1" | sed -n 's/^,\(autogen\|keep\)/\1/p' | sort | paste -sd' ')"
		rm -r "$MNT/order"
	done
done

# Four days later the short policy keeps none of it; the rest comes back, and lengthened, all of it.
mount_stop
rm -rf "$DATA"
mkdir "$DATA"
mount_start -o clock=2026-11-26T10:00:00Z,retention_seconds=1
check_fails "groups past retention are refused" "Numerical result out of range" rsync -a "$WORK/rsync/" "$MNT/"
check_equal "the others are there" 2 "$(cat "$db"/autogen/*/* "$db/a b"/*/* | wc -l)"
sed -i 's/^duration .*/duration 0s/' "$WORK/rsync/db/short/.policy"
touch -d 2020-01-02T03:04:06Z "$WORK/rsync/db/short/.policy"
# Over a policy that is there rsync makes directories first, and brings .policy while it does.
rsync -a "$WORK/rsync/" "$MNT/" 2>/dev/null
check "once the policy in the backup keeps them" rsync -a "$WORK/rsync/" "$MNT/"
check "all is there" diff -r --no-dereference "$WORK/rsync" "$MNT"
