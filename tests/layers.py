#!/usr/bin/env python3
"""The arrows of the house: who may include, and call, what.

    tests/layers.py [BUILD]        BUILD: where the objects are (build)

tests/layers.txt has a line a floor, the lowest first; a line names the folders of that floor. A file may include and
call what lies in its own folder and in folders of lower floors. Lines that begin with `public` name the headers of a
layer that the layers above it may include. tests/circles.txt names the circles of files inside a folder that may be,
each with a reason: `FILE FILE…: REASON`, files without their ending.

Includes are read from the sources, calls from the symbols of the objects: a declaration copied by hand in place of an
include is seen, too. Prints a line for each violation: FILE:LINE: what, and which arrow. Exits 1 when there is one.
"""
import collections
import fnmatch
import os
import re
import subprocess
import sys

LAYERS = ("engine", "query", "fs")
INCLUDE = re.compile(r'\s*#\s*include\s+"([^"]+)"')


def lines_of(path):
    with open(path) as file:
        return [line.strip() for line in file if line.strip() and not line.startswith("#")]


class House:
    """Floors by folder, and what a layer shows to those above."""

    def __init__(self, path):
        self.floors, self.public, floor = {}, collections.defaultdict(list), 0
        for line in lines_of(path):
            words = line.split()
            if words[0] == "public":
                self.public[words[1]] += words[2:]
                continue
            floor += 1
            self.floors.update({folder: floor for folder in words})

    def arrow(self, source, target):
        """Why `source` may not know `target`, or None."""
        above, below = os.path.dirname(source), os.path.dirname(target)
        if above not in self.floors:
            return f"{above} has no floor in tests/layers.txt"
        if below not in self.floors:
            return f"{below} has no floor in tests/layers.txt"
        if above == below or self.floors[above] > self.floors[below]:
            return None
        return f"{above} (floor {self.floors[above]}) -> {below} (floor {self.floors[below]}) points up or aside"

    def hidden(self, source, header):
        """Why a header of a lower layer is not for `source`, or None."""
        layer, other = source.split("/")[0], header.split("/")[0]
        if layer == other or other not in self.public:
            return None
        if any(fnmatch.fnmatch(header, pattern) for pattern in self.public[other]):
            return None
        return f"{header} is not public: {layer} -> {other}"


def sources():
    names = subprocess.run(["git", "ls-files", *LAYERS], check=True, capture_output=True, text=True).stdout.split()
    return [name for name in names if name.endswith((".c", ".h", ".def")) and os.path.exists(name)]


def check_includes(house, files):
    known = set(files)
    for path in files:
        with open(path) as file:
            for number, line in enumerate(file, 1):
                found = INCLUDE.match(line)
                if not found:
                    continue
                header = found.group(1)
                if header not in known:
                    yield f"{path}:{number}: includes {header}, which is no file of the tree"
                    continue
                why = house.arrow(path, header) or house.hidden(path, header)
                if why:
                    yield f"{path}:{number}: includes {header}: {why}"


def symbols(build, files):
    """What each file defines, and what it uses of others: {name: file}, {file: names}."""
    owners, uses = {}, {}
    objects = {f"{build}/{path[:-2]}.o": path for path in files if path.endswith(".c")}
    missing = [path for name, path in objects.items() if not os.path.exists(name)]
    if missing:
        sys.exit(f"{missing[0]} has no object below {build}: build first")
    listing = subprocess.run(["nm", "-A", "-g", *objects], check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        name, _, rest = line.partition(":")
        *_, kind, symbol = rest.split()
        path = objects[name]
        if kind == "U":
            uses.setdefault(path, set()).add(symbol)
        else:
            owners[symbol] = path
    return owners, uses


def calls(owners, uses):
    """(user, owner, symbol) of all that one file of ours uses of another one."""
    for path, names in uses.items():
        for name in sorted(names):
            plain = name.removeprefix("__wrap_").removeprefix("__real_")
            owner = owners.get(name) or owners.get(plain)
            if owner and owner != path and not (name != plain and owners.get(name) is None):
                yield path, owner, name


def line_of(path, symbol):
    word = re.compile(rf"\b{re.escape(symbol)}\b")
    with open(path) as file:
        for number, line in enumerate(file, 1):
            if word.search(line) and not line.lstrip().startswith(("*", "/*")):
                return number
    return 1  # a macro wrote it


def check_calls(house, graph):
    for path, owner, symbol in graph:
        why = house.arrow(path, owner)
        if why:
            yield f"{path}:{line_of(path, symbol)}: uses {symbol} of {owner}: {why}"


def circles(graph):
    """Files of one folder that reach each other: Tarjan's strongly connected components of more than one."""
    edges = collections.defaultdict(set)
    for path, owner, _ in graph:
        if os.path.dirname(path) == os.path.dirname(owner):
            edges[path[:-2]].add(owner[:-2])
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(edges[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            members = []
            while not members or members[-1] != node:
                members.append(stack.pop())
            if len(members) > 1:
                found.append(frozenset(members))

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return found


def check_circles(graph, path):
    allowed = {}
    for line in lines_of(path):
        names, _, reason = line.partition(":")
        if not reason.strip():
            yield f"{path}: a circle without a reason: {line}"
        allowed[frozenset(names.split())] = line
    for circle in circles(graph):
        if allowed.pop(circle, None):
            continue
        yield f"a circle of {len(circle)} files: {' '.join(sorted(circle))}"
        for user, owner, symbol in graph:
            if user[:-2] in circle and owner[:-2] in circle:
                yield f"    {user}:{line_of(user, symbol)}: uses {symbol} of {owner}"
    for line in allowed.values():
        yield f"{path}: is no circle any more: {line}"


def main(build):
    sys.setrecursionlimit(10_000)
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    house, files = House("tests/layers.txt"), sources()
    graph = list(calls(*symbols(build, files)))
    found = [*check_includes(house, files), *check_calls(house, graph), *check_circles(graph, "tests/circles.txt")]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "build"))
