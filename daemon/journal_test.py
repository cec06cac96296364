#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What plimsolld says to a real systemd-journald, in a mount namespace where /run is another.
usage: journal_test.py PLIMSOLLD SOURCE_TREE"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest

INSIDE = "PLIMSOLL_JOURNAL_TEST"
if os.geteuid() == 0 and INSIDE not in os.environ:
    os.execvpe("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, "-B", *sys.argv],
               dict(os.environ, **{INSIDE: "1"}))

PLIMSOLLD, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
JOURNALD = "/lib/systemd/systemd-journald"
CONTROL = "subuid.root-delegated"
ENFORCE = f'[control."{CONTROL}"]\nmode = "enforce"\n'
IDS = {name: value for name, value in re.findall(
    r'string_view (\w+)\{"([0-9a-f]{32})"\}', (SOURCE / "daemon/messages.hpp").read_text(encoding="utf-8"))}
# What a service manager does: a stream to the journal as standard error, and its number told.
START = """import os, sys
st = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{st.st_dev}:{st.st_ino}"
os.execv(sys.argv[1], sys.argv[1:])"""


def until(test, seconds=20.0):
    end = time.monotonic() + seconds
    while not (found := test()):
        if time.monotonic() > end:
            return None
        time.sleep(0.05)
    return found


@unittest.skipIf(os.geteuid() != 0, "only root can have a journal of its own")
@unittest.skipIf(not os.path.exists(JOURNALD), "no systemd-journald here")
class InTheJournal(unittest.TestCase):
    def setUp(self):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", "/run"], check=True)
        for folder in ("systemd/journal", "log/journal"):
            pathlib.Path("/run", folder).mkdir(parents=True)
        self.spawn([JOURNALD], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertTrue(until(lambda: os.path.exists("/run/systemd/journal/stdout")))
        self.dir = tempfile.TemporaryDirectory(prefix="plimsoll-journal-")
        self.addCleanup(self.dir.cleanup)
        self.root = pathlib.Path(self.dir.name)
        for folder in ("etc/plimsoll/policy.d", "var/lib/plimsoll", "run"):
            (self.root / folder).mkdir(parents=True)
        self.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        for name in ("etc/group", "etc/subuid", "etc/subgid"):
            self.write(name, "")
        self.write("etc/plimsoll/policy.d/10-site.toml", ENFORCE)

    def spawn(self, command, **options):
        process = subprocess.Popen(command, **options)  # pylint: disable=consider-using-with
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def daemon(self):
        process = self.spawn(["systemd-cat", "--identifier=plimsolld", sys.executable, "-c", START, PLIMSOLLD,
                              "--root", str(self.root), "--bus=none"])
        self.assertTrue(until(lambda: self.entries("started"), 60), "not ready")
        return process

    def write(self, name, text):
        (self.root / name).write_text(text, encoding="utf-8")

    def entries(self, kind=None, *matches):
        match = [f"MESSAGE_ID={IDS[kind]}"] if kind else []
        text = subprocess.run(["journalctl", "--directory=/run/log/journal", "--output=json", "--no-pager", "--quiet",
                               *match, *matches], capture_output=True, text=True, check=False).stdout
        return [json.loads(line) for line in text.splitlines()]

    def one(self, kind, *matches):
        found = until(lambda: self.entries(kind, *matches))
        self.assertTrue(found, f"{kind} was never said: {[e.get('MESSAGE') for e in self.entries()]}")
        return found[0]

    def test_every_kind_has_its_fields(self):
        self.write("var/lib/plimsoll/plimsoll.db", "damaged" * 1000)
        os.chmod(self.root / "var/lib/plimsoll", 0o700)
        process = self.daemon()
        started = self.one("started")
        self.assertEqual(started["SYSLOG_IDENTIFIER"], "plimsolld")
        self.assertEqual(started["PRIORITY"], "5")
        self.assertEqual(started["PLIMSOLL_ROOT"], str(self.root))
        self.assertEqual(started["PLIMSOLL_PROFILE"], "audit-only")
        self.assertRegex(started["PLIMSOLL_POLICY_DIGEST"], "[0-9a-f]{64}")
        self.assertNotIn("CODE_FILE", started)
        self.assertEqual(self.one("store_set_aside")["PRIORITY"], "3")
        for i in range(4):
            self.write("etc/subuid", "mallory:0:1\n")
            if i < 3:
                self.assertTrue(until(lambda n=i: len(self.entries("healed")) == n + 1))
        about = (f"PLIMSOLL_CONTROL={CONTROL}", "PLIMSOLL_SUBJECT=mallory")
        fails = self.one("out_of_line", *about)
        self.assertEqual(fails["PLIMSOLL_SEVERITY"], "critical")
        self.assertEqual(fails["PLIMSOLL_CAUSE"], "event /etc/subuid")
        heals = self.one("healed", *about)
        self.assertGreater(int(heals["PLIMSOLL_OUT_USEC"]), 0)
        self.assertEqual(heals["PLIMSOLL_JOURNAL_ENTRY"], "1")
        self.assertGreater(int(heals["PLIMSOLL_TRANSITION"]), int(fails["PLIMSOLL_TRANSITION"]))
        self.assertEqual(self.one("contested", *about)["PRIORITY"], "3")
        self.write("etc/plimsoll/policy.d/20.toml", "nonsense\n")
        self.assertIn("20.toml:1", self.one("policy_refused")["MESSAGE"])
        self.write("etc/plimsoll/policy.d/20.toml", 'profile = "rootless-strict"\n')
        self.assertEqual(self.one("policy_loaded")["PLIMSOLL_PROFILE"], "rootless-strict")
        process.terminate()
        self.assertEqual(process.wait(timeout=30), 0)
        self.one("stopped")

    def test_hostile_names_stay_in_their_field(self):
        self.daemon()
        (self.root / "etc/subuid").write_bytes(b"m\xff\x1b[2JPLIMSOLL_CONTROL=x:0:1\n")
        entry = self.one("out_of_line", f"PLIMSOLL_CONTROL={CONTROL}")
        self.assertEqual(entry["PLIMSOLL_CONTROL"], CONTROL)
        self.assertEqual(entry["PLIMSOLL_SUBJECT"], r"m\xff\x1b[2JPLIMSOLL_CONTROL=x")

    def test_a_fix_that_fails(self):
        self.write("etc/subuid", "mallory:0:1\n")
        # A directory on the way that nobody may write to would not stop root; an immutable file does.
        if subprocess.run(["chattr", "+i", str(self.root / "etc/subuid")], check=False).returncode != 0:
            self.skipTest("no immutable files on this file system")
        self.addCleanup(subprocess.run, ["chattr", "-i", str(self.root / "etc/subuid")], check=True)
        self.daemon()
        entry = self.one("heal_failed", f"PLIMSOLL_CONTROL={CONTROL}")
        self.assertEqual((entry["PLIMSOLL_SUBJECT"], entry["PRIORITY"]), ("mallory", "3"))

    def test_without_a_journal_that_takes_fields(self):
        os.rename("/run/systemd/journal/socket", "/run/systemd/journal/away")
        self.spawn(["systemd-cat", "--identifier=plimsolld", sys.executable, "-c", START, PLIMSOLLD,
                    "--root", str(self.root), "--bus=none"])
        found = until(lambda: [e for e in self.entries() if "looks after" in e.get("MESSAGE", "")], 60)
        self.assertEqual((found[0]["PRIORITY"], found[0]["_TRANSPORT"]), ("5", "stdout"))
        self.assertNotIn("MESSAGE_ID", found[0])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[3:]])
