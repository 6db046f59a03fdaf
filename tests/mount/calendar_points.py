"""A point a day of 2015 and 2016."""
import datetime
start = datetime.datetime(2015, 1, 1, tzinfo=datetime.timezone.utc)
for day in range(731):
    at = start + datetime.timedelta(days=day)
    print(f"days v={day}i {int(at.timestamp())}s")
for month, value in ((1, 0), (3, 59), (4, 90), (7, 400)):
    print(f"gaps v={value}.0 2015-{month:02}-01T00:00:00Z")
