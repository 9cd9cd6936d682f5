#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Count the test cases in kunit.py's JSON; the last line is the summary.

After it, if there is a failure, what to look at first. Exits nonzero if a case failed or crashed, if none ran, or if the kernel's log
had something to say.
"""
import json
import os
import re
import sys


def cases(group):
    """All cases of a group and its subgroups, with their names; parameters count each."""
    for sub in group.get("sub_groups", []):
        yield from cases(sub)
    for case in group.get("test_cases", []):
        yield f"{group['name']}: {case['name']}", case


def never_run(result, log):
    """What is planned and has no result, for one because the kernel died before."""
    if "misc" in result:
        return result["misc"]["errors"]
    # 6.12's tool does not tell: suites and their cases are counted in the log.
    with open(log, encoding="utf-8", errors="replace") as file:
        text = file.read()
    planned = sum(map(int, re.findall(r"^ {0,4}1\.\.(\d+)$", text, re.M)))
    return planned - len(re.findall(r"^ {0,4}(?:not )?ok \d+ ", text, re.M))


def main():
    path = sys.argv[1]
    bad_log = "--bad-log" in sys.argv
    passed = failed = 0
    first = None
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            result = json.load(file)
        for name, case in cases(result):
            if case["status"] == "PASS":
                passed += 1
            elif case["status"] != "SKIP":
                failed += 1
                first = first or name
        failed += never_run(result, sys.argv[2])
    if bad_log:
        failed += 1
    print(f"{passed} passed, {failed} failed")
    if not failed and passed:
        return 0
    what = first or ("the lines shown above" if passed else "what the build said")
    print(f"look first: {what} in {sys.argv[2]}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
