"""shared_near.py ONE OTHER: two outputs of shared_ask.py are the same but for last digits."""
import sys
from same import difference
def lines(path):
    with open(path) as f:
        return [line.partition(" {") for line in f]
one, other = lines(sys.argv[1]), lines(sys.argv[2])
assert len(one) == len(other) > 50
for (query, _, expected), (other_query, _, came) in zip(one, other):
    told = "" if query == other_query else "the other one's query is " + other_query
    if not told and bool(expected) != bool(came):
        told = "expected %r, got %r" % (expected[:300], came[:300])
    if not told and expected:
        told = difference("{" + expected, "{" + came)
    if told:
        sys.exit("%s\n%s" % (query, told))
