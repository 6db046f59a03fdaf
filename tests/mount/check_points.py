"""check_points.py FIRST LAST: points of several series and types, the same each time."""
import random, sys
first, last = int(sys.argv[1]), int(sys.argv[2])
random.seed(first)
for k in range(first, last):
    for week in (0, 1, 2):
        print(f'm,host=h{k % 3} f={random.random()},n={k}i,u={k}u,b={"true" if k % 2 else "false"},s="text {k}" '
              f'{1700000000 + week * 604800 + k}000000000')
    print(f"other,host=h{k % 3} v={random.random()} {1700000000 + k}000000000")
