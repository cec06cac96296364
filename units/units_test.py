#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""plimsolld.service: what systemd-analyze(1) thinks of it. The catalog: that it explains every message.
usage: units_test.py UNIT-FILE SOURCE_TREE"""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

UNIT, SOURCE = map(pathlib.Path, sys.argv[1:3])
MOST_EXPOSED = 4.5


class Unit(unittest.TestCase):
    def security(self, text):
        """The exposure, and the options that count against it."""
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "plimsolld.service"
            copy.write_text(text, encoding="utf-8")
            result = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", str(copy)],
                                    capture_output=True, text=True, check=False, env={"LC_ALL": "C.UTF-8",
                                                                                      "PATH": "/usr/bin:/bin"})
        score = re.search(r"Overall exposure level for plimsolld\.service: ([0-9.]+)", result.stdout)
        self.assertIsNotNone(score, result.stdout + result.stderr)
        return float(score[1]), re.findall(r"^✗ ([A-Za-z]+)=", result.stdout, re.MULTILINE)

    def test_exposure(self):
        score, against = self.security(UNIT.read_text(encoding="utf-8"))
        print(f"exposure of plimsolld.service: {score}", file=sys.stderr)
        self.assertLessEqual(score, MOST_EXPOSED)
        # A weaker unit would be noticed.
        weaker, _ = self.security(UNIT.read_text(encoding="utf-8").replace("NoNewPrivileges=yes\n", ""))
        self.assertGreater(weaker, score)
        # Whatever counts against it is set to something, or explained.
        text = UNIT.read_text(encoding="utf-8")
        left_off = text[text.index("# Left off:"):]
        for option in sorted(set(against)):
            self.assertTrue(f"\n{option}=" in text or f"{option}=" in left_off or option == "DeviceAllow",
                            f"{option} is neither set nor explained")

    def test_is_understood(self):
        for line in UNIT.read_text(encoding="utf-8").splitlines():
            self.assertLessEqual(len(line), 120, line)
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "plimsolld.service"
            copy.write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(encoding="utf-8")),
                            encoding="utf-8")
            audit = pathlib.Path(folder) / "plimsolld-audit.socket"
            audit.write_bytes((SOURCE / "units/plimsolld-audit.socket").read_bytes())
            result = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(copy),
                                     str(audit)], capture_output=True, text=True, check=False)
        self.assertNotIn("plimsolld", result.stderr)


class Catalog(unittest.TestCase):
    """What journalctl(1) makes of plimsoll.catalog, beside the ids that the daemon says."""

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.dir.cleanup)
        folder = pathlib.Path(cls.dir.name, "usr/lib/systemd/catalog")
        folder.mkdir(parents=True)
        (folder / "plimsoll.catalog").write_bytes((SOURCE / "units/plimsoll.catalog").read_bytes())
        cls.said = cls.journalctl("--update-catalog").stderr
        cls.ids = dict(re.findall(r'string_view (\w+)\{"([0-9a-f]{32})"\}',
                                  (SOURCE / "daemon/messages.hpp").read_text(encoding="utf-8")))

    @classmethod
    def journalctl(cls, *arguments):
        return subprocess.run(["journalctl", "--root=" + cls.dir.name, "--no-pager", *arguments],
                              capture_output=True, text=True, check=True)

    def test_explains_every_message_and_nothing_else(self):
        self.assertEqual(self.said, "")
        listed = [line.split(" ", 1)[0] for line in self.journalctl("--list-catalog").stdout.splitlines()]
        self.assertGreaterEqual(len(self.ids), 10)
        self.assertEqual(sorted(listed), sorted(self.ids.values()))

    def test_is_documented(self):
        page = (SOURCE / "docs/daemon.md").read_text(encoding="utf-8")
        self.assertEqual(sorted(re.findall(r"^\| `([0-9a-f]{32})` \|", page, re.MULTILINE)), sorted(self.ids.values()))

    def test_every_message_is_said_by_somebody(self):
        code = "".join(path.read_text(encoding="utf-8") for path in (SOURCE / "daemon").rglob("*.cpp"))
        for name in self.ids:
            self.assertIn("messages::" + name, code)

    def test_shows_only_fields_that_are_sent(self):
        code = "".join(path.read_text(encoding="utf-8") for path in (SOURCE / "daemon").rglob("*.cpp"))
        for text in self.journalctl("--dump-catalog").stdout.split("\n-- "):
            for line in text.splitlines():
                self.assertLessEqual(len(line), 100, line)
            for field in re.findall(r"@([^@\s]+)@", text):
                self.assertIn(f'"{field.removeprefix("PLIMSOLL_")}"', code)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
