#!/usr/bin/env python3
"""Runs the shell sessions of a document and compares what they print.

usage: docs.py DOCUMENT…

In Markdown a session is a block ```sh-session, in a man page a block .EX … .EE whose first
line begins with `$ `. Commands begin with `$ ` (`> ` goes on); what follows is their output,
both streams together. All sessions of a document run in order, in one directory and in one
shell, as they do for a reader who types them: what `cd` and `exec` do stays done.
"""
import glob
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time


ROFF = {r"\-": "-", r"\&": "", r"\e": "\\", r"\(aq": "'", r"\(ga": "`", r"\(ha": "^", r"\(ti": "~"}
SECONDS_MAX = 60


def sessions(text, is_man):
    if is_man:
        blocks = re.findall(r"^\.EX\n(.*?)^\.EE$", text, re.M | re.S)
        blocks = [re.sub(r"\\(\(..|.)", lambda m: ROFF[m[0]], b) for b in blocks]
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


def run_shell(commands, work):
    """What each command printed; None for those that the shell did not come to."""
    with tempfile.TemporaryDirectory() as outputs:
        script = "".join(f"eval {shlex.quote(command)} >{outputs}/{i} 2>&1 </dev/null\n"
                         for i, command in enumerate(commands))
        try:
            subprocess.run(["bash", "-c", script], cwd=work, stdin=subprocess.DEVNULL,
                           timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            print(f"FAILED: the shell took longer than {SECONDS_MAX} s")
        for i in range(len(commands)):
            try:
                with open(f"{outputs}/{i}") as file:
                    # A shell with a prompt tells no line numbers of its script.
                    yield re.sub(r"^bash: line \d+: ", "bash: ", file.read(), flags=re.M)
            except FileNotFoundError:
                yield None


def unmount(work):
    subprocess.run(["fusermount3", "-u", "-z", work + "/mnt"], stderr=subprocess.DEVNULL)
    # The daemon writes what it has, then ends.
    for _ in range(500):
        if not is_used(work):
            break
        time.sleep(0.01)


def run(path):
    passed = failed = 0
    with open(path) as file:
        text = file.read()
    shown = [step for session in sessions(text, path.endswith(".1")) for step in steps(session)]
    if not shown:
        print(f"FAILED: {path} shows no session")
        return 0, 1
    with tempfile.TemporaryDirectory() as work:
        try:
            printed = list(run_shell([command for command, _ in shown], work))
        finally:
            unmount(work)
    for (command, output), got in zip(shown, printed):
        if got is not None and got.splitlines() == output:
            passed += 1
            continue
        failed += 1
        print(f"FAILED: {path}: {command}")
        print("\tit says: " + "\n\t         ".join(output))
        print("\tit does: " + ("nothing, the shell has ended" if got is None
                             else "\n\t         ".join(got.splitlines())))
    return passed, failed


def check_options(path):
    """The man page has every option of --help, with its default."""
    passed = failed = 0
    with open(path) as file:
        text = file.read()
    shown = subprocess.run(["seriesfs", "--help"], text=True, stdout=subprocess.PIPE).stdout
    for name, default in re.findall(r"^ +-o (\w+).*?(?: \(default (\d+)\))?$", shown, re.M):
        # What depends on the machine's memory is told by a section of its own.
        wanted = rf"-o {name}\b.*\n[^.(]*" + (rf"\(({default}\b|[^)]*see LIMITS)" if default else "")
        if re.search(wanted, text):
            passed += 1
            continue
        failed += 1
        print(f"FAILED: {path}: -o {name} (default {default or 'none'})")
    return passed, failed or not passed


def main():
    results = [run(path) for path in sys.argv[1:]]
    results.append(check_options("man/seriesfs.1"))
    passed, failed = map(sum, zip(*results))
    print(f"{passed} passed, {failed} failed")
    return failed != 0


sys.exit(main())
