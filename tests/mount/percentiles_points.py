"""300,000 random values of one series."""
import random
print("\n".join("r v=%r %d" % (random.random(), i) for i in range(300000)))
