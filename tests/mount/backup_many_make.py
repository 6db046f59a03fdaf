"""backup_many_make.py COUNT FILE: points of COUNT series, whose names are as odd as names may be."""
import random, sys
random.seed(7)
count = int(sys.argv[1])
def escape(text, more):
    return "".join("\\" + c if c in more else c for c in text)
odd = ["plain", "two words", "a,b", "a=b", "50%", "%2F", "/var/log", ".hidden", "..", "...", "tab\there",
       "ünïcödé", "日本語", "🙂", "e\u0301", "a\u200bb", "tilde~0123456789abcdef", "-n", "*", "~", "#no", "\"quoted\"",
       "back\\slash", "x" * 200, "日本" * 70, "%" * 100, "very/" * 60, "a b" * 90, "query", "write", ".policy", "\x01\x7f",
       "n\"o", "p'q", "s;t", "[v]"]
types = [lambda i: f"f={random.uniform(-1e9, 1e9)!r}", lambda i: f"n={random.randint(-2**63, 2**63 - 1)}i",
         lambda i: f"u={random.randint(0, 2**64 - 1)}u", lambda i: "b=" + random.choice(("true", "false")),
         lambda i: 's="' + escape(random.choice(odd) + "\n" * (i % 50 == 0), '"\\') + '"']
out = []
for i in range(count):
    name, value = odd[i % len(odd)], odd[i // len(odd) % len(odd)]
    key = escape(name if i % 3 else "m", ", #" if name.startswith("#") else ", ")
    key += f",i={i}," + escape(name if i % 2 else "tag", ",= ") + "=" + escape(value, ",= ")
    if key.endswith("\\"):
        key += "."
    fields = ",".join(t(i) for t in (types if i % 20 == 0 else [types[i % 5]]))
    for t in range(1 + i % 3):
        out.append(f"{key} {fields} {1700000000 + t * (400000 if i % 10 == 0 else 20000) + i}000000000\n")
for name in odd:
    if not name.endswith("\\"):
        out.append(escape(name, ", ").replace("#", "\\#") + f" v=1 1700000000000000000\n" if not name.startswith("#")
                   else "no#te v=1 1700000000000000000\n")
open(sys.argv[2], "w", newline="").write("".join(out))
