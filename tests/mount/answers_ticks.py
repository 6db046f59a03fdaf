"""answers_ticks.py DIR: ticks and labels of a picture are readable and inside it."""
import re, sys, xml.dom.minidom as dom
text = open(sys.argv[1] + "/select v from long;.svg").read()
texts = [(float(t.getAttribute("x")), t.firstChild.data) for t in dom.parseString(text).getElementsByTagName("text")]
names = [name for _, name in texts]
assert "2015-03" in names and "2015-11" in names and "10M" in names, names
assert all(0 < x < 900 for x, _ in texts), texts
assert len(set(re.findall(r"[.]line[.]c3{stroke:(#[0-9a-f]+)}", text))) == 2, text[:2000]
many = open(sys.argv[1] + "/select v, v + 1, v + 2, v + 3, v + 4, v + 5, v + 6, v + 7, v + 8, v + 9, v + 10, v + 11 from long;.svg").read()
root = dom.parseString(many).documentElement
bottom = max(float(t.getAttribute("y")) for t in root.getElementsByTagName("text"))
assert bottom < float(root.getAttribute("height")), (bottom, root.getAttribute("height"))
assert many.count(" dash") == 4, many.count(" dash")
