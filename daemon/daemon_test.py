#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real plimsolld on scratch trees: it heals, it answers on a private bus, it survives SIGKILL.
usage: daemon_test.py PLIMSOLLD AGENTCTL SOURCE_TREE"""
import json
import os
import pathlib
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "support"))

from daemon_state import assert_consistent, percentiles, wait_for  # noqa: E402

PLIMSOLLD, AGENTCTL = sys.argv[1:3]
sys.path.insert(0, str(pathlib.Path(sys.argv[3]) / "tests/support"))
import openmetrics  # noqa: E402

CONTROL = "subuid.root-delegated"
ENFORCE = f'[control."{CONTROL}"]\nmode = "enforce"\n'
NAME, PATH = "org.plimsoll.Agent1", "/org/plimsoll/Agent1"
# A sanitizer build takes several times as long.
SANITIZED = b"__asan_init" in pathlib.Path(PLIMSOLLD).read_bytes()
SLOW = 10 if SANITIZED else 1
BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>"""


class Tree:
    def __init__(self, policy):
        self.dir = tempfile.TemporaryDirectory(prefix="plimsoll-daemon-")
        self.root = pathlib.Path(self.dir.name) / "root"
        for folder in ("etc/plimsoll/policy.d", "var/lib", "run"):
            (self.root / folder).mkdir(parents=True)
        self.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        self.write("etc/group", "root:x:0:\n")
        self.write("etc/subuid", "")
        self.write("etc/subgid", "")
        self.write("etc/plimsoll/policy.d/10-site.toml", policy)
        self.state = self.root / "var/lib/plimsoll"
        self.daemons = []

    def close(self):
        for daemon in self.daemons:
            daemon.close()
        self.dir.cleanup()

    def write(self, name, text):
        (self.root / name).write_text(text, encoding="utf-8")

    def subuid(self):
        return (self.root / "etc/subuid").read_text(encoding="utf-8")

    def drift(self, line):
        with open(self.root / "etc/subuid", "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def agentctl(self, *arguments):
        return subprocess.run([AGENTCTL, *arguments, "--root", str(self.root)], capture_output=True, text=True,
                              check=False)


class Daemon:
    """plimsolld, ready; what it tells its service manager is in `notes`."""

    def __init__(self, tree, *arguments, bus="none", env=None, wait=True, pass_fds=()):
        self.tree = tree
        self.notes = []
        self.heard = 0
        self.last_words = ""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = tempfile.mktemp(prefix="notify-", dir=tree.dir.name)
        self.socket.bind(path)
        environment = dict(os.environ, NOTIFY_SOCKET=path, **(env or {}))
        environment.pop("JOURNAL_STREAM", None)
        self.errors = tempfile.TemporaryFile(dir=tree.dir.name)
        self.process = subprocess.Popen([PLIMSOLLD, "--root", str(tree.root), "--bus", bus, *arguments],
                                        env=environment, stderr=self.errors, pass_fds=pass_fds)
        # Somebody has to read what it tells, or it waits for that.
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        tree.daemons.append(self)
        if wait and not self.hear("READY=1", 60):
            raise AssertionError("not ready: " + self.said())

    def read(self):
        while note := self.socket.recv(65536):
            self.notes.append(note.decode())

    def hear(self, what, seconds=10.0):
        """Waits for a note with `what` in it that was not heard before."""
        def heard():
            while self.heard < len(self.notes):
                self.heard += 1
                if what in self.notes[self.heard - 1]:
                    return True
            return self.process.poll() is not None
        wait_for(heard, seconds)
        note = self.notes[self.heard - 1] if self.heard else ""
        return note if what in note else None

    def said(self):
        # The place in the file is shared with the daemon.
        return os.pread(self.errors.fileno(), 1 << 24, 0).decode(errors="replace")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        self.close()
        return code

    def close(self):
        if self.errors.closed:
            return
        self.process.kill()
        self.process.wait()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self.socket.getsockname())
        self.reader.join()
        self.socket.close()
        self.last_words = self.said()
        self.errors.close()


class Bus:
    def __init__(self, tree):
        self.socket = tree.dir.name + "/bus"
        config = tree.dir.name + "/bus.conf"
        pathlib.Path(config).write_text(BUS_CONFIG.format(socket=self.socket), encoding="utf-8")
        self.process = subprocess.Popen(["dbus-daemon", "--config-file=" + config, "--nofork", "--nosyslog",
                                         "--print-address"], stdout=subprocess.PIPE)
        self.process.stdout.readline()
        self.env = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=" + self.socket}

    def busctl(self, verb, *arguments):
        result = subprocess.run(["busctl", "--address=unix:path=" + self.socket, "--json=short", verb, NAME, PATH, NAME,
                                 *arguments], capture_output=True, text=True, check=True)
        return json.loads(result.stdout)["data"] if result.stdout.strip() else None

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Case(unittest.TestCase):
    def tree(self, policy=ENFORCE):
        tree = Tree(policy)
        self.addCleanup(tree.close)
        return tree


