#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The live verbs of agentctl end to end: on a private dbus-daemon with the real bus service over invented findings.
usage: live_test.py AGENTCTL FAKE-DAEMON SOURCE-DIR"""
import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import time
import unittest

AGENTCTL = os.path.abspath(sys.argv[1])
sys.path.insert(0, str(pathlib.Path(sys.argv[3]) / "tests/support"))
from private_bus import Bus  # noqa: E402

Bus.program = sys.argv[2]
PATIENCE = 60
# What may act on a terminal: control characters but newline, and what reorders text.
ACTS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Line:
    """A process whose lines are read as they come."""

    def __init__(self, process):
        self.process, self.data = process, b""

    def __call__(self, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        while b"\n" not in self.data:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise TimeoutError(f"no line, only {self.data!r}")
            got = os.read(self.process.stdout.fileno(), 65536)
            if not got:
                raise EOFError(self.process.stderr.read().decode())
            self.data += got
        line, self.data = self.data.split(b"\n", 1)
        return line.decode()


class LiveTest(unittest.TestCase):
    mood = ()

    def setUp(self):
        self.bus = Bus()
        self.addCleanup(self.bus.close)
        self.start()

    def start(self):
        self.bus.start(*self.mood)

    def stop_daemon(self):
        self.bus.daemon.send_signal(signal.SIGTERM)
        self.bus.daemon.communicate(timeout=PATIENCE)
        self.bus.daemon = None

    def change(self):
        """One transition, and the line crossed."""
        self.assertTrue(self.bus.call("LookAgain", "b", "false")[0])

    def env(self, **more):
        return self.bus.environment() | {"PLIMSOLL_BUS": "session", "LC_ALL": "C.UTF-8", "TERM": "xterm"} | more

    def run_it(self, *arguments, code=0, **env):
        done = subprocess.run([AGENTCTL, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=self.env(**env), timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def json(self, *arguments, code=0):
        return json.loads(self.run_it(*arguments, "--json", code=code).stdout)

    def begin(self, *arguments):
        process = subprocess.Popen([AGENTCTL, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=self.env())
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


class Looking(LiveTest):
    def test_status(self):
        text = self.run_it("status").stdout
        self.assertTrue(text.startswith("INSIDE THE LINE since 2023-11-14T22:13:20Z, "), text)
        for part in ("plimsolld 0.1.0", "rootless-strict, digest d1", "critical  subuid.root-delegated  mallory",
                     "healed     3 today", "rootless.sysctl  host: changed back 3 times by pid 7 (sysctl)",
                     "containers 1: podman 1; 1 with failing findings, worst high", "no full pass yet"):
            self.assertIn(part[:69], text)
        self.assertLessEqual(len(text.splitlines()), 24)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)
        document = self.json("status")
        self.assertEqual((document["schema"], document["line"], document["healed_today"]),
                         ("plimsoll.status/1", "inside", 3))
        self.assertEqual([f["status"] for f in document["findings"]], ["fail", "fail"])
        self.assertEqual(document["containers"][0]["name"], "web")
        self.assertEqual(document["unavailable"], {})
        self.change()
        self.assertIn("OUTSIDE THE LINE", self.run_it("status", code=1).stdout)
        self.assertEqual(self.run_it("status", "-q", code=1).stdout, "")

    def test_history(self):
        self.assertIn("fail → pass     critical\n", self.run_it("history").stdout)
        self.change()
        ids = [t["id"] for t in self.json("history")["transitions"]]
        self.assertEqual(ids, [1, 2])
        self.assertEqual([t["id"] for t in self.json("history", "--limit", "1")["transitions"]], [2])
        for none in (("--since", "1h"), ("--control", "rootless.*")):
            self.assertEqual(self.json("history", *none)["transitions"], [], none)
        self.assertEqual(self.run_it("history", "--since", "1h").stdout, "No verdict changed.\n")
        for all_of_them in (("--since", "2023-11-14"), ("--control", "subuid.*", "--control", "x")):
            self.assertEqual(len(self.json("history", *all_of_them)["transitions"]), 2, all_of_them)
        row = self.json("history")["transitions"][0]
        self.assertEqual((row["out_for_us"], row["healed_by"], row["journal_entry"]), (4200, "plimsolld", 5))

    def test_containers(self):
        lines = self.run_it("containers").stdout.splitlines()
        self.assertEqual(lines[0].split(), ["ENGINE", "OWNER", "ID", "NAME", "PID", "UP", "FAILING"])
        self.assertRegex(lines[1], r"^podman  rootless 1000  0123456789ab  web   42 .* 1 high$")
        self.assertEqual(self.json("containers")["containers"][0]["pid"], 42)

    def test_colours_are_for_terminals(self):
        self.assertNotIn("\x1b", self.run_it("status").stdout)
        self.assertIn("\x1b[32m", self.run_it("status", "--color", "always").stdout)
        for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
            parent, child = pty.openpty()
            process = subprocess.Popen([AGENTCTL, "status"], stdin=child, stdout=child, stderr=child,
                                       env=self.env(**env))
            os.close(child)
            shown = b""
            try:
                while got := os.read(parent, 65536):
                    shown += got
            except OSError:
                pass
            os.close(parent)
            self.assertEqual(process.wait(), 0)
            self.assertEqual(b"\x1b[" in shown, coloured)

    def test_which_bus(self):
        self.run_it("status", "--bus=session", PLIMSOLL_BUS="nonsense")
        self.run_it("--bus", "system", "status")
        self.run_it("status", PLIMSOLL_BUS="")
        self.assertIn("PLIMSOLL_BUS is", self.run_it("status", code=2, PLIMSOLL_BUS="x\x1b[2J").stderr)
        elsewhere = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"}
        self.assertIn("system bus", self.run_it("status", "--bus=system", code=3, **elsewhere).stderr)

    def test_wrong_usage_and_help(self):
        for wrong in (("wait",), ("history", "--limit", "0"), ("status", "--nonsense"), ("watch", "--policy", "x")):
            self.assertIn("--help", self.run_it(*wrong, code=2).stderr)
        self.assertIn("the daemon keeps /, not /srv", self.run_it("status", "--root", "/srv", code=2).stderr)
        self.assertIn("Usage: agentctl watch", self.run_it("watch", "--help").stdout)

    def test_output_that_is_lost_is_no_success(self):
        with open("/dev/full", "wb") as full:
            for verb in ("status", "history", "watch"):
                done = subprocess.run([AGENTCTL, verb], stdout=full, stderr=subprocess.PIPE, env=self.env(),
                                      timeout=PATIENCE, check=False)
                self.assertEqual(done.returncode, 3, done.stderr)


class Blind(LiveTest):
    mood = ("blind",)

    def test_what_cannot_be_told_is_said(self):
        self.assertIn("containers not known: ", self.run_it("status").stdout)
        document = self.json("status")
        self.assertIsNone(document["containers"])
        self.assertIn("/proc cannot be read", document["unavailable"]["containers"])
        self.assertIn("/proc cannot be read", self.run_it("containers", code=4).stderr)


class Hostile(LiveTest):
    mood = ("hostile",)

    def test_nothing_acts_on_the_terminal(self):
        for verb in ("status", "history", "containers"):
            for more in ((), ("--json",)):
                done = self.run_it(verb, *more)
                self.assertIsNone(ACTS.search(done.stdout), (verb, more))
                self.assertTrue(done.stdout)
        text = self.run_it("status").stdout
        self.assertLessEqual(len(text.splitlines()), 24)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)
        watch = self.begin("watch")
        line = Line(watch)
        line()
        self.change()
        self.assertIsNone(ACTS.search(line()))
        watch.send_signal(signal.SIGINT)
        self.assertEqual(watch.wait(PATIENCE), 0)


class Absent(LiveTest):
    def start(self):
        pass

    def test_says_what_to_do_next(self):
        for verb in (("status",), ("watch",), ("history",), ("containers",),
                     ("wait", "--inside-line", "--timeout", "0")):
            done = self.run_it(*verb, code=3)
            self.assertEqual(done.stdout, "")
            self.assertIn("plimsolld is not on the session bus", done.stderr)
            self.assertIn("agentctl check", done.stderr)
        self.assertIn("systemctl start plimsolld", self.run_it("status", "--bus=system", code=3).stderr)

    def test_without_a_bus_too(self):
        self.bus.stop_bus()
        for bus in ("session", "system"):
            done = self.run_it("status", "--bus", bus, code=3)
            self.assertIn(f"connect to the {bus} bus", done.stderr)
            self.assertIn("agentctl check", done.stderr)
        self.bus.start_bus()


class Watching(LiveTest):
    def test_lines_until_it_is_interrupted(self):
        watch = self.begin("watch")
        line = Line(watch)
        self.assertRegex(line(), r"^\d{4}-\S+Z  inside the line since 2023-11-14T22:13:20Z$")
        self.change()
        self.assertIn("fail → pass     critical  subuid.root-delegated  mallory: gone (out for 4.2 ms", line())
        self.assertIn("  outside the line since ", line())
        self.change()
        self.assertIn("subuid.root-delegated", line())
        self.assertIn("  inside the line since ", line())
        watch.send_signal(signal.SIGINT)
        self.assertEqual(watch.wait(PATIENCE), 0)
        self.assertEqual(watch.stderr.read(), b"")

    def test_one_document_a_line_and_only_what_was_asked_for(self):
        watch = self.begin("watch", "--json", "--control", "rootless.*")
        line = Line(watch)
        self.assertEqual(json.loads(line())["line"], "inside")
        self.change()
        event = json.loads(line())
        self.assertEqual((event["schema"], event["event"], event["line"]), ("plimsoll.event/1", "line", "outside"))
        watch.terminate()
        self.assertEqual(watch.wait(PATIENCE), 0)

    def test_a_daemon_that_vanishes_is_waited_for(self):
        self.change()
        watch = self.begin("watch", "--json")
        line = Line(watch)
        self.assertEqual(json.loads(line())["line"], "outside")
        self.bus.daemon.kill()
        self.bus.daemon.communicate()
        self.assertFalse(json.loads(line())["present"])
        with self.assertRaises(TimeoutError):
            line(timeout=2)
        self.assertIsNone(watch.poll())
        self.start()
        self.assertTrue(json.loads(line())["present"])
        # The new one has forgotten (its newest is 1), and is inside.
        self.assertEqual(json.loads(line())["line"], "inside")
        self.change()
        self.assertEqual(json.loads(line())["id"], 2)
        self.assertEqual(json.loads(line())["line"], "outside")
        watch.send_signal(signal.SIGINT)
        self.assertEqual(watch.wait(PATIENCE), 0)

    def test_a_bus_that_vanishes_ends_it(self):
        watch = self.begin("watch")
        Line(watch)()
        self.bus.daemon.kill()
        self.bus.daemon.communicate()
        self.bus.daemon = None
        self.bus.stop_bus()
        self.assertEqual(watch.wait(PATIENCE), 3)
        self.assertIn(b"the bus is lost", watch.stderr.read())
        self.bus.start_bus()

    def test_a_reader_that_leaves_ends_it(self):
        watch = self.begin("watch")
        Line(watch)()
        watch.stdout.close()
        self.assertEqual(watch.wait(PATIENCE), 0)


class Waiting(LiveTest):
    mood = ("outside",)

    def test_ends_when_the_host_comes_inside(self):
        waiting = self.begin("wait", "--inside-line", "--timeout", str(PATIENCE))
        time.sleep(2)
        self.assertIsNone(waiting.poll())
        self.change()
        self.assertEqual(waiting.wait(PATIENCE), 0)
        self.assertEqual(waiting.stdout.read(), b"inside the line\n")
        self.assertEqual(self.json("wait", "--inside-line")["line"], "inside")

    def test_the_time_is_over(self):
        begin = time.monotonic()
        done = self.run_it("wait", "--inside-line", "--timeout", "1", code=1)
        self.assertIn("outside the line after 1 s", done.stderr)
        self.assertGreaterEqual(time.monotonic() - begin, 1)
        document = self.json("wait", "--inside-line", "--timeout", "0", code=1)
        self.assertEqual((document["line"], document["timed_out"]), ("outside", True))

    def test_a_daemon_that_vanishes_is_waited_for(self):
        waiting = self.begin("wait", "--inside-line", "--timeout", str(PATIENCE))
        time.sleep(2)
        self.stop_daemon()
        self.assertIn(b"the daemon has left the bus", waiting.stderr.readline())
        self.mood = ()
        self.start()
        self.assertEqual(waiting.wait(PATIENCE), 0)

    def test_a_daemon_that_stays_away_is_not_inside(self):
        waiting = self.begin("wait", "--inside-line", "--timeout", "6")
        time.sleep(2)
        self.stop_daemon()
        self.assertEqual(waiting.wait(PATIENCE), 3)
        self.assertIn(b"no daemon answers after 6 s", waiting.stderr.read())


class Unobserved(LiveTest):
    mood = ("unobserved",)

    def test_is_neither_inside_nor_outside(self):
        self.assertIn("LINE NOT OBSERVED", self.run_it("status", code=3).stdout)
        self.assertIn("line not observed after 0 s",
                      self.run_it("wait", "--inside-line", "--timeout", "0", code=3).stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]], verbosity=2)
