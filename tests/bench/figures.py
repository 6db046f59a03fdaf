"""The figures of the design: one line each, with what must be reached and what is dreamt of.

A ratio says how many times ours is better than that peer's, whichever way is better.
"""
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    label: str
    more: bool          # is more better?
    digits: int = 2
    must: float = None
    moonshot: float = None

    def reaches(self, value, bound):
        return bound is not None and (value >= bound if self.more else value <= bound)

    def ratio(self, ours, theirs):
        return ours / theirs if self.more else theirs / ours

    def verdict(self, value):
        if self.must is None:
            return ""
        if self.reaches(value, self.moonshot):
            return "moonshot"
        return "must" if self.reaches(value, self.must) else "MISSED"


FIGURES = {
    "ingest int": Figure("ingest int, M values per CPU second", True, 2, 5, 10),
    "ingest dec2": Figure("ingest dec2, M values per CPU second", True),
    "ingest gauge": Figure("ingest gauge, M values per CPU second", True),
    "ingest rand": Figure("ingest rand, M values per CPU second", True),
    "ingest many": Figure("ingest gauge of 100,000 series, M/CPU s", True),
    "wall int": Figure("ingest int, M values per second", True),
    "bytes int": Figure("bytes per value, int", False, 3, 0.27, 0.22),
    "bytes dec2": Figure("bytes per value, dec2", False, 3, 1.06, 1.00),
    "bytes gauge": Figure("bytes per value, gauge", False, 3, 0.29, 0.20),
    "bytes rand": Figure("bytes per value, rand", False, 3, 7.0, 6.65),
    "mean": Figure("mean per hour, ms", False, 2, 15, 3),
    "by host": Figure("mean, max, count per hour and host, ms", False, 2, 25, 6),
    "percentile": Figure("95th percentile per hour, exact, ms", False, 2, 60, 20),
    "count where": Figure("count where usage_user > 90, ms", False, 2, 10, 3),
    "last": Figure("last() by host, ms", False, 2, 5, 2),
    "scan": Figure("scan and aggregate, M values per CPU s", True, 0, 800, 2000),
    "peak": Figure("peak memory, ingest int to compact, MB", False, 0, 1024),
    "echo": Figure("echo loop, times a bare FUSE's", False, 2, 1.5, 1.1),
    "memory": Figure("memory per series, restarted, bytes", False, 0, 400, 150),
    "restart": Figure("restart with that many series, s", False, 2, 3),
    "drop small": Figure("drop of a shard by ctl, 1 point, ms", False, 1, 100, 10),
    "drop": Figure("drop of a shard by ctl, set int, ms", False, 1, 100, 10),
    "fan-out": Figure("fan-out into 10,000 series, of plain ingest", True, 2, 0.5),
    "restore": Figure("restore by rsync, of plain ingest", True, 2, 0.5),
}


class Table:
    """Rows as they are measured; notes at the end."""
    widths = "{:<44}{:>10}"

    def __init__(self, peers):
        self.peers = peers
        self.notes = []
        self.missed = []
        print(self.widths.format("figure", "seriesfs") +
              "".join(f"{peer.name:>18}" for peer in peers) + f"{'must':>8}{'moonshot':>10}", flush=True)

    def row(self, key, ours, theirs):
        """`theirs` are the peers' values by name; who is missing could not be asked."""
        figure = FIGURES[key]

        def cell(peer):
            value = theirs.get(peer.name)
            if value is None:
                return f"{'-':>18}"
            return f"{value:>9.{figure.digits}f} ({figure.ratio(ours, value):5.1f}x)"
        bounds = "".join("-".rjust(width) if bound is None else f"{bound:>{width}g}"
                         for bound, width in ((figure.must, 8), (figure.moonshot, 10)))
        verdict = figure.verdict(ours)
        if verdict == "MISSED":
            self.missed.append(figure.label)
        print(self.widths.format(figure.label, f"{ours:.{figure.digits}f}") +
              "".join(cell(peer).rjust(18) for peer in self.peers) + bounds + f"  {verdict}", flush=True)

    def note(self, text):
        self.notes.append(text)

    def end(self):
        for note in self.notes:
            print(note)
        print("missed: " + (", ".join(self.missed) or "nothing that must be reached"))