class Healing(Case):
    def test_two_hundred_drifts_are_gone_within_a_second_each(self):
        tree = self.tree()
        daemon = Daemon(tree)
        times = []
        for i in range(200):
            tree.drift(f"mallory{i}:0:1")
            took = wait_for(lambda: tree.subuid() == "", 1.0 * SLOW)
            self.assertIsNotNone(took, f"drift {i} stayed: {tree.subuid()}")
            times.append(took)
        self.assertEqual(daemon.stop(), 0, daemon.last_words)
        print(f"drift to healed, {len(times)} drifts: {percentiles(times)}", file=sys.stderr)
        journal = json.loads(tree.agentctl("journal", "--json").stdout)
        self.assertEqual(len(journal["entries"]), 200)
        with sqlite3.connect(tree.state / "plimsoll.db") as db:
            rows = db.execute("SELECT count(*), count(DISTINCT subject), min(out_for) FROM transition "
                              "WHERE healed_by = 'plimsolld' AND control = ?", (CONTROL,)).fetchone()
        self.assertEqual(rows[:2], (200, 200))
        self.assertGreater(rows[2], 0)

    def test_what_is_audited_stays(self):
        tree = self.tree(policy="")
        daemon = Daemon(tree)
        tree.drift("mallory:0:1")
        self.assertIsNotNone(daemon.hear("outside the line"))
        time.sleep(0.3)
        self.assertEqual(tree.subuid(), "mallory:0:1\n")
        self.assertEqual(daemon.stop(), 0)

    def test_agentctl_works_beside_it(self):
        tree = self.tree(policy="")
        tree.drift("mallory:0:1")
        daemon = Daemon(tree)
        result = tree.agentctl("apply", "--yes", "--control", CONTROL)
        self.assertEqual((result.returncode, tree.subuid()), (0, ""), result.stdout + result.stderr)
        self.assertEqual(tree.agentctl("undo", "--all").returncode, 0)
        self.assertEqual(tree.subuid(), "mallory:0:1\n")
        self.assertEqual(daemon.stop(), 0)


class Contested(Case):
    def test_who_changes_it_back_is_named(self):
        tree = self.tree()
        daemon = Daemon(tree)
        meddler = subprocess.Popen([sys.executable, "-c", """if True:
            import sys, time
            for _ in range(4):
                open(sys.argv[1], "a").write("mallory:0:1\\n")
                until = time.monotonic() + 20
                while open(sys.argv[1]).read() and time.monotonic() < until:
                    time.sleep(0.01)
                time.sleep(2)  # until the heal is known as one
            time.sleep(60)""", str(tree.root / "etc/subuid")])
        try:
            self.assertIsNotNone(wait_for(lambda: "contested: " in daemon.said(), 60))
        finally:
            meddler.kill()
            meddler.wait()
        if os.geteuid() != 0:
            self.skipTest("who it was is only told to root")
        self.assertIn(f"(pid {meddler.pid}, uid 0), started by ", daemon.said())
        self.assertEqual(tree.subuid(), "mallory:0:1\n", "left alone from then on")


