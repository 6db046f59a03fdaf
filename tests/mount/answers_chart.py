"""answers_chart.py DIR: the picture of a query below DIR has a line a column, a gap, a legend, a title."""
import sys, xml.dom.minidom as dom
path = (sys.argv[1] + "/select mean(v), sum(w) from m where time >= 1600000000s and time < 1600000006s "
        "group by time(1s), h;.svg?title=a %3C b&width=600&height=300")
chart = dom.parse(path).documentElement
assert (chart.getAttribute("width"), chart.getAttribute("height")) == ("600", "300")
lines = [p.getAttribute("d") for p in chart.getElementsByTagName("path")
         if "line" in p.getAttribute("class") and "h18" not in p.getAttribute("d")]
assert len(lines) == 2 and all(line.count("M") == 2 for line in lines), lines
texts = [t.firstChild.data for t in chart.getElementsByTagName("text")]
assert "a < b" in texts and "mean  <a&b>" in texts and "sum  <a&b>" in texts, texts
assert "12:26:40" in texts and "12:26:45" in texts, texts
