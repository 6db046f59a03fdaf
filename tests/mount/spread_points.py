"""Two hundred series of fifty points."""
for series in range(200):
    for k in range(50):
        print(f"m,host=h{series} v={series * k}i {1700000000 + k}000000000")
