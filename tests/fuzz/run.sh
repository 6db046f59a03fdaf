#!/bin/sh
# make fuzz: every target for SECONDS (60) under libFuzzer with ASan and UBSan.
# The corpus of a target is kept in tests/fuzz/corpus/NAME when it is worth keeping.
set -eu
cd "$(dirname "$0")/../.."
seconds=${SECONDS_EACH:-60}
out=${BUILD:-build}/fuzz
mkdir -p "$out"
clang=$(command -v clang || command -v clang-14) || { echo "make fuzz needs clang and libclang-rt-14-dev" >&2; exit 1; }
wrap=$(printf -- '-Wl,--wrap=%s ' malloc calloc realloc reallocarray free)
sources=$(find engine query -name '*.c' ! -name 'main_*')
for target in tests/fuzz/fuzz_*.c; do
	name=$(basename "$target" .c)
	# shellcheck disable=SC2086
	"$clang" -std=c17 -D_GNU_SOURCE -g -O1 -I. -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined "$target" $sources $wrap -o "$out/$name" \
		-lpcre2-8 -lleveldb -lstdc++ -lxxhash -lsnappy -lpthread -lm
	mkdir -p "$out/corpus-$name"
	kept=tests/fuzz/corpus/${name#fuzz_}
	[ -d "$kept" ] || kept=""
	echo "$name: $seconds s"
	"$out/$name" -max_total_time="$seconds" -artifact_prefix="$out/" "$out/corpus-$name" $kept >"$out/$name.log" 2>&1 ||
		{ tail -40 "$out/$name.log"; exit 1; }
done
echo "nothing found"
