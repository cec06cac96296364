#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""plimsolld beside a real dockerd, with containers that runc and crun start.

dockerd_test.py CACHE_DIR, as root in a mount namespace of its own (unshare --mount --propagation private); needs
PLIMSOLL_AGENTCTL and PLIMSOLL_PLIMSOLLD. dockerd is Debian's, on this machine's own file tree, kernel and control
groups, of whatever version: no systemd takes part.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import containers_test
import debian
from containers_test import busybox_root, run, wait_for
from daemon_state import percentiles

IMAGE = "scratch:1"
RUNTIME = """#!/bin/sh
bounding=0x$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)
if [ $((bounding >> 24 & 1)) = 0 ]; then
    before=
    for word; do
        [ "$before" != --bundle ] || sed -i 's/"CAP_SYS_RESOURCE",//g' "$word/config.json"
        before=$word
    done
fi
exec crun "$@"
"""


class Dockerd(containers_test.Live):
    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp(prefix="plimsoll-dockerd-"))
        cls.addClassCleanup(shutil.rmtree, cls.scratch, ignore_errors=True)
        cls.unpack(debian.make_archive("bookworm", sys.argv[1], "engines"))
        # crun refuses the mixed layout of cgroups that some build machines have.
        run("umount", "/sys/fs/cgroup/unified", check=False)
        (cls.scratch / "runtime").write_text(RUNTIME)
        (cls.scratch / "runtime").chmod(0o755)
        cls.log = open(cls.scratch / "dockerd.log", "w+", encoding="utf-8")
        cls.addClassCleanup(cls.log.close)
        cls.dockerd = subprocess.Popen(
            [cls.scratch / "usr/sbin/dockerd", f"--host={cls.socket()}", f"--data-root={cls.scratch}/data",
             f"--exec-root={cls.scratch}/exec", f"--pidfile={cls.scratch}/pid", "--iptables=false",
             "--ip-forward=false", "--bridge=none", "--storage-driver=vfs", "--exec-opt",
             "native.cgroupdriver=cgroupfs", f"--add-runtime=here={cls.scratch}/runtime"],
            env=cls.environment(), stdin=subprocess.DEVNULL, stdout=cls.log, stderr=subprocess.STDOUT)
        cls.addClassCleanup(cls.end_dockerd)
        if not wait_for(lambda: cls.docker("version", check=False).returncode == 0, 60):
            raise AssertionError(f"dockerd does not answer:\n{cls.said()}")
        busybox_root(cls.scratch / "root")
        run("tar", "-C", str(cls.scratch / "root"), "-cf", str(cls.scratch / "root.tar"), ".")
        cls.docker("import", str(cls.scratch / "root.tar"), IMAGE)

    @classmethod
    def unpack(cls, archive):
        """Programs and libraries of the tree alone: dockerd is to run in this machine's own file tree."""
        run("tar", "-C", str(cls.scratch), "-xf", archive, "./usr/bin", "./usr/sbin", "./usr/lib/x86_64-linux-gnu")

    @classmethod
    def environment(cls):
        return {"PATH": f"{cls.scratch}/usr/sbin:{cls.scratch}/usr/bin:/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8",
                "LD_LIBRARY_PATH": f"/usr/lib/x86_64-linux-gnu:{cls.scratch}/usr/lib/x86_64-linux-gnu"}

    @classmethod
    def socket(cls):
        return f"unix://{cls.scratch}/docker.sock"

    @classmethod
    def docker(cls, *argv, check=True):
        return debian.run([cls.scratch / "usr/bin/docker", "--host", cls.socket(), *argv], check=check,
                          env=cls.environment())

    @classmethod
    def said(cls):
        cls.log.seek(0)
        return cls.log.read()[-4000:]

    @classmethod
    def end_dockerd(cls):
        cls.dockerd.terminate()
        cls.dockerd.wait(60)

    def start(self, name, *options, root=None, command=containers_test.SLEEP):
        self.addCleanup(self.docker, "rm", "--force", name, check=False)
        done = self.docker("run", "--detach", "--network=none", *options, "--name", name, IMAGE, *command,
                                check=False)
        self.assertEqual(done.returncode, 0, done.stderr + self.said())
        return int(self.inspect(name, "{{.State.Pid}}"))

    def inspect(self, name, what):
        return self.docker("inspect", "--format", what, name).stdout.strip()

    SHAPES = ((("--runtime=here", "--privileged"), "ctr.privileged", "looks privileged"),
              (("--volume={socket}:/tmp/s",), "ctr.sensitive-mounts", "socket of dockerd"),
              (("--pid=host",), "ctr.host-namespaces", "shares the host's pid namespace"))

    def test_one_is_named_within_50_ms_of_its_first_program(self):
        sanitized = b"__asan_init" in pathlib.Path(containers_test.PLIMSOLLD).read_bytes()
        took = []
        for i in range(3):
            for options, control, words in self.SHAPES:
                name = f"live{i}-{control[4:]}"
                options = [o.format(socket=self.scratch / "docker.sock") for o in options]
                pid = self.start(name, *options, command=["/bin/sh", "-c", "cat /proc/uptime >/note; exec sleep 900"])
                what = f"fails: {control} (docker/root/{self.inspect(name, '{{.Id}}')[:12]})"
                self.assertIsNotNone(wait_for(lambda: self.line(what), 20), self.lines)
                at, said = self.line(what)
                self.assertIn(words, said)
                took.append(at - float(pathlib.Path(f"/proc/{pid}/root/note").read_text().split()[0]))
        print(f"named after their first program began: {percentiles(took)}", file=sys.stderr)
        if not self.line("(event start of "):
            self.skipTest("the kernel does not tell of programs that start here (process connector)")
        if not sanitized:  # which takes all of the processor time that the daemon allows itself
            self.assertLessEqual(sorted(took)[len(took) // 2], 0.05)

    def test_a_confined_one_and_what_is_started_into_it(self):
        pid = self.start("one", "--cap-drop=ALL", "--read-only", "--user=1000:1000", "--security-opt=no-new-privileges")
        own = self.of(self.findings(), pid)
        self.assertEqual(own["ctr.found"]["subject"], f"docker/root/{self.inspect('one', '{{.Id}}')[:12]}")
        passed = ("ctr.capabilities", "ctr.seccomp", "ctr.no-new-privs", "ctr.rw-rootfs", "ctr.runs-as-root")
        for control in passed:
            self.assertEqual(own[control]["status"], "pass", own[control])
        # Nor were they told to fail while runc, with every right, was still setting it up.
        self.assertIsNotNone(wait_for(lambda: self.line("fails: ctr.root-userns (docker/root/"), 20), self.lines)
        for control in (*passed, "ctr.privileged"):
            self.assertIsNone(self.line(f"fails: {control} (docker/root/"), self.lines)
        self.assert_fails(own, "ctr.root-userns", "user namespace")
        self.docker("exec", "--detach", "--user=0", "one", "/bin/sleep", "901")
        self.assertIsNotNone(
            wait_for(lambda: self.of(self.findings(), pid)["ctr.runs-as-root"]["status"] == "fail", 10))
        own = self.of(self.findings(), pid)
        self.assert_fails(own, "ctr.runs-as-root", "(sleep) is root")
        self.assertNotIn(f"pid {pid} ", own["ctr.runs-as-root"]["message"])


if __name__ == "__main__":
    missing = [p for p in ("mmdebstrap", "busybox") if not shutil.which(p)]
    if os.geteuid() != 0 or missing:
        print(f"skipped: needs root and {', '.join(missing) or 'nothing more'}")
        sys.exit(containers_test.SKIP)
    unittest.main(verbosity=2, argv=sys.argv[:1] + sys.argv[2:])
