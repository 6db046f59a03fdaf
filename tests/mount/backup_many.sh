#!/usr/bin/env bash
# 10,000 series of all types and odd names by rsync out and into an empty mount; and out of a
# mount that is being written to.
. "$(dirname "$0")/../lib/mount.sh"
mount_start
mkdir "$MNT/db"
python3 - >"$WORK/points.lp" <<'PY'
odd = ["a b", "c,d", "e=f", "g/h", "i%j", "ü€", ".k", "..", "l\\m", 'n"o', "p'q", "r" * 180, "s;t", "-u", "*", "[v]"]
def tag(text):
    return "".join("\\" + c if c in ", =" else c for c in text)
for k in range(10000):
    name = tag(odd[k % len(odd)])
    key = f"m{k % 7},n={k},t={name}"
    start = 1700000000 + k * 977
    print(f"{key} f={k / 8},i={-k}i,u={k}u,b={'true' if k % 2 else 'false'},s=\"{k} \\\"x\\\" \\\\ ü\" {start}000000001")
    print(f"{key} f={k * 1e300},i={k}i {start + 60}000000000")
for text in odd:
    name = tag(text)
    if name and not name.startswith("#"):
        print(f"{name} v=1 1700000000000000000")
PY
check "the points go in" cp "$WORK/points.lp" "$MNT/db/write"
series=$(find "$MNT/db/autogen" -type f | wc -l)
check "they are $series files" [ "$series" -ge 10000 ]
everything='select * from /.+/;.json?epoch=ns'
answer=$(md5sum <"$MNT/db/query/$everything")
check "rsync copies out" rsync -a "$MNT/" "$WORK/backup/"
check_equal "the second rsync has nothing to do" "" "$(rsync -ai "$MNT/" "$WORK/backup/")"
check_equal "every line is there once" 20016 "$(find "$WORK/backup/db/autogen" -type f -exec cat {} + | wc -l)"
mount_stop
rm -rf "$DATA"
mkdir "$DATA"
mount_start
check "rsync copies back" rsync -a "$WORK/backup/" "$MNT/"
check "nothing differs" diff -r --no-dereference "$WORK/backup" "$MNT"
check_equal "rsync again has nothing to do" "" "$(rsync -ai "$WORK/backup/" "$MNT/")"
check_equal "the answer to everything is the same" "$answer" "$(md5sum <"$MNT/db/query/$everything")"

while [ ! -e "$WORK/stop" ]; do
	echo "m1,live=yes v=$((n = ${n:-0} + 1))" >>"$MNT/db/write"
done &
writer=$!
sleep 0.3
check "rsync beside a writer" rsync -a "$MNT/" "$WORK/backup/"
touch "$WORK/stop"
wait $writer
check "and once more when it rests" rsync -a "$MNT/" "$WORK/backup/"
check "takes what was written meanwhile" diff -r --no-dereference "$WORK/backup" "$MNT"
check_equal "with nothing left to do" "" "$(rsync -ai "$MNT/" "$WORK/backup/")"
