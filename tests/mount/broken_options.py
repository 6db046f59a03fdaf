"""broken_options.py SERIESFS DATADIR: options that are broken end with exit code 2 and a sentence."""
import itertools, subprocess, sys
bad = 0
valids = ["commit=5,memtable_mb=64", "ro,clock=2026-11-22T10:00:00Z", "query_seconds=30s"]
texts = ["", " ", ",", ",,", "=", "\t", "\n", "a" * 5000, "commit=" + "9" * 5000, "crash_at="]
for v in valids:
    for i in range(len(v)):
        texts += [v[:i], v[:i] + v[i + 1:], v[:i] + v[i] + v[i:], v[:i] + "\\" + v[i:], v[:i] + "\xff" + v[i + 1:]]
for text in texts:
    for args in (["-o", text, sys.argv[2], "/dev/null/no"], ["-o" + text, "", ""]):
        code = subprocess.run([sys.argv[1], *args], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).returncode
        if code not in (0, 1, 2):  # 0 is --help, for one
            print(repr(text), code)
print("fine")
