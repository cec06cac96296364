#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real plimsolld on the running host, with news that the kernel tells besides events of files. It enforces one
setting, in a network namespace of its own.
usage: kernel_test.py PLIMSOLLD SOURCE_TREE"""
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PLIMSOLLD, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
sys.path.insert(0, str(SOURCE / "tests/support"))
from daemon_state import wait_for  # noqa: E402

KNOB = "net/ipv4/ip_unprivileged_port_start"
ENFORCE = f"""[provision.sysctl]
"{KNOB.replace("/", ".")}" = "1024"
[control."provision.sysctl"]
mode = "enforce"
"""
# A filter that refuses getppid(2), and has that logged.
REFUSED = """
import ctypes, struct, signal
libc = ctypes.CDLL(None, use_errno=True)
code = b"".join(struct.pack("HBBI", *line) for line in
                [(0x20, 0, 0, 0), (0x15, 0, 1, 110), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)])
held = ctypes.create_string_buffer(code, len(code))
program = struct.pack("HxxxxxxQ", 4, ctypes.addressof(held))
libc.prctl(38, 1, 0, 0, 0)
assert libc.syscall(317, 1, 2, program) == 0, ctypes.get_errno()
libc.syscall(110)
print("refused", flush=True)
signal.pause()
"""


class Daemon:
    def __init__(self, folder, audit=None):
        self.folder = pathlib.Path(folder)
        policy = self.folder / "policy.toml"
        if not policy.exists():
            policy.write_text("", encoding="utf-8")
        self.errors = open(self.folder / "said", "w+b")
        arguments = [PLIMSOLLD, "--bus", "none", "--state", str(self.folder / "state"), "--policy",
                     str(policy), "--metrics-socket", "none", "--full-pass", "3600"]
        self.pid = os.fork()
        if self.pid == 0:
            self.begin(arguments, audit)
        if wait_for(lambda: "looks after" in self.said(), 60, 0.01) is None:
            raise AssertionError("not ready: " + self.said())

    def begin(self, arguments, audit):
        os.dup2(self.errors.fileno(), 2)
        environment = dict(os.environ)
        for name in ("JOURNAL_STREAM", "NOTIFY_SOCKET"):
            environment.pop(name, None)
        if audit is not None:
            os.dup2(audit, 3)
            os.set_inheritable(3, True)
            environment.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="audit")
        os.execve(arguments[0], arguments, environment)

    def said(self):
        return (self.folder / "said").read_text(encoding="utf-8", errors="replace")

    def close(self):
        os.kill(self.pid, signal.SIGTERM)
        _, status = os.waitpid(self.pid, 0)
        self.errors.close()
        return os.waitstatus_to_exitcode(status)


class Running(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root: looks after the running host")
        cls.dir = tempfile.TemporaryDirectory(prefix="plimsoll-kernel-")
        cls.prepare()
        cls.daemon = Daemon(cls.dir.name, AUDIT.fileno() if AUDIT is not None else None)

    @classmethod
    def tearDownClass(cls):
        code = cls.daemon.close()
        said = cls.daemon.said()
        cls.dir.cleanup()
        assert code == 0, said

    @classmethod
    def prepare(cls):
        pass

    def told_by_kernel(self, without):
        """Whether the daemon did not say that it cannot."""
        return without not in self.daemon.said()

    def hears(self, what, seconds=20):
        return wait_for(lambda: what in self.daemon.said(), seconds, 0.01) is not None


class A_Everywhere(Running):
    def test_what_a_container_is_denied_is_told(self):
        if not self.told_by_kernel("what containers are denied"):
            self.skipTest("this kernel does not tell what processes are denied")
        child = subprocess.Popen(["unshare", "--mount", sys.executable, "-c", REFUSED], stdout=subprocess.PIPE)
        try:
            self.assertEqual(child.stdout.readline(), b"refused\n")
            self.assertTrue(self.hears("seccomp denied "), self.daemon.said())
            self.assertIn("syscall 110", self.daemon.said())
        finally:
            child.kill()
            child.wait()
            child.stdout.close()

    def test_an_engine_is_seen_as_it_starts_and_as_it_ends(self):
        failure = "fails: engine.rootful-daemon"
        with tempfile.TemporaryDirectory(prefix="plimsoll-engine-") as folder:
            program = pathlib.Path(folder, "dockerd")
            shutil.copy("/bin/sleep", program)
            # Only a verdict that passed meanwhile can become a failure again.
            for times in (1, 2):
                child = subprocess.Popen([str(program), "600"])
                try:
                    seen = wait_for(lambda: self.daemon.said().count(failure) == times, 20, 0.01)
                finally:
                    child.kill()
                    child.wait()
                if seen is None and times == 1 and not self.in_initial_namespaces():
                    self.skipTest("the kernel tells of programs only who is in its initial namespaces")
                self.assertIsNotNone(seen, self.daemon.said())
                time.sleep(2)

    @staticmethod
    def in_initial_namespaces():
        initial = {"pid": 4026531836, "user": 4026531837}
        return all(os.stat(f"/proc/self/ns/{kind}").st_ino == number for kind, number in initial.items())


class B_InAnotherNetwork(Running):
    """The last, since there is no way back."""

    @classmethod
    def prepare(cls):
        # Of this process and the daemon; the host's setting is another.
        unshare_network()
        pathlib.Path("/proc/sys", KNOB).write_text("1024", encoding="ascii")
        (pathlib.Path(cls.dir.name) / "policy.toml").write_text(ENFORCE, encoding="utf-8")

    def test_a_setting_written_through_another_procfs_is_healed(self):
        if not self.told_by_kernel("writes to /proc/sys"):
            self.skipTest("this kernel does not tell of writes through other mounts of procfs")
        script = f"mount -t proc proc /mnt && echo 80 >/mnt/sys/{KNOB}; umount /mnt"
        subprocess.run(["unshare", "--mount", "sh", "-c", script], check=True)
        knob = pathlib.Path("/proc/sys", KNOB)
        self.assertIsNotNone(wait_for(lambda: knob.read_text(encoding="ascii") == "1024\n", 20, 0.01),
                             self.daemon.said())


def unshare_network():
    if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def open_audit():
    try:
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
        opened.bind((0, 1))
        return opened
    except OSError as e:
        print(f"no audit records: {e}", file=sys.stderr)
        return None


if __name__ == "__main__":
    AUDIT = open_audit() if os.geteuid() == 0 else None
    unittest.main(argv=sys.argv[:1], verbosity=2)
