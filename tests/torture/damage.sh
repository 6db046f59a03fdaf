#!/usr/bin/env bash
# Damage, searched: each kind of file of a data directory is flipped, cut, zeroed, doubled, emptied,
# removed or replaced by a link; what is answered is right or refused, told, kept, found by
# seriesfs-check and mended by --repair. SEED=n COUNT=n SECONDS_MAX=n; ONLY=n repeats trial n.
set -u
cd "$(dirname "$0")/../.." || exit 2
BUILD=${BUILD:-build}
base=${TMPDIR:-/dev/shm}
work=$(mktemp -d "$base/seriesfs-damage.XXXXXX")
[ -n "${KEEP:-}" ] || trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir "$work/pristine"
"$PWD/$BUILD/torture/damage_look" make "$work/pristine" || exit 1
python3 tests/torture/damage/damage.py "$PWD/$BUILD/torture/damage_look" "$PWD/$BUILD/seriesfs-check" \
	"$work/pristine" "$work/trial" "${SEED:-1}" "${COUNT:-150}" "${SECONDS_MAX:-15}" ${ONLY:-}