class OnABus(Case):
    def test_answers_and_tells(self):
        tree = self.tree()
        bus = Bus(tree)
        try:
            daemon = Daemon(tree, bus="session", env=bus.env)
            for i in range(10):
                tree.drift(f"eve{i}:0:1")
                self.assertIsNotNone(wait_for(lambda: tree.subuid() == "", 1.0 * SLOW))
            self.assertIsNotNone(wait_for(lambda: bus.busctl("get-property", "HealedToday") == 10, 5))
            rows = bus.busctl("call", "History", "ttsu", "0", "0", CONTROL, "100")[0]
            self.assertEqual(len(rows), 20)
            # The next drift may be found before the heal of the one before is told.
            drift, heal = [row for row in rows if row[3] == "eve0"]
            self.assertEqual((drift[3], drift[4], drift[5], drift[8], drift[9]),
                             ("eve0", "", "fail", "event /etc/subuid", True))
            self.assertEqual((heal[3], heal[4], heal[5], heal[10]), ("eve0", "fail", "", "plimsolld"))
            self.assertGreater(heal[11], 0)
            self.assertEqual(bus.busctl("get-property", "Root"), str(tree.root))
            tree.drift("mallory:0:1")
            self.assertIsNotNone(wait_for(lambda: tree.subuid() == "", 1.0 * SLOW))
            entry = bus.busctl("call", "History", "ttsu", "0", "0", CONTROL, "1")[0][0][12]
            job = bus.busctl("call", "Undo", "tb", str(entry), "false")[0]
            self.assertIsNotNone(wait_for(lambda: bus.busctl("call", "GetJob", "t", str(job))[1] == "done", 10))
            # The policy says what it said, so it is healed again.
            self.assertIsNotNone(wait_for(lambda: tree.subuid() == "", 1.0 * SLOW))
            tree.write("etc/plimsoll/policy.d/10-site.toml", "nonsense")
            self.assertIsNotNone(wait_for(lambda: len(bus.busctl("get-property", "PolicyProblems")) == 1, 5))
            bus.close()
            tree.drift("without:0:1")
            self.assertIsNotNone(wait_for(lambda: tree.subuid() == "", 1.0 * SLOW))
            self.assertIsNotNone(wait_for(lambda: "bus is lost" in daemon.said(), 5))
            self.assertEqual(daemon.stop(), 0, daemon.last_words)
        finally:
            bus.close()


class Metrics(Case):
    """What curl(1) and node_exporter would read of it."""

    def scrape(self, tree, path="run/plimsoll/metrics.sock"):
        text = subprocess.run(["curl", "--silent", "--show-error", "--fail", "--unix-socket", str(tree.root / path),
                               "http://localhost/metrics"], capture_output=True, check=True).stdout
        return openmetrics.parse(text)

    def test_tell_of_drift_and_heals(self):
        tree = self.tree()
        daemon = Daemon(tree, "--metrics-textfile=/var/metrics/plimsoll.prom")
        file = tree.root / "var/metrics/plimsoll.prom"
        before = self.scrape(tree)
        for name in ("drifts", "heals", "failed_heals", "event_overflows", "store_losses"):
            self.assertEqual(openmetrics.value(before, "plimsoll_" + name), 0)
        self.assertIsNotNone(wait_for(file.exists, 10))
        self.assertEqual(openmetrics.value(openmetrics.parse(file.read_bytes(), openmetrics=False),
                                           "plimsoll_heals_total"), 0)
        for i in range(5):
            tree.drift(f"eve{i}:0:1")
            self.assertIsNotNone(wait_for(lambda: tree.subuid() == "", 1.0 * SLOW))
        self.assertIsNotNone(wait_for(lambda: openmetrics.value(self.scrape(tree), "plimsoll_heals") == 5, 10))
        after = self.scrape(tree)
        # What delegates root also overlaps with others, which is not enforced and fails as well.
        self.assertGreaterEqual(openmetrics.value(after, "plimsoll_drifts"), 5)
        self.assertEqual(openmetrics.value(after, "plimsoll_healed_after_seconds"), 5)
        slowest = {labels["le"]: value for suffix, labels, value in after["plimsoll_healed_after_seconds"].samples
                   if suffix == "_bucket"}["10.0"]
        self.assertEqual(slowest, 5)
        policy = after["plimsoll_policy"].samples[0][1]
        self.assertEqual(policy["profile"], "audit-only")
        self.assertRegex(policy["digest"], "[0-9a-f]{64}")
        [(_, build, _)] = after["plimsoll_build"].samples
        self.assertIn(build["version"], subprocess.run([PLIMSOLLD, "--version"], capture_output=True, text=True,
                                                       check=True).stdout)
        self.assertLess(abs(time.time() - openmetrics.value(after, "plimsoll_last_full_pass_timestamp_seconds")), 120)
        # The file follows, a while later.
        self.assertIsNotNone(wait_for(lambda: openmetrics.value(openmetrics.parse(
            file.read_bytes(), openmetrics=False), "plimsoll_heals_total") == 5, 40))
        self.assertEqual(daemon.stop(), 0, daemon.last_words)
        self.assertFalse(file.exists())
        self.assertFalse((tree.root / "run/plimsoll/metrics.sock").exists())

    def test_count_findings_as_agentctl_does(self):
        tree = self.tree(policy="")
        tree.drift("mallory:0:1")
        daemon = Daemon(tree)
        families = self.scrape(tree)
        findings = json.loads(tree.agentctl("check", "--json").stdout)["findings"]
        # Only a daemon can say whether keys are contested.
        for status in ("pass", "fail", "not-applicable", "unknown", "excepted"):
            for severity in ("info", "low", "medium", "high", "critical"):
                theirs = sum((f["status"], f["severity"]) == (status, severity) for f in findings
                             if f["control"] != "policy.contested")
                ours = openmetrics.value(families, "plimsoll_findings", status=status, severity=severity)
                self.assertIn(ours - theirs, (0, 1) if status == "pass" else (0,), (status, severity))
        self.assertEqual(openmetrics.value(families, "plimsoll_line", state="outside"), 1)
        self.assertGreaterEqual(openmetrics.value(families, "plimsoll_findings", status="fail", severity="critical"), 1)
        self.assertNotIn("plimsoll_containers", families)  # of a tree, nothing is known of containers
        self.assertEqual(daemon.stop(), 0, daemon.last_words)

    def test_name_what_is_contested(self):
        tree = self.tree()
        daemon = Daemon(tree)
        for i in range(4):
            tree.drift("mallory:0:1")
            if i < 3:
                # Only what fails after its heal was judged is a revert.
                self.assertIsNotNone(wait_for(
                    lambda n=i: openmetrics.value(self.scrape(tree), "plimsoll_heals") == n + 1, 10))
        self.assertIsNotNone(wait_for(
            lambda: openmetrics.value(self.scrape(tree), "plimsoll_contested_keys") == 1, 10))
        since = openmetrics.value(self.scrape(tree), "plimsoll_contested_since_timestamp_seconds", control=CONTROL,
                                  subject="mallory")
        self.assertLess(abs(time.time() - since), 60)
        self.assertEqual(daemon.stop(), 0, daemon.last_words)

    def test_where_they_are_is_a_choice(self):
        tree = self.tree()
        daemon = Daemon(tree, "--metrics-socket=/run/elsewhere.sock")
        self.scrape(tree, "run/elsewhere.sock")
        self.assertEqual(daemon.stop(), 0, daemon.last_words)
        daemon = Daemon(tree, "--metrics-socket=none")
        self.assertFalse((tree.root / "run/plimsoll/metrics.sock").exists())
        self.assertEqual(daemon.stop(), 0, daemon.last_words)
        # What is in the way is said, and the host looked after all the same.
        tree.write("run/taken", "")
        daemon = Daemon(tree, "--metrics-socket=/run/taken")
        self.assertIn("no metrics: /run/taken", daemon.said())
        tree.drift("mallory:0:1")
        self.assertIsNotNone(wait_for(lambda: tree.subuid() == "", 1.0 * SLOW))
        self.assertEqual(daemon.stop(), 0, daemon.last_words)
        for argument in ("--metrics-socket=relative", "--metrics-textfile=relative.prom", "--metrics-textfile=/var/x",
                         "--metrics-socket="):
            result = subprocess.run([PLIMSOLLD, "--root", str(tree.root), "--bus=none", argument], capture_output=True,
                                    text=True, check=False, timeout=60)
            self.assertEqual(result.returncode, 2, argument)
            self.assertIn(argument.split("=", maxsplit=1)[0], result.stderr)


