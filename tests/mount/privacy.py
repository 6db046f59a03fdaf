"""
privacy.py names MNT SEED: databases, policies and continuous queries of random bytes.
privacy.py metrics < TEXT: is it Prometheus' text format 0.0.4? Prints the samples that have labels.
privacy.py lines < TEXT: is each line whole UTF-8 without control characters?
"""
import os, random, re, sys


def names():
    mnt, r = os.fsencode(sys.argv[2]), random.Random(int(sys.argv[3]))
    pieces = [b"\n", b"\r", b"\t", b"\x1b[2J", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc2\x9b", b"\x7f", b"\x01", b'"', b"\\", b"\\n", b"\\x01", b"{", b"}",
              b" ", b"=", b",", b"#", b"\n# TYPE x counter\nx 1\n", "é".encode(), "日本".encode(), "\u2028".encode(), b"a", b"b"]
    made = set()
    while len(made) < 40:
        name = b"n" + b"".join(r.choice(pieces) for _ in range(r.randrange(1, 8)))[:200]
        if b"/" in name or name in made:
            continue
        made.add(name)
        os.mkdir(mnt + b"/" + name)
        os.mkdir(mnt + b"/" + name + b"/continuous")
        os.mkdir(mnt + b"/" + name + b"/" + name)
        with open(mnt + b"/" + name + b"/" + name + b"/.write", "wb", 0) as f:
            f.write(b"m v=1 1700000000s\n")
        with open(mnt + b"/" + name + b"/continuous/" + name, "wb", 0) as f:
            f.write(b"select mean(v) from m group by time(1h) into x\n")
        try:
            with open(mnt + b"/" + name + b"/write", "wb", 0) as f:
                f.write(b"m v=" + name.replace(b"\n", b"") + b"\n")
        except OSError:
            pass
    print(len(made))


def fail(line, why):
    sys.exit("%s: %r" % (why, line))


NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(r'(%s)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*",?)*)\})? ([-+]?(?:[0-9.]+(?:e[-+]?[0-9]+)?|Inf|NaN))\n' % NAME)


def metrics():
    text = sys.stdin.buffer.read().decode("utf-8", "strict")
    if not text.endswith("\n"):
        fail(text[-80:], "no newline at the end")
    types, ended, seen, current = {}, set(), set(), None
    for line in text.split("\n")[:-1]:
        line += "\n"
        comment = re.fullmatch(r"# (HELP|TYPE) (%s) (.*)\n" % NAME, line)
        sample = SAMPLE.fullmatch(line)
        if not comment and not sample:
            fail(line, "neither a comment nor a sample")
        name = comment.group(2) if comment else sample.group(1)
        if name != current and name in ended:
            fail(line, "its metric does not stand together")
        if name != current:
            ended.add(current)
            current = name
        if comment and comment.group(1) == "TYPE":
            if name in types or comment.group(3) not in ("counter", "gauge"):
                fail(line, "a second or a bad type")
            types[name] = comment.group(3)
        if sample:
            if name not in types:
                fail(line, "a sample before its type")
            if types[name] == "counter" and not name.endswith("_total"):
                fail(line, "a counter by another name")
            if (name, sample.group(2)) in seen:
                fail(line, "twice the same")
            seen.add((name, sample.group(2)))
            if sample.group(2):
                print(name, sample.group(2))
    if len(types) < 20:
        fail(text, "too few metrics")


def lines():
    text = sys.stdin.buffer.read().decode("utf-8", "strict")
    for line in text.split("\n"):
        if any(ord(c) < 32 and c != "\t" or 127 <= ord(c) < 160 for c in line):
            fail(line, "a control character")
        if not re.match(r"(\t|\d{4}-\d\d-\d\dT\S+Z \S|(version|data|up|database|policy|continuous|option)\b|[a-z_]+[ =]|$)", line):
            fail(line, "a line of no kind")


{"names": names, "metrics": metrics, "lines": lines}[sys.argv[1]]()
