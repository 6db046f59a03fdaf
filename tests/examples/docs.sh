#!/usr/bin/env bash
# The sessions of README.md and of the man pages do what they show, and the options are those of --help.
export PATH="$PWD/${BUILD:-build}:$PATH" LC_ALL=C.UTF-8 TZ=UTC
umask 022
python3 tests/examples/docs.py README.md man/*.1