class AsAService(Case):
    def test_tells_its_service_manager(self):
        tree = self.tree()
        daemon = Daemon(tree, env={"WATCHDOG_USEC": "400000"})
        self.assertIn("STATUS=", daemon.notes[daemon.heard - 1], "told together with READY=1")
        self.assertIsNotNone(daemon.hear("WATCHDOG=1"))
        tree.write("etc/plimsoll/policy.d/20.toml", 'profile = "rootless-strict"\n')
        daemon.process.send_signal(signal.SIGHUP)
        self.assertIn("MONOTONIC_USEC=", daemon.hear("RELOADING=1"))
        self.assertIsNotNone(daemon.hear("READY=1"))
        daemon.process.send_signal(signal.SIGTERM)
        self.assertIsNotNone(daemon.hear("STOPPING=1"))
        self.assertEqual(daemon.process.wait(timeout=20), 0)
        daemon.close()
        self.assertIn("rootless-strict", daemon.last_words)

    def test_keeps_nothing_open_and_is_private(self):
        tree = self.tree()
        reader, writer = os.pipe()
        os.set_inheritable(writer, True)
        daemon = Daemon(tree, pass_fds=(writer,))
        os.close(writer)
        self.assertEqual(os.read(reader, 1), b"")
        os.close(reader)
        tree.drift("mallory:0:1")
        self.assertIsNotNone(wait_for(lambda: tree.subuid() == "", 1.0 * SLOW))
        self.assertEqual(daemon.stop(), 0)
        for path in [tree.state, *tree.state.rglob("*")]:
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        self.assertEqual((tree.root / "etc/subuid").stat().st_mode & 0o777, 0o644)

    def test_sleeps_while_nothing_happens(self):
        daemon = Daemon(self.tree())
        time.sleep(1)

        def usage():
            status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text(encoding="utf-8")
            switches = [int(line.split()[1]) for line in status.splitlines() if "ctxt_switches" in line]
            stat = pathlib.Path(f"/proc/{daemon.process.pid}/stat").read_text(encoding="utf-8")
            times = stat.rsplit(")", 1)[1].split()
            return sum(switches), int(times[11]) + int(times[12])

        before = usage()
        time.sleep(5)
        after = usage()
        self.assertLessEqual(after[0] - before[0], 1)
        self.assertEqual(after[1], before[1])
        self.assertEqual(os.listdir(f"/proc/{daemon.process.pid}/task"), [str(daemon.process.pid)], "one thread")
        self.assertEqual(daemon.stop(), 0)

    def test_refuses(self):
        tree = self.tree()
        daemon = Daemon(tree)
        other = Daemon(tree, wait=False)
        self.assertEqual(other.process.wait(timeout=60), 1)
        self.assertIn("another plimsolld", other.said())
        other.close()
        self.assertEqual(daemon.stop(), 0)
        bad = tree.root / "bad.toml"
        bad.write_text("nonsense = 1\n", encoding="utf-8")
        for arguments, code, text in ((["--policy", str(bad)], 2, "bad.toml:1"), (["--bus", "x"], 2, "--help"),
                                      (["--full-pass", "0"], 2, "--help"), (["--root", "/no/such"], 1, "/no/such"),
                                      (["--state", "relative"], 2, "--state"), (["stray"], 2, "--help")):
            result = subprocess.run([PLIMSOLLD, "--root", str(tree.root), "--bus=none", *arguments]
                                    if "--root" not in arguments else [PLIMSOLLD, "--bus=none", *arguments],
                                    capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual(result.returncode, code, (arguments, result.stderr))
            self.assertIn(text, result.stderr)
        for argument, text in (("--help", "usage: plimsolld"), ("--version", "plimsolld 0.")):
            result = subprocess.run([PLIMSOLLD, argument], capture_output=True, text=True, check=True)
            self.assertIn(text, result.stdout)

    @unittest.skipIf(os.geteuid() != 0, "only root can become somebody else")
    def test_needs_root_for_the_running_host(self):
        result = subprocess.run([PLIMSOLLD, "--bus=none"], capture_output=True, text=True, check=False, user=65534,
                                timeout=60)
        self.assertEqual(result.returncode, 4, result.stderr)


class Killed(Case):
    """SIGKILL at any moment while drift goes on."""

    def test_ends_inside_the_line(self):
        tree = self.tree()
        stop = threading.Event()
        written = 0

        def writer():
            nonlocal written
            while not stop.is_set():
                tree.drift(f"user{written}:0:1")
                written += 1
                time.sleep(random.uniform(0.01, 0.04) * SLOW)

        thread = threading.Thread(target=writer)
        thread.start()
        seed = random.randrange(1 << 30)
        moments = random.Random(seed)
        try:
            for _ in range(50):
                daemon = Daemon(tree, wait=False)
                if moments.random() < 0.7:
                    daemon.hear("READY=1", 60)
                time.sleep(moments.uniform(0, 0.15 * SLOW))
                self.assertIsNone(daemon.process.poll(), daemon.said())
                daemon.close()
        finally:
            stop.set()
            thread.join()
        daemon = Daemon(tree)
        healed = wait_for(lambda: ":0:1" not in tree.subuid(), 30 * SLOW)
        self.assertIsNotNone(healed, f"seed {seed}: {tree.subuid()[:300]}")
        self.assertEqual(daemon.stop(), 0, daemon.last_words)
        self.assertEqual(tree.agentctl("check", "--control", CONTROL).returncode, 0)
        self.consistent(tree, seed, written)

    def consistent(self, tree, seed, written):
        result = tree.agentctl("journal", "--json")
        self.assertEqual(result.returncode, 0, f"seed {seed}: {result.stderr}")
        entries, transitions = assert_consistent(self, result.stdout, tree.state, f"seed {seed}")
        with sqlite3.connect(tree.state / "plimsoll.db") as db:
            failing = db.execute("SELECT count(*) FROM finding WHERE status = 1 AND control = ?", (CONTROL,)).fetchone()
            self.assertEqual(failing, (0,))
        print(f"killed 50 times: {written} drifts, {len(entries)} journal entries, {transitions} transitions",
              file=sys.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[4:]])
