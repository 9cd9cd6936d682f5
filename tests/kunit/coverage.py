#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Report which lines and branches of the module the last run of the suites took.

  coverage.py BUILD	the directory that tests/kunit/run names

Per file: the figures, then each line that never ran and each line with a branch
never taken, under the function it is in. The file "uncovered" beside this
script gives reasons, by file and function; it changes no figure, and a reason
for a function that is covered in full is itself a failure. The last line is the
summary: a check each for lines, for branches and for the reasons.
"""
import gzip
import json
import os
import re
import subprocess
import sys

WANTED_LINES, WANTED_BRANCHES = 95.0, 85.0

HERE = os.path.dirname(os.path.abspath(__file__))


class Source:
    """One .c file of the module: per line how often it ran, and its branches."""

    def __init__(self, name):
        self.name = name
        self.lines = {}  # number -> count
        self.branches = {}  # number -> [count, ...]

    def add(self, line):
        number = line["line_number"]
        self.lines[number] = self.lines.get(number, 0) + line["count"]
        taken = [branch["count"] for branch in line["branches"]]
        self.branches.setdefault(number, []).extend(taken)

    def missed_lines(self):
        return [n for n, count in sorted(self.lines.items()) if not count]

    def missed_branches(self):
        """Lines that ran, but not each way."""
        return [n for n, counts in sorted(self.branches.items())
                if self.lines[n] and 0 in counts]

    def figures(self):
        counts = [c for branches in self.branches.values() for c in branches]
        return (len(self.lines) - len(self.missed_lines()), len(self.lines),
                sum(1 for c in counts if c), len(counts))


def read_sources(build):
    directory = os.path.join(build, "drivers/infiniband/ulp/iser")
    sources = {}
    for data in sorted(os.listdir(directory)):
        if not data.endswith(".gcda"):
            continue
        out = subprocess.run(
            ["gcov", "--json-format", "--stdout", "--branch-probabilities",
             data], cwd=directory, check=True, stdout=subprocess.PIPE).stdout
        if out[:2] == b"\x1f\x8b":
            out = gzip.decompress(out)
        for file in json.loads(out)["files"]:
            name = os.path.basename(file["file"])
            if not os.path.dirname(file["file"]).endswith("ulp/iser"):
                continue
            if not name.endswith(".c"):
                continue
            source = sources.setdefault(name, Source(name))
            for line in file["lines"]:
                source.add(line)
    return [sources[name] for name in sorted(sources)]


def read_reasons():
    """{(file, function): reason}"""
    reasons = {}
    with open(os.path.join(HERE, "uncovered"), encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                where, reason = line.split(":", 1)
                reasons[tuple(where.split())] = reason.strip()
    return reasons


def text_of(source):
    path = os.path.join(HERE, "../..", source.name)
    with open(path, encoding="utf-8") as file:
        return [""] + file.read().split("\n")


def functions_of(text):
    """The function that each line is in: the last one that began at the margin."""
    functions, name = [], ""
    for line in text:
        begins = re.match(r"\w[^;=]*?(\w+)\(", line)
        if begins:
            name = begins.group(1)
        functions.append(name)
    return functions


def print_missed(source, reasons):
    """Returns the functions that are not covered in full."""
    text = text_of(source)
    functions = functions_of(text)
    missed = {}
    for number in source.missed_lines():
        missed[number] = "never run"
    for number in source.missed_branches():
        counts = source.branches[number]
        missed[number] = f"{counts.count(0)} of {len(counts)} branches never taken"
    last = None
    for number in sorted(missed):
        function = functions[number]
        if function != last:
            reason = reasons.get((source.name, function))
            print(f"  {function}()" + (f": {reason}" if reason else ""))
        last = function
        print(f"    {number:5} {missed[number]:30} {text[number].strip()}")
    return {(source.name, functions[number]) for number in missed}


def percent(part, whole):
    return 100.0 * part / whole if whole else 0.0


def main():
    sources = read_sources(sys.argv[1])
    reasons = read_reasons()
    missed = set()
    for source in sources:
        print(f"{source.name}:")
        missed |= print_missed(source, reasons)

    print(f"{'':20} {'lines':>18} {'branches':>20}")
    total = [0, 0, 0, 0]
    for source in sources:
        figures = source.figures()
        total = [a + b for a, b in zip(total, figures)]
        print_figures(source.name, figures)
    print_figures("all", total)

    stale = sorted(set(reasons) - missed)
    for file, function in stale:
        print(f"a reason for {file} {function}(), which is covered in full")
    checks = [percent(total[0], total[1]) >= WANTED_LINES,
              percent(total[2], total[3]) >= WANTED_BRANCHES,
              not stale]
    print(f"{checks.count(True)} passed, {checks.count(False)} failed")
    if all(checks):
        return 0
    names = ("lines", "branches", "reasons")
    print(f"look first: coverage of {names[checks.index(False)]}, in the table above")
    return 1


def print_figures(name, figures):
    lines = f"{figures[0]} of {figures[1]}"
    branches = f"{figures[2]} of {figures[3]}"
    print(f"{name:20} {lines:>11} {percent(*figures[:2]):5.1f}%"
          f" {branches:>13} {percent(*figures[2:]):5.1f}%")


if __name__ == "__main__":
    sys.exit(main())
