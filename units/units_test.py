#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""plimsolld.service: what systemd-analyze(1) thinks of it. usage: units_test.py UNIT-FILE"""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

UNIT = pathlib.Path(sys.argv[1])
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
            result = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(copy)],
                                    capture_output=True, text=True, check=False)
        self.assertNotIn("plimsolld.service:", result.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
