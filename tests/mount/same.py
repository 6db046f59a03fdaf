"""What two answers differ in, for tests that ask the same question in two ways."""
import json


def difference(expected, came, digits=9, at=""):
    """The first place where two answers (as text, or as json gives them) differ; "" if they are the same but for the
    last digits of doubles. `digits` None: those must be the same, too."""
    if isinstance(expected, str) and at == "":
        expected, came = json.loads(expected), json.loads(came)
    pair = (expected, came)
    if all(isinstance(x, dict) for x in pair) and expected.keys() == came.keys():
        items = [(key, expected[key], came[key]) for key in expected]
    elif all(isinstance(x, list) for x in pair) and len(expected) == len(came):
        items = [(i, a, b) for i, (a, b) in enumerate(zip(expected, came))]
    else:
        return "" if expected == came or is_near(expected, came, digits) else \
            f"at {at or 'the top'}: expected {str(expected)[:300]}, got {str(came)[:300]}"
    for key, a, b in items:
        told = difference(a, b, digits, f"{at}/{key}")
        if told:
            return told
    return ""


def is_near(a, b, digits):
    if digits is None or isinstance(a, bool) or isinstance(b, bool) or not isinstance(a, float) and not isinstance(b, float):
        return False
    if not isinstance(a, (int, float)) or not isinstance(b, (int, float)):
        return False
    return abs(a - b) <= 10 ** -digits * max(1, abs(a))
