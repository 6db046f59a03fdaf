"""60,000 points of fifty series."""
for k in range(60000):
    print(f"s,host=h{k % 50} v={k * 7919 % 100003} {1700000000 + k}000000000")
