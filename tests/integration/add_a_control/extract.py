#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Carries out docs/add-a-control.md: writes the files that its code blocks name, and checks that the places it
says to edit are there.

usage: extract.py PAGE SOURCE_TREE OUT    writes OUT/modules/... and
OUT/edited/...; exit 1 when the page no longer fits the tree"""
import pathlib
import re
import sys

BLOCK = re.compile(r"^```(\w+) (.+?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main():
    page, source, out = (pathlib.Path(a) for a in sys.argv[1:4])
    written = edits = 0
    edited = {}
    for _, info, body in BLOCK.findall(page.read_text(encoding="utf-8")):
        if match := re.fullmatch(r"file=(\S+)", info):
            target = out / match[1]
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists() or target.read_text() != body:
                target.write_text(body)
            written += 1
        elif match := re.fullmatch(r'in=(\S+) find="(.*)"', info):
            place = match[2].replace('\\"', '"')
            if match[1] not in edited:
                edited[match[1]] = (source / match[1]).read_text(encoding="utf-8")
            if edited[match[1]].count(place) != 1:
                sys.exit(f"{page}: {match[1]} does not contain {place!r} exactly once")
            edited[match[1]] = edited[match[1]].replace(place, body.rstrip("\n"))
            edits += 1
        else:
            sys.exit(f"{page}: cannot tell what to do with a block marked {info!r}")
    for name, text in edited.items():
        target = out / "edited" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    if written < 4 or edits < 3:
        sys.exit(f"{page}: only {written} files and {edits} edits found")


main()
