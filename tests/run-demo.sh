#!/bin/sh
# make run: install what is missing, build, mount ./mnt over ./data, say what to try.
set -eu
cd "$(dirname "$0")/.."
tests/deps.sh build
make -s -j"$(nproc)" programs
mkdir -p data
if mountpoint -q mnt 2>/dev/null; then
	echo "./mnt is mounted already"
else
	mkdir -p mnt 2>/dev/null || true
	build/seriesfs data mnt
fi
cat <<'TEXT'
./mnt is a time series database over ./data. Try:

  mkdir mnt/mydb
  echo 'cpu,host=a usage=0.64' > mnt/mydb/write
  cat "mnt/mydb/query/select mean(usage) from cpu"
  ls -R mnt
  cat mnt/.seriesfs/help

fusermount3 -u mnt    stops it
TEXT
