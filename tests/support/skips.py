#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lists the skipped tests of a ctest JUnit report with the reason that each gave, also single cases of a Python test
that passed."""
import re
import sys
import xml.etree.ElementTree as ElementTree


def reason(output):
    """The text a test printed around its SKIPPED mark: what GTEST_SKIP() << "…" or a script said."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for i, line in enumerate(lines):
        if re.match(r".*: Skipped$", line) and i + 1 < len(lines):
            return lines[i + 1]
    said = [line for line in lines if re.match(r"skip(ped)?\b[: ]", line, re.IGNORECASE)]
    return said[-1] if said else "no reason given"


def main():
    skipped = 0
    for case in ElementTree.parse(sys.argv[1]).getroot().iter("testcase"):
        if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            skipped += 1
            print(f"  {case.get('name')}: {reason(case.findtext('system-out') or '')}")
        for name, why in re.findall(r"^(\S+) .*\.\.\. skipped ['\"](.*)['\"]$",
                                    case.findtext("system-out") or "", re.M):
            skipped += 1
            print(f"  {case.get('name')}, {name}: {why}")
    if skipped == 0:
        print("  none")


main()
