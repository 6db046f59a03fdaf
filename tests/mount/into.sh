#!/usr/bin/env bash
# INTO by hand: names made from rows, tags that stay tags, and other policies.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db" "$MNT/db/autogen" "$MNT/db/yearly"
db=$MNT/db
ask() { exec 3<>"$db/exec.csv?epoch=s"; echo "$1" >&3 || cat "$db/errors"; cat <&3; exec 3>&-; }
lines() { cat "$db/autogen/$1" 2>&1 | sort; }

cat >"$db/write" <<'END'
events user="a/b c",type="click",value=1i 1700000000000000000
events user="bob",type="view",value=2i,ok=true 1700000001000000000
events user="",type="view",value=3i 1700000002000000000
events type="view",value=4i 1700000003000000000
END
check_equal "rows written, those without a user left out" "result,1970-01-01T00:00:00Z,2" \
	"$(exec 3<>"$db/exec"; echo 'select * from events into by.[user].[type]' >&3; tail -n 1 <&3)"
check_equal "a value is cleaned into a name, its column is gone" \
	"by.a.b_c.click value=1i 1700000000000000000" "$(lines by.a.b_c.click)"
check_equal "the other fields stay" "by.bob.view ok=true,value=2i 1700000001000000000" "$(lines by.bob.view)"
ask 'select value from events into one.[user]' >/dev/null
check_equal "a column that is not selected names all the same" "one.bob value=2i 1700000001000000000" "$(lines one.bob)"
ask 'select "user", type from events into pair.[user].[type]' >/dev/null
check_equal "columns stay where no field would be left" \
	'pair.bob.view type="view",user="bob" 1700000001000000000' "$(lines pair.bob.view)"
ask 'select * from events into flag.[ok]' >/dev/null
check_equal "a boolean is true or false, nothing else has a name" "flag.true" \
	"$(ls "$db/autogen/2023-11-13--2023-11-20" | grep '^flag')"
ask 'select * from events into events_[value]' >/dev/null
check_equal "an integer in decimal" \
	'events_2 ok=true,type="view",user="bob" 1700000001000000000' "$(lines events_2)"
echo 'f x=1e21,y=1 5' >"$db/write"
ask 'select * from f into f.[x]' >/dev/null
check_equal "a float without an exponent" "f.1000000000000000000000 y=1 5" "$(lines f.1000000000000000000000)"

cat >"$db/write" <<'END'
cpu,host=a,az=1 v=1 1700000000000000000
cpu,host=a,az=1 v=3 1700000050000000000
cpu,host=b,az=2 v=5 1700000000000000000
END
ask 'select * from cpu into copy.:series_name' >/dev/null
check_equal "an 0.8 copy keeps tags" "copy.cpu,az=1,host=a v=1 1700000000000000000
copy.cpu,az=1,host=a v=3 1700000050000000000
copy.cpu,az=2,host=b v=5 1700000000000000000" "$(cat "$db"/autogen/*/copy.cpu,* | sort)"
ask 'select * from cpu into per.[host].cpu' >/dev/null
check_equal "a tag in the name is gone from the tags" "per.b.cpu,az=2 v=5 1700000000000000000" \
	"$(lines per.b.cpu,az=2)"
ask 'select mean(v) from cpu where time >= 1700000000s and time < 1700000400s group by time(5m), host into 5m.[host].mean' >/dev/null
check_equal "group by a tag, into a name of it" \
	"5m.a.mean mean=2 1699999800000000000" "$(lines 5m.a.mean)"
ask 'select mean(v) from cpu where time >= 1700000000s and time < 1700000400s group by time(5m), host into 5m.:series_name' >/dev/null
check_equal "a tag that is not in the name stays" \
	"5m.cpu,host=b mean=5 1699999800000000000" "$(lines 5m.cpu,host=b)"
ask 'select max(v) into yearly.:MEASUREMENT from /^cpu$/ where time >= 1700000000s and time < 1700000400s group by time(5m), *' >/dev/null
check_equal ":MEASUREMENT into another policy" "cpu,az=1,host=a max=3 1699999800000000000" \
	"$(cat "$db/yearly/cpu,az=1,host=a")"
ask 'select count(v) into filled from cpu where time >= 1700000000s and time < 1700000900s group by time(5m) fill(0)' >/dev/null
check_equal "fill" "filled count=3i 1699999800000000000
filled count=0i 1700000100000000000
filled count=0i 1700000400000000000
filled count=0i 1700000700000000000" "$(cat "$db/autogen/filled")"
before=$(cat "$db"/autogen/*/copy.cpu,*)
ask 'select * from cpu into copy.:series_name' >/dev/null
check_equal "repeated, it changes nothing" "$before" "$(cat "$db"/autogen/*/copy.cpu,*)"
check_equal "and makes no continuous query" "" "$(ls "$db" | grep continuous)"

# The clock of a test.
mount_stop
mount_start -o clock=2030-05-01T10:00:00Z
echo 'now v=1' >"$db/write"
check_equal "the clock starts where it is told" "2030-04-29--2030-05-06" "$(ls "$db/autogen" | tail -n 1)"
echo 'clock 2040-01-02T00:00:00Z' >"$MNT/.seriesfs/ctl"
check_equal "and moves" 1 "$(cat "$db/query/select v from now where time < now() - 3500d;.csv" | grep -c 2030-05-01T10)"
mount_stop
mount_start
check_fails "but not everywhere" "Operation not permitted" bash -c "echo 'clock 2040-01-02T00:00:00Z' > '$MNT/.seriesfs/ctl'"
