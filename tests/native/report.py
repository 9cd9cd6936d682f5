#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What the rounds of tests/native/run have measured: a table, and JSON.

    report.py REPORT LOG...

Each log is a round's, and has both modules' figures. A kind of I/O has the median of
its rounds, with their quartiles; the ratio is the median of the rounds' own, so that
what slows a whole round down is not in it. Exits nonzero if a round is not whole, or
the suite has failed.
"""
import json
import re
import statistics
import sys

LINE = re.compile(r"native: (\S+) (read|write) (\d+) (\d+) (\d+)$", re.M)
MODULES = {"ib_iser": "ours", "stock_iser": "stock"}
KINDS = 8


def figures(path, hca):
    """Nanoseconds by kind of I/O and module; those of the HCA alone go to hca, by depth."""
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read().replace("\r", "")
    kinds = {}
    for module, way, size, depth, hundredths in LINE.findall(text):
        if module == "hca":
            hca.setdefault(int(depth), []).append(int(hundredths) / 100)
            continue
        kind = kinds.setdefault((way, int(size), int(depth)), {})
        kind[MODULES[module]] = int(hundredths) / 100
    if "not ok" in text or len(kinds) != KINDS or any(len(kind) != len(MODULES) for kind in kinds.values()):
        sys.exit(f"not a whole round: {path}")
    return kinds


def spread(values):
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": median, "lower": lower, "upper": upper}


def main():
    report, *logs = sys.argv[1:]
    hca = {}
    rounds = [figures(path, hca) for path in logs]
    rows = []
    for way, size, depth in rounds[0]:
        kinds = [kinds[way, size, depth] for kinds in rounds]
        rows.append({
            "what": f"{size // 1024} KiB {way}, depth {depth}",
            "ours_ns": spread([kind["ours"] for kind in kinds]),
            "stock_ns": spread([kind["stock"] for kind in kinds]),
            "ratio": spread([kind["ours"] / kind["stock"] for kind in kinds]),
        })
    with open(report, "w", encoding="utf-8") as file:
        json.dump({
            "rounds": len(rounds),
            "rows": rows,
            "hca_ns": [{"depth": depth, **spread(values)} for depth, values in hca.items()],
        }, file, indent=1)
        file.write("\n")

    print(f"  {'ns per I/O, queuecommand to scsi_done':38}{'ours':>20}{'stock':>20}{'ratio':>19}")
    for row in rows:
        print(f"  {row['what']:38}" + "".join(
            f"{s['median']:8.0f} {s['lower']:5.0f}-{s['upper']:<5.0f}"
            for s in (row["ours_ns"], row["stock_ns"])) +
            "{median:8.3f} {lower:.2f}-{upper:.2f}".format(**row["ratio"]))
    for depth, values in hca.items():
        print(f"  {f'of it the HCA, at depth {depth}':38}{statistics.median(values):8.0f}")
    print(f"  medians of {len(rounds)} rounds, and where the middle half of them lies")


if __name__ == "__main__":
    main()
