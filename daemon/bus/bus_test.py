#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""org.plimsoll.Agent1 on a real dbus-daemon: busctl(1) as the caller that behaves, bytes of our own as those that
do not. usage: bus_test.py FAKE-DAEMON SOURCE-DIR"""
import os
import pathlib
import resource
import select
import socket
import struct
import subprocess
import sys
import time
import unittest

DAEMON, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
sys.path.insert(0, str(SOURCE / "tests/support"))
from private_bus import NAME, PATH, Bus  # noqa: E402

Bus.program = DAEMON
MAX_STALL = 0.1
# A sanitizer build takes several times as long.
SLOW = 5 if b"__asan_init" in pathlib.Path(DAEMON).read_bytes() else 1
NOBODY = 65534


def align(data, to):
    return data + b"\0" * (-len(data) % to)


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<I", len(value)) + value + b"\0"


class Raw:
    """A connection that sends whatever bytes it likes."""

    def __init__(self, bus):
        self.serial = 0
        self.data = b""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(bus.socket)
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        self.line()
        self.socket.sendall(b"BEGIN\r\n")
        self.call("Hello", destination="org.freedesktop.DBus", path="/org/freedesktop/DBus",
                  interface="org.freedesktop.DBus")

    def line(self):
        while b"\r\n" not in self.data:
            self.data += self.socket.recv(4096)
        line, self.data = self.data.split(b"\r\n", 1)
        return line

    def send(self, member, signature="", body=b"", destination=NAME, path=PATH, interface=NAME):
        self.serial += 1
        fields = b""
        for code, kind, value in ((1, b"o", path), (2, b"s", interface), (3, b"s", member), (6, b"s", destination)):
            fields = align(fields, 8) + bytes([code, 1]) + kind + b"\0" + text(value)
        if signature:
            fields = align(fields, 8) + bytes([8, 1]) + b"g\0" + bytes([len(signature)]) + signature.encode() + b"\0"
        header = struct.pack("<cBBBII", b"l", 1, 0, 1, len(body), self.serial) + struct.pack("<I", len(fields))
        self.socket.sendall(align(header + fields, 8))
        self.socket.sendall(body)
        return self.serial

    def receive(self, count):
        while len(self.data) < count:
            got = self.socket.recv(1 << 20)
            if not got:
                raise ConnectionError("closed")
            self.data += got

    def message(self):
        """(kind, fields and body) of the next message: 2 is a reply, 3 an error, 4 a signal."""
        self.receive(16)
        _, kind, _, _, body, _, fields = struct.unpack("<cBBBIII", self.data[:16])
        size = 16 + fields + (-fields % 8) + body
        self.receive(size)
        out, self.data = self.data[16:size], self.data[size:]
        return kind, out

    def reply(self):
        while True:
            kind, data = self.message()
            if kind in (2, 3):
                return kind, data

    def call(self, *arguments, **named):
        self.send(*arguments, **named)
        return self.reply()

    def close(self):
        self.socket.close()


def filters(controls="", statuses="", at_least=""):
    out = b""
    for value in (controls, statuses, at_least):
        out = align(out, 4) + text(value)
    return out


class Behaved(unittest.TestCase):
    def setUp(self):
        self.bus = Bus().start()

    def tearDown(self):
        self.assertEqual(self.bus.close(), 0)

    def test_findings_have_typed_columns(self):
        ok, (rows,) = self.bus.call("Findings", "sss", "", "", "")
        self.assertTrue(ok)
        self.assertEqual(rows[0], ["subuid.root-delegated", "mallory", "fail", "critical", "audit", "because",
                                   1700000000, 7, True, [["/etc/subuid:3", "mallory:0:1", "no range with 0", False]],
                                   "live", "remove the line", True, ""])
        self.assertEqual(rows[1][1], "alice\\xff")
        self.assertEqual(rows[1][9][0][1], "token=s3cret")
        self.assertEqual(len(rows), 3)

    def test_filters(self):
        for arguments, expected in ((("subuid.*", "", ""), 2), (("", "pass", ""), 1), (("", "pass fail", ""), 3),
                                    (("", "", "high"), 1), (("no.such", "", ""), 0)):
            ok, (rows,) = self.bus.call("Findings", "sss", *arguments)
            self.assertTrue(ok)
            self.assertEqual(len(rows), expected, arguments)
        ok, why = self.bus.call("Findings", "sss", "", "fial", "")
        self.assertFalse(ok)
        self.assertIn('no status "fial"', why)

    def test_changes(self):
        ok, (cursor, complete, changed, gone) = self.bus.call("Changes", "t", "0")
        self.assertTrue(ok)
        self.assertEqual((cursor, complete, len(changed), gone), (9, False, 3, []))
        ok, (cursor, complete, changed, gone) = self.bus.call("Changes", "t", "9")
        self.assertEqual((complete, changed, gone), (True, [], [["subuid.overlap", "bob"]]))

    def test_history_and_containers(self):
        ok, (rows,) = self.bus.call("History", "ttsu", "0", "0", "", "10")
        self.assertTrue(ok)
        self.assertEqual(rows, [[1, 1700000000, "subuid.root-delegated", "mallory", "fail", "pass", "critical", "gone",
                                 "after a fix", True, "plimsolld", 4200, 5]])
        self.assertIn("limit", self.bus.call("History", "ttsu", "0", "0", "", "0")[1])
        self.assertIn("the store is broken", self.bus.call("History", "ttsu", "101", "0", "", "9")[1])
        ok, (rows,) = self.bus.call("Containers")
        self.assertEqual(rows, [["0123456789ab", "web", "podman", True, 1000, 42, 1700000100, "/user.slice/x", 1,
                                 "high"]])

    def test_properties(self):
        for name, value in (("Version", "0.1.0"), ("Line", "inside"), ("LineSince", 1700000000),
                            ("LastFullPass", 0), ("HealedToday", 3), ("PolicyProblems", []),
                            ("Counts", {"pass": 1, "fail": 2, "not-applicable": 0, "unknown": 0, "excepted": 0}),
                            ("Contested", [["rootless.sysctl", "host", 1700000050, 3, "pid 7 (sysctl)"]])):
            self.assertEqual(self.bus.get(name), value, name)

    def test_jobs(self):
        self.assertEqual(self.bus.call("Plan", "sbsb", "", "false", "", "false")[1][0][0][5], "-mallory:0:1")
        self.assertEqual(self.bus.call("Apply", "sbsb", "", "false", "", "false"), (True, [1]))
        self.assertEqual(self.bus.call("Undo", "tb", "5", "false"), (True, [2]))
        ok, job = self.bus.call("GetJob", "t", "1")
        self.assertEqual((ok, job), (True, ["apply", "done", 1, 1, "at work", 6, ["remove /etc/x"]]))
        self.assertIn("no such job", self.bus.call("GetJob", "t", "99")[1])
        self.assertIn("a job is waiting", self.bus.call("Apply", "sbsb", "busy", "false", "", "false")[1])
        self.assertIn("x.toml:1:1", self.bus.call("Reload", "b", "false")[1])

    def test_signals(self):
        raw = Raw(self.bus)
        rule = text("type='signal',path='/org/plimsoll/Agent1'")
        raw.call("AddMatch", "s", rule, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
        self.assertTrue(self.bus.call("LookAgain", "b", "false")[0])
        self.assertTrue(self.bus.call("Apply", "sbsb", "", "false", "", "false")[0])
        seen = b""
        while seen.count(b"JobChanged\0") < 2:
            seen += raw.message()[1]
        self.assertIn(b"TransitionAdded\0", seen)
        self.assertEqual(seen.count(b"PropertiesChanged\0"), 1)
        self.assertIn(b"outside\0", seen)
        raw.close()

    def test_the_interface_is_the_one_definition(self):
        xml = subprocess.run(["busctl", "--address=unix:path=" + self.bus.socket, "introspect", "--xml-interface", NAME,
                              PATH], capture_output=True, text=True, check=True).stdout
        import xml.etree.ElementTree as tree
        def shape(root):
            wanted = [i for i in root.iter("interface") if i.get("name") == NAME][0]
            return sorted((e.tag, e.get("name"), e.get("type"), tuple((a.get("type"), a.get("name"))
                           for a in e.findall("arg"))) for e in wanted if e.tag in ("method", "signal", "property"))
        defined = tree.parse(SOURCE / "units/dbus/org.plimsoll.Agent1.xml").getroot()
        self.assertEqual(shape(tree.fromstring(xml)), shape(defined))

    def test_a_second_daemon_is_told(self):
        other = self.bus.start_daemon()
        _, err = other.communicate(timeout=20)
        self.assertEqual(other.returncode, 1)
        self.assertIn("take the name", err)


class Losing(unittest.TestCase):
    def wait_until_back(self, bus):
        deadline = time.monotonic() + 40
        while (line := bus.daemon.stdout.readline()) != "back\n":
            self.assertNotEqual(line, "", "the daemon has ended")
            self.assertLess(time.monotonic(), deadline)

    def test_comes_back_after_the_bus_did(self):
        bus = Bus()
        bus.start()
        bus.stop_bus()
        self.assertIn("the bus is lost", bus.daemon.stdout.readline())
        bus.start_bus()
        self.wait_until_back(bus)
        self.assertTrue(bus.call("Findings", "sss", "", "", "")[0])
        self.assertEqual(bus.close(), 0)

    def test_waits_for_a_bus_that_is_not_there(self):
        bus = Bus()
        bus.stop_bus()
        bus.daemon = bus.start_daemon()
        self.assertIn("connect to the bus", bus.daemon.stdout.readline())
        bus.start_bus()
        self.wait_until_back(bus)
        self.assertEqual(bus.get("Line"), "inside")
        self.assertEqual(bus.close(), 0)


@unittest.skipUnless(os.getuid() == 0, "needs root, to call as somebody else")
class Strangers(unittest.TestCase):
    CHANGING = (("Apply", "sbsb", "", "false", "", "true"), ("Undo", "tb", "5", "true"), ("Reload", "b", "true"),
                ("LookAgain", "b", "true"), ("Plan", "sbsb", "", "false", "", "true"))

    def test_may_read_but_not_change(self):
        for kind in ("session", "system"):
            bus = Bus(kind).start()
            for call in self.CHANGING:
                ok, why = bus.call(*call, uid=NOBODY)
                self.assertFalse(ok, call)
                self.assertIn("Access denied", why)
            ok, (rows,) = bus.call("Findings", "sss", "", "", "", uid=NOBODY)
            self.assertEqual((ok, len(rows)), (True, 3))
            self.assertEqual(rows[0][9][0][1], "mallory:0:1")
            self.assertEqual(rows[1][9], [["/home/alice/.config/x", "", "", True]])
            ok, (_, _, rows, _) = bus.call("Changes", "t", "0", uid=NOBODY)
            self.assertEqual(rows[1][9], [["/home/alice/.config/x", "", "", True]])
            self.assertEqual(bus.close(), 0)


class Hostile(unittest.TestCase):
    def setUp(self):
        self.bus = Bus().start()
        self.ping = Raw(self.bus)

    def tearDown(self):
        self.alive()
        self.ping.close()
        self.assertEqual(self.bus.close(), 0)

    def alive(self):
        """How long another caller waits for an answer."""
        begin = time.monotonic()
        kind, _ = self.ping.call("Findings", "sss", filters())
        self.assertEqual(kind, 2)
        return time.monotonic() - begin

    def test_wrong_types_and_names(self):
        raw = Raw(self.bus)
        calls = [("Findings", "", b""), ("Findings", "ssst", filters() + b"\0" * 16), ("Findings", "ttt", b"\0" * 24),
                 ("Changes", "s", text("0")), ("Apply", "sbsb", b"\0" * 20), ("NoSuch", "", b""),
                 ("Undo", "tb", struct.pack("<QI", 1, 7)), ("Findings", "as", struct.pack("<I", 0)),
                 ("Findings", "v", b"\x01v\0" + b"\x01v\0" * 70)]
        for call in calls:
            with self.subTest(call[0] + " " + call[1]):
                try:
                    raw.send(*call)
                    self.assertTrue(select.select([raw.socket], [], [], 10)[0])
                    self.assertEqual(raw.reply()[0], 3)
                except ConnectionError:  # the bus itself ended it
                    raw = Raw(self.bus)
        raw.close()

    def test_strings_with_nul_and_without_utf8(self):
        for value in (b"a\0b", b"\xff\xfe", b"\xed\xa0\x80"):
            raw = Raw(self.bus)
            with self.assertRaises(ConnectionError):
                raw.send("Findings", "sss", filters(value))
                kind, _ = raw.reply()
                if kind == 3:
                    raise ConnectionError("refused")
            raw.close()
        raw = Raw(self.bus)
        raw.send("Findings", "sss", filters("\x1b[2J\u202e"))
        self.assertEqual(raw.reply()[0], 2)
        raw.close()

    def test_large_messages(self):
        """64 MiB at once: as an array, which no method takes, and as one string."""
        count = 8 * 1024 * 1024
        array = struct.pack("<I", count * 8) + (b"\0" * 8) * count
        worst = 0.0
        for signature, body in (("as", array), ("sss", text(b"a" * (64 << 20)) + b"\0" * 3 + filters()[5:])):
            raw = Raw(self.bus)
            try:
                raw.send("Findings", signature, body)
                while not select.select([raw.socket], [], [], 0)[0]:
                    worst = max(worst, self.alive())
                self.assertEqual(raw.reply()[0], 3)
            except (ConnectionError, BrokenPipeError):
                pass
            raw.close()
        print(f"longest wait of another caller beside 64 MiB messages: {worst * 1000:.1f} ms (bus and daemon)")

    def test_a_thousand_callers_at_once(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
        callers = [Raw(self.bus) for _ in range(1000)]
        begin = time.monotonic()
        for caller in callers:
            caller.send("Findings", "sss", filters())
        worst = 0.0
        for caller in callers:
            self.assertEqual(caller.reply()[0], 2)
        took = time.monotonic() - begin
        worst = max(worst, self.alive())
        print(f"1000 concurrent callers answered in {took * 1000:.0f} ms")
        self.assertLess(took, 10 * SLOW)
        for caller in callers:
            caller.send("Findings", "sss", filters("*a*a*a*a*a*a*a*b"))
            caller.close()  # nobody waits for the answer
        self.assertLess(self.alive(), 10 * SLOW)
        self.assertLess(self.alive(), MAX_STALL * SLOW)

    def test_someone_who_never_reads(self):
        deaf = Raw(self.bus)
        deaf.socket.settimeout(2)
        try:
            for _ in range(20000):
                deaf.send("Findings", "sss", filters())
        except (TimeoutError, OSError):
            pass
        self.alive()
        deaf.close()
        self.alive()
        self.assertLess(self.alive(), MAX_STALL * SLOW)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
