#!/usr/bin/env python3
"""Runs the shell sessions of a document and compares what they print.

usage: docs.py DOCUMENT…

In Markdown a session is a block ```sh-session, in a man page a block .EX … .EE whose first
line begins with `$ `. Commands begin with `$ ` (`> ` goes on); what follows is their output,
both streams together. All sessions of a document run in order, in one directory.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile
import time


def sessions(text, is_man):
    if is_man:
        blocks = re.findall(r"^\.EX\n(.*?)^\.EE$", text, re.M | re.S)
        blocks = [b.replace("\\-", "-").replace("\\e", "\\").replace("\\&", "") for b in blocks]
        return [b for b in blocks if b.startswith("$ ")]
    return re.findall(r"^```sh-session\n(.*?)^```$", text, re.M | re.S)


def steps(session):
    command, output = None, []
    for line in session.splitlines():
        if line.startswith("$ "):
            if command is not None:
                yield command, output
            command, output = line[2:], []
        elif line.startswith("> ") and not output:
            command += "\n" + line[2:]
        else:
            output.append(line)
    if command is not None:
        yield command, output


def is_used(directory):
    """Has any process a file open in it?"""
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            if os.readlink(link).startswith(directory):
                return True
        except OSError:
            pass
    return False


def run(path):
    passed = failed = 0
    with open(path) as file:
        text = file.read()
    with tempfile.TemporaryDirectory() as work:
        try:
            for session in sessions(text, path.endswith(".1")):
                for command, output in steps(session):
                    got = subprocess.run(["bash", "-c", command], cwd=work, text=True,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                         stdin=subprocess.DEVNULL)
                    if got.stdout.splitlines() == output:
                        passed += 1
                        continue
                    failed += 1
                    print(f"FAILED: {path}: {command}")
                    print("\tit says: " + "\n\t         ".join(output))
                    print("\tit does: " + "\n\t         ".join(got.stdout.splitlines()))
        finally:
            subprocess.run(["fusermount3", "-u", "-z", work + "/mnt"], stderr=subprocess.DEVNULL)
            # The daemon writes what it has, then ends.
            for _ in range(500):
                if not is_used(work):
                    break
                time.sleep(0.01)
    return passed, failed


def main():
    results = [run(path) for path in sys.argv[1:]]
    passed, failed = map(sum, zip(*results))
    print(f"{passed} passed, {failed} failed")
    return failed != 0


sys.exit(main())
