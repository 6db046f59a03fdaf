"""Points of three weeks."""
import random
random.seed(1)
for week in (0, 1, 2):
    for k in range(3000):
        print(f"m,host=h{k % 3} v={random.random()} {1700000000 + week * 604800 + k}000000000")
