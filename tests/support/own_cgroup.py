# SPDX-License-Identifier: Apache-2.0
"""A cgroup of its own for a process that makes cgroups: systemd-nspawn makes `payload` and `supervisor` next to itself,
and what a killed machine leaves in them (controllers handed down) keeps the next one from using the same names."""
import os
import pathlib
import re
import time


def mounts():
    """{entry of /proc/self/cgroup: directory} of the hierarchies that systemd uses: cgroup v2, and `name=systemd`."""
    found = {}
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        fields, kind = line.split(" - ", 1)
        point = re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), fields.split()[4])
        if kind.startswith("cgroup2 "):
            found[""] = pathlib.Path(point)
        elif kind.startswith("cgroup ") and "name=systemd" in kind.split()[2].split(","):
            found["name=systemd"] = pathlib.Path(point)
    return found


class OwnCgroup:
    """`Popen(argv, preexec_fn=OwnCgroup("name").enter)`, and remove() when all that it started has ended."""

    def __init__(self, name):
        self.folders = []
        points = mounts()
        for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
            _, hierarchy, where = line.split(":", 2)
            if hierarchy in points:
                folder = points[hierarchy] / where.lstrip("/") / name
                folder.mkdir()
                self.folders.append(folder)

    def enter(self):
        """Moves the calling process."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text("0")

    def remove(self, seconds=10):
        """Raises OSError when something in it is still running after that time."""
        end = time.monotonic() + seconds
        for folder in self.folders:
            while folder.exists():
                try:
                    for path, _, _ in os.walk(folder, topdown=False):
                        os.rmdir(path)
                except OSError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.02)
        self.folders = []
