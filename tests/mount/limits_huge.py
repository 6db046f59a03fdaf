"""limits_huge.py EXEC DIR: statements of a hundred thousand parts are answered or refused by a limit; prints what each has many of, and
any other error."""
import os, sys
os.mkdir(sys.argv[2])
with open(sys.argv[2] + "/write", "w") as file:
    file.write("m,h=a v=1 0\n")
many = 100000
for name, text in (
        ("fields", "select v" + ",v" * many + " from m"),
        ("names", "select v," + ",".join(f"x{i}" for i in range(many // 8)) + " from m"),
        ("calls", "select " + ",".join(f"percentile(v,{i})" for i in range(many // 8)) + " from m"),
        ("sources", "select v from m" + ",m" * many),
        ("groups", "select max(v) from m group by h" + ",h" * many),
        ("keys", "show tag values with key in (h" + ",h" * many + ")"),
        ("conditions", "select v from m where h = 'a'" + " or h = 'a'" * (many // 8)),
        ("brackets", "select " + "(" * 10000 + "v" + ")" * 10000 + " from m")):
    fd = os.open(sys.argv[1], os.O_RDWR)
    try:
        os.write(fd, text.encode() + b"\n")
    except OSError as error:
        if error.strerror != "Disk quota exceeded":
            name += ": " + error.strerror
    os.close(fd)
    print(name)
