#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""plimsolld under a booted systemd, and the containers of Podman and dockerd that start there.

plimsolld_containers_test.py CACHE_DIR BUILD_DIR, in a mount namespace of its own.
"""
import json
import os
import subprocess
import sys
import threading
import time

import daemon_machine
from daemon_machine import NAME, UNIT, Watched
from daemon_state import percentiles

ROOT = "/srv/root"
SLEEP = ("/bin/sleep", "900")
IMAGE = "scratch:1"
MAKE_ROOT = f"""set -e
mkdir -p {ROOT}; cd {ROOT}; mkdir -p bin etc proc sys dev tmp run usr/lib var; chmod 777 *
cp /bin/busybox bin/busybox; for n in sh sleep cat; do ln -s busybox bin/$n; done
echo 'root:x:0:0::/:/bin/sh' >etc/passwd; echo ID=scratch >etc/os-release
"""


class Signals:
    """TransitionAdded as it comes, with the time at which the bus had it."""

    def __init__(self, booted):
        self.booted = booted
        self.heard = []
        self.process = subprocess.Popen(
            booted.enter("busctl", "--json=short", f"--match=type='signal',sender='{NAME}'", "monitor"),
            env=booted.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        time.sleep(0.5)  # until it listens

    def read(self):
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("member") == "TransitionAdded":
                row = dict(zip(daemon_machine.TRANSITION, message["payload"]["data"]))
                self.heard.append((message["timestamp-realtime"] / 1e6, row))

    def close(self):
        self.booted.run("pkill", "-x", "busctl")  # what we hold is nsenter(1)
        self.reader.join()
        self.process.stdout.close()
        self.process.wait()


class Containers(Watched):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.machine.run("sh", "-c", MAKE_ROOT)
        # runc asks for BPF programs, which systemd-nspawn refuses.
        cls.machine.path("/etc/docker").mkdir(exist_ok=True)
        cls.machine.write("/etc/docker/daemon.json", json.dumps({"runtimes": {"crun": {"path": "/usr/bin/crun",
                                                             "runtimeArgs": ["--cgroup-manager=disabled"]}}}))
        cls.machine.run("systemctl", "restart", "docker.service")
        cls.machine.run("systemctl", "start", UNIT)
        cls.signals = Signals(cls.machine)
        cls.addClassCleanup(cls.signals.close)

    def setUp(self):
        self.settle()

    # ---- starting ----

    def attempt(self, what, ways, run):
        """What `run` gives for the first of these ways that works; the others are told."""
        for way in ways:
            done = run(*way)
            if done.returncode == 0:
                return done
            print(f"  {what} {' '.join(way)} does not work here: {done.stderr.strip()[-300:]}")
        return self.fail(f"{what}: {done.stderr}")

    def podman(self, name, *options):
        """A container of root's; its init."""
        def run(*way):
            return self.machine.run("podman", "run", "--detach", "--replace", "--name", name, "--network=none", *way,
                                    *options, "--rootfs", ROOT, *SLEEP, check=False)
        self.addCleanup(self.machine.run, "podman", "rm", "--force", "--time=0", name, check=False)
        self.attempt("podman run", ([], ["--pids-limit=0"], ["--pids-limit=0", "--privileged"]), run)
        return int(self.machine.run("podman", "inspect", "--format", "{{.State.Pid}}", name).stdout)

    def rootless(self, name, *options):
        """One of the tenant's."""
        uid = self.machine.run("id", "-u", "web").stdout.strip()
        self.machine.run("cp", "-r", ROOT, "/var/lib/web/root")
        self.machine.run("chown", "-R", "web:", "/var/lib/web/root")
        def run(*way):
            return self.machine.run_in_session(uid, "podman", "run", "--detach", "--replace", "--name", name,
                                               "--network=none", *way, *options,
                                               "--rootfs", "/var/lib/web/root", *SLEEP, check=False)
        self.attempt("rootless podman run", ([], ["--pids-limit=0"], ["--cgroups=disabled"]), run)
        shown = self.machine.run_in_session(uid, "podman", "inspect", "--format", "{{.State.Pid}}", name)
        pid = int(shown.stdout)
        self.addCleanup(self.machine.run, "kill", "-KILL", str(pid), check=False)
        return pid

    def docker(self, name, *options):
        """One of dockerd's."""
        if self.machine.run("docker", "image", "inspect", IMAGE, check=False).returncode != 0:
            self.machine.run("sh", "-c", f"tar -C {ROOT} -c . | docker import - {IMAGE}")
        def run(*way):
            return self.machine.run("docker", "run", "--detach", "--network=none", *way, *options, "--name", name,
                                    IMAGE, *SLEEP, check=False)
        self.addCleanup(self.machine.run, "docker", "rm", "--force", name, check=False)
        done = run("--runtime=crun")
        if "cgroup controller" in done.stderr and "is not available" in done.stderr:
            self.skipTest(f"dockerd starts nothing without controllers of cgroup v2: {done.stderr.strip()[-120:]}")
        self.assertEqual(done.returncode, 0, done.stderr)
        return int(self.machine.run("docker", "inspect", "--format", "{{.State.Pid}}", name).stdout)

    # ---- judging ----

    def started(self, pid):
        """When a process of the machine began, in seconds since 1970; to one tick of the kernel."""
        ticks = int(self.machine.run("cat", f"/proc/{pid}/stat").stdout.rsplit(")", 1)[1].split()[19])
        with open("/proc/uptime", encoding="ascii") as uptime:
            return time.time() - float(uptime.read().split()[0]) + ticks / os.sysconf("SC_CLK_TCK")

    def verdict(self, control, name, words):
        """When, and with what subject, the daemon told that this container fails this control."""
        for at, row in list(self.signals.heard):
            if row["control"] == control and row["to"] == "fail" and row["subject"].endswith("/" + name):
                self.assertRegex(row["message"], words)
                return at, row["subject"]
        return None

    def judged(self, what, name, pid, control, words):
        self.within(3, lambda: self.verdict(control, name, words), f"{control} of {name}", 0.01)
        at, subject = self.verdict(control, name, words)
        rows = self.ask("Containers")[0]
        self.assertIn((name, pid), [(r[1], r[5]) for r in rows])
        self.assertIn(name, self.machine.agentctl("containers").stdout)
        print(f"  {what}: {subject} named for {control} {(at - self.started(pid)) * 1e3:.0f} ms after its start")

    SHAPES = ((("--privileged",), "privileged", "ctr.privileged", "looks privileged"),
              (("--volume", "/run/docker.sock:/tmp/s"), "socket", "ctr.sensitive-mounts", "socket of"),
              (("--pid=host",), "hostpid", "ctr.host-namespaces", "shares the host's pid namespace"))

    def all_shapes(self, engine, start, prefix):
        for options, kind, control, words in self.SHAPES:
            name = f"{prefix}-{kind}"
            self.judged(f"{engine} {' '.join(options)}", name, start(name, *options), control, words)

    def test_a_podman_of_root(self):
        self.all_shapes("podman", self.podman, "p")

    def test_b_podman_of_a_tenant(self):
        options, kind, control, words = self.SHAPES[2]
        self.judged(f"rootless podman {options[0]}", "r-hostpid", self.rootless("r-hostpid", *options), control, words)

    def test_c_dockerd(self):
        self.all_shapes("docker", self.docker, "d")

    def test_d_agentctl_watch_shows_it_as_it_starts(self):
        watch = self.machine.start("timeout", "8", "agentctl", "watch")
        time.sleep(1)
        self.podman("seen", "--privileged")
        self.within(3, lambda: self.verdict("ctr.privileged", "seen", "looks"), "told", 0.01)
        said = watch.communicate()[0]
        self.assertRegex(said, r"(?s)ctr\.privileged\s+podman/root/seen")

    def test_e_what_ends_is_gone(self):
        pid = self.podman("short", "--privileged")
        self.within(3, lambda: self.verdict("ctr.privileged", "short", "looks"), "told", 0.01)
        self.machine.run("podman", "rm", "--force", "--time=0", "short")
        self.within(3, lambda: not self.failing("ctr.*", "podman/root/short"), f"{pid} forgotten", 0.05)

    def test_f_a_hundred_in_a_burst_are_all_judged(self):
        names = [f"burst{i}" for i in range(100)]
        self.addCleanup(self.machine.run, "podman", "rm", "--all", "--force", "--time=0", check=False)
        script = ("for i in $(seq 0 $((%d - 1))); do podman run --detach --name burst$i --network=none %s --privileged "
                  "--rootfs " + ROOT + " /bin/sleep 900 >/dev/null || exit 1; done") % (len(names), "--pids-limit=0")
        begun = time.monotonic()
        self.machine.run("bash", "-c", script, timeout=300)
        took = time.monotonic() - begun
        wanted = set(names)
        def missing():
            return wanted - {s.rsplit("/", 1)[-1] for s in self.failing("ctr.privileged")}
        last = self.within(5, lambda: not missing(), "all judged", 0.1)
        ages = []
        for r in self.ask("Containers")[0]:
            if r[1] in wanted:
                ages.append(self.verdict("ctr.privileged", r[1], "looks")[0] - self.started(r[5]))
        print(f"  {len(names)} containers started in {took:.1f} s, the last judged {last * 1e3:.0f} ms later; start to "
              f"verdict: {percentiles(ages)}")
        self.assertEqual(len(ages), len(names))


if __name__ == "__main__":
    daemon_machine.main(sys.argv[0], sys.argv)
