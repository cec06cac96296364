# SPDX-License-Identifier: Apache-2.0
"""plimsolld as a unit of a booted Debian (machine.py), and what the tests of it ask it."""
import json
import pathlib
import sys
import time
import unittest

import machine
from machine import debian

sys.path.insert(0, str(machine.HERE.parent.parent / "support"))

import tenant_policy  # noqa: E402
from daemon_state import wait_for  # noqa: E402

UNIT = "plimsolld.service"
STATE = "/var/lib/plimsoll"
POLICY = "/etc/plimsoll/policy.d/50-test.toml"
DROP_IN = f"/etc/systemd/system/{UNIT}.d"
NAME, PATH = "org.plimsoll.Agent1", "/org/plimsoll/Agent1"
TRANSITION = ("id", "time", "control", "subject", "from", "to", "severity", "message", "cause", "announced",
              "healed_by", "out_for", "journal_entry")
ENFORCING = 'profile = "rootless-baseline"\n' + tenant_policy.WEB + """
[provision.sysctl]
"net.ipv4.ip_unprivileged_port_start" = 1024
[provision.containers_conf.engine]
runtime = "crun"
[provision.registries_conf]
unqualified-search-registries = []
"""


class Watched(unittest.TestCase):
    """One machine for all classes of a program, with plimsolld enabled; made when it is first needed."""

    archive = build = booted = None
    slow = 1
    maxDiff = 4000

    @classmethod
    def boot(cls):
        begun = time.monotonic()
        # Sanitizers take several times as long, and the leak check at the end needs a system call that the unit
        # forbids.
        Watched.slow = 10 if b"__asan_init" in pathlib.Path(cls.build, "daemon/plimsolld").read_bytes() else 1
        Watched.booted = machine.Machine(cls.archive, cls.build)
        unittest.addModuleCleanup(Watched.booted.close)
        m = Watched.booted
        m.run("systemctl", "stop", "podman.service")
        m.path(POLICY).parent.mkdir(parents=True, exist_ok=True)
        m.write(POLICY, ENFORCING)
        cls.unit_options("10-test", "[Service]", "Environment=ASAN_OPTIONS=detect_leaks=0")
        print(f"  booted after {time.monotonic() - begun:.1f} s")

    @classmethod
    def setUpClass(cls):
        if Watched.booted is None:
            cls.boot()
        cls.machine = Watched.booted

    @classmethod
    def unit_options(cls, name, *lines):
        file = Watched.booted.path(f"{DROP_IN}/{name}.conf")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join([*lines, ""]))
        Watched.booted.run("systemctl", "daemon-reload")

    @classmethod
    def no_unit_options(cls, name):
        Watched.booted.path(f"{DROP_IN}/{name}.conf").unlink()
        Watched.booted.run("systemctl", "daemon-reload")

    # ---- asking ----

    def ask(self, member, signature="", *arguments, user=None):
        said = self.machine.run("busctl", "--json=short", "call", NAME, PATH, NAME, member, signature, *arguments,
                                user=user)
        return json.loads(said.stdout)["data"] if said.stdout.strip() else []

    def get(self, name):
        said = self.machine.run("busctl", "--json=short", "get-property", NAME, PATH, NAME, name)
        return json.loads(said.stdout)["data"]

    def history(self, control="", after=0):
        return [dict(zip(TRANSITION, row)) for row in self.ask("History", "ttsu", str(after), "0", control, "10000")[0]]

    def findings(self, controls="", statuses=""):
        """Statuses by control and subject, as the daemon knows them."""
        rows = self.ask("Findings", "sss", controls, statuses, "")[0]
        return {(r[0], r[1]): r[2] for r in rows}

    def failing(self, control, subject=None):
        return [s for c, s in self.findings(control, "fail") if subject in (None, s)]

    def newest(self):
        rows = self.ask("History", "ttsu", "0", "0", "", "1")[0]
        return rows[0][0] if rows else 0

    def shown(self, *names):
        return self.machine.properties(UNIT, *names)

    # ---- waiting ----

    def within(self, seconds, test, what, pause=0.002):
        took = wait_for(test, seconds * self.slow, pause)
        self.assertIsNotNone(took, f"{what}: not after {seconds * self.slow} s\n{self.said()}")
        return took

    def settle(self):
        """Until plimsolld has done what the policy asks for: nothing that it can heal fails."""
        def quiet():
            before = self.newest()
            time.sleep(0.6)
            return before == self.newest()
        self.within(20, quiet, "quiet")

    def said(self):
        return self.machine.run("journalctl", "--no-pager", f"--unit={UNIT}", "--lines=60").stdout

    def drift(self, control, subject, change, test, *, announced=True, seconds=4):
        """Brings `change()` about; test() has to be true again soon, and `history` has to tell of it."""
        after = self.newest()
        change()
        took = self.within(seconds, test, f"{control} of {subject} healed")
        def told():
            return [t for t in self.history(control, after) if t["subject"] == subject and t["healed_by"]]
        self.within(4, told, f"{control} of {subject} in the history", pause=0.1)
        rows = [t for t in self.history(control, after) if t["subject"] == subject]
        drift, heal = next(t for t in rows if t["to"] == "fail"), told()[0]
        self.assertEqual(drift["announced"], announced, rows)
        self.assertGreater(heal["out_for"], 0)
        self.assertGreater(heal["journal_entry"], 0)
        print(f"  {control} ({subject}): whole {took * 1e3:.0f} ms after the drift, "
              f"out for {heal['out_for'] / 1e3:.0f} ms; \"{drift['cause']}\"")
        return rows


def main(program, argv):
    cache, Watched.build = argv[1:3]
    if reason := machine.missing():
        print(f"skip: {reason}")
        sys.exit(machine.SKIP)
    Watched.archive = debian.make_archive("bookworm", cache, "engines")
    unittest.main(argv=[program, *argv[3:]], verbosity=2)
