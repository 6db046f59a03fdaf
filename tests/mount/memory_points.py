"""Points of some weeks, many series."""
import random
random.seed(7)
week = 7 * 86400
for step in range(60):
    for s in range(400):
        # equal times, some of their own, gaps; fields that come and go; three shard groups
        if random.random() < 0.2:
            continue
        t = 1700000000 + step * (3 * week // 60) + (0 if step % 3 else s)
        fields = [f'v={random.randrange(5)}i']
        if random.random() < 0.5:
            fields.append(f's="{random.choice(["a", "bb", "ccc"])} of {step} {"and more of it " * 8}"')
        if step % 7 == 0:
            fields = [f'w={s}.5']
        print(f'{"cpu" if s % 3 else "mem"},host=h{s % 100:02}{",rack=r" + str(s % 5) if s % 2 else ""} {",".join(fields)} {t}000000000')
