#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The live audit against real containers and real sandboxes: podman, crun, systemd-nspawn, bwrap, unshare.

containers_test.py, as root in a mount namespace of its own (unshare --mount --propagation private); needs
PLIMSOLL_AGENTCTL and PLIMSOLL_PLIMSOLLD. No registry, no image: the containers' root is a folder with busybox.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "support"))

from daemon_state import percentiles, wait_for  # noqa: E402
from own_cgroup import OwnCgroup  # noqa: E402

SKIP = 77  # ctest's SKIP_RETURN_CODE
AGENTCTL = os.environ.get("PLIMSOLL_AGENTCTL", "agentctl")
PLIMSOLLD = os.environ.get("PLIMSOLL_PLIMSOLLD", "plimsolld")
SLEEP = ["/bin/sleep", "900"]
SANDBOX_UID = 41234


def run(*argv, check=True, timeout=120):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def busybox_root(folder):
    for name in ("bin", "etc", "proc", "sys", "dev", "tmp", "run", "usr/lib", "var"):
        (folder / name).mkdir(parents=True)
        (folder / name).chmod(0o777)  # a mapped root has to make files in them
    shutil.copy(shutil.which("busybox"), folder / "bin" / "busybox")
    for name in ("sh", "sleep", "cat"):
        (folder / "bin" / name).symlink_to("busybox")
    (folder / "etc" / "passwd").write_text("root:x:0:0::/:/bin/sh\n")
    (folder / "etc" / "os-release").write_text("ID=scratch\n")
    return folder


class Scratch(unittest.TestCase):
    """Starts containers, and asks what is found."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp(prefix="plimsoll-containers-"))
        cls.scratch.chmod(0o755)
        cls.addClassCleanup(shutil.rmtree, cls.scratch, ignore_errors=True)
        cls.root = busybox_root(cls.scratch / "root")
        # crun refuses the mixed layout of cgroups that some build machines have.
        run("umount", "--recursive", "--lazy", "/sys/fs/cgroup", check=False)
        run("mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")

    def podman(self, *argv, check=True):
        return run("podman", "--storage-driver=vfs", "--root", str(self.scratch / "storage"), "--runroot",
                   str(self.scratch / "run"), "--cgroup-manager=cgroupfs", *argv, check=check)

    def start(self, name, *options, root=None, command=SLEEP):
        """A podman container; its init's pid."""
        self.addCleanup(self.podman, "rm", "--force", "--time=0", name, check=False)
        self.podman("run", "--detach", "--name", name, "--cgroups=disabled", "--network=none",
                    "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024", *options, "--rootfs",
                    str(root or self.root), *command)
        return int(self.podman("inspect", "--format", "{{.State.Pid}}", name).stdout)

    def spawn(self, *argv, user=None, cgroup=None):
        """A process in the background, in an OwnCgroup if given; killed at the end with what it started."""
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 start_new_session=True, user=user, group=user, extra_groups=[] if user else None,
                                 preexec_fn=cgroup.enter if cgroup else None)

        def end():
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
        self.addCleanup(end)
        return child.pid

    def sleeper_below(self, pid):
        """The sleep that `pid` has become or started."""
        for _ in range(100):
            tree = {pid}
            found = None
            for entry in sorted(int(e) for e in os.listdir("/proc") if e.isdigit()):
                try:
                    stat = pathlib.Path(f"/proc/{entry}/stat").read_text()
                    line = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
                except (FileNotFoundError, ProcessLookupError):
                    continue
                if int(stat.rsplit(")", 1)[1].split()[1]) in tree or entry == pid:
                    tree.add(entry)
                    if line[:2] == [b"/bin/sleep", b"900"]:
                        found = entry
            if found:
                self.addCleanup(run, "kill", "-KILL", str(found), check=False)
                return found
            time.sleep(0.05)
        self.fail(f"nothing sleeps below {pid}")

    def findings(self, policy=None):
        argv = [AGENTCTL, "check", "--json", "--control", "ctr.*"]
        if policy:
            file = self.scratch / "policy.toml"
            file.write_text(policy)
            argv += ["--policy", str(file)]
        done = run(*argv, check=False)
        self.assertIn(done.returncode, (0, 1, 3), done.stderr)
        return json.loads(done.stdout)["findings"]

    def of(self, findings, pid):
        """Findings by control of the container whose init is `pid`; empty: there is none."""
        word = f"/proc/{pid}/"
        subjects = {f["subject"] for f in findings
                    if any(word in e["source"] for e in f["evidence"]) or f["subject"].endswith(f"/pid-{pid}")}
        return {f["control"]: f for f in findings if f["subject"] in subjects and f["subject"] != "host"}

    def assert_fails(self, own, control, words, severity=None):
        self.assertIn(control, own)
        self.assertEqual(own[control]["status"], "fail", own[control])
        self.assertIn(words, own[control]["message"])
        if severity:
            self.assertEqual(own[control]["severity"], severity)


class Containers(Scratch):
    def test_a_privileged_one_is_found_and_named(self):
        pid = self.start("priv", "--privileged")
        own = self.of(self.findings(), pid)
        self.assertTrue(own["ctr.found"]["subject"].startswith("podman/root/"), own["ctr.found"])
        self.assert_fails(own, "ctr.privileged", "looks privileged", "critical")
        self.assert_fails(own, "ctr.capabilities", "SYS_ADMIN", "critical")
        self.assert_fails(own, "ctr.seccomp", "no seccomp filter")
        self.assert_fails(own, "ctr.root-userns", "root of the host")
        self.assert_fails(own, "ctr.sensitive-mounts", "may write to /sys")

    def test_a_well_confined_one_is_found_and_fails_little(self):
        pid = self.start("well", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges",
                         "--uidmap=0:2000000:65536", "--gidmap=0:2000000:65536", "--user=1000",
                         root=busybox_root(self.scratch / "mapped"))
        own = self.of(self.findings(), pid)
        failing = {c for c, f in own.items() if f["status"] == "fail"}
        # Without a cgroup there are no limits; the rest must be clean.
        self.assertEqual(failing - {"ctr.limits"}, set(), own)
        for control in ("ctr.found", "ctr.root-userns", "ctr.root-maps-host-root", "ctr.runs-as-root",
                        "ctr.capabilities", "ctr.no-new-privs", "ctr.seccomp", "ctr.sensitive-mounts",
                        "ctr.rw-rootfs", "ctr.privileged", "ctr.devices"):
            self.assertEqual(own[control]["status"], "pass", own[control])

    def test_an_engines_socket_is_known_under_another_name(self):
        # A program of an engine's name that listens somewhere unusual.
        daemon = self.scratch / "dockerd"
        if not daemon.exists():
            shutil.copy(os.path.realpath(sys.executable), daemon)
        path = self.scratch / "api"
        self.spawn(str(daemon), "-c", "import socket,time,sys\ns=socket.socket(socket.AF_UNIX)\n"
                   "s.bind(sys.argv[1])\ns.listen()\ntime.sleep(900)", str(path))
        for _ in range(100):
            if path.exists():
                break
            time.sleep(0.05)
        pid = self.start("sock", "--volume", f"{path}:/tmp/harmless:ro")
        self.assert_fails(self.of(self.findings(), pid), "ctr.sensitive-mounts",
                          "has the socket of dockerd under another name", "critical")

    def test_paths_of_the_host_are_named(self):
        pid = self.start("etc", "--volume", "/etc:/tmp:ro")
        own = self.of(self.findings(), pid)
        self.assert_fails(own, "ctr.sensitive-mounts", "the host's /etc", "critical")
        self.assertEqual(own["ctr.sensitive-mounts"]["evidence"][0]["source"], f"/proc/{pid}/mountinfo")

    def test_a_process_that_was_started_into_it_counts(self):
        pid = self.start("exec", "--cap-drop=all")
        self.podman("exec", "--detach", "--privileged", "exec", *SLEEP)
        own = self.of(self.findings(), pid)
        self.assert_fails(own, "ctr.capabilities", "started into it")

    def bundle(self, namespaces):
        folder = self.scratch / "bundle"
        folder.mkdir(exist_ok=True)
        run("crun", "spec", "--bundle", str(folder), check=False)
        config = json.loads((folder / "config.json").read_text())
        config["root"] = {"path": str(self.root), "readonly": True}
        config["process"].update(terminal=False, args=SLEEP, rlimits=[])
        config["linux"]["namespaces"] = [{"type": t} for t in namespaces]
        config["linux"].pop("resources", None)
        config["mounts"] = [m for m in config["mounts"] if m["type"] != "cgroup"]
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    def test_one_with_the_hosts_processes_and_no_engine_is_found(self):
        folder = self.bundle(["mount", "network", "ipc", "uts"])
        pid = self.sleeper_below(self.spawn(
            "crun", "--cgroup-manager=disabled", "--root", str(self.scratch / "crun"), "run", "--bundle", str(folder),
            "plimsoll-hostpid"))
        own = self.of(self.findings(), pid)
        self.assert_fails(own, "ctr.host-namespaces", "shares the host's pid namespace", "high")
        self.assert_fails(own, "ctr.orphan", "no engine answers for it")

    def test_nspawn_is_told_by_its_monitor(self):
        cgroup = OwnCgroup(self.scratch.name)
        self.addCleanup(cgroup.remove)
        pid = self.sleeper_below(self.spawn(
            "systemd-nspawn", "--quiet", "--directory", str(self.root), "--register=no", "--keep-unit",
            "--private-network", "--as-pid2", "--console=pipe", "--resolv-conf=off", "--timezone=off", *SLEEP,
            cgroup=cgroup))
        subjects = {f["subject"] for f in self.findings() if f["control"] == "ctr.found" and f["subject"] != "host"}
        self.assertTrue(any(s.startswith("nspawn/root/") for s in subjects), (pid, subjects))

    def test_what_only_confines_itself_is_none_and_is_listed(self):
        shell = ("bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-all")
        own_root = ("bwrap", "--ro-bind", str(self.root), "/", "--dev", "/dev", "--proc", "/proc", "--unshare-all")
        pids = [self.sleeper_below(self.spawn(*argv, *SLEEP, user=user)) for argv, user in (
            (shell, SANDBOX_UID), (shell, None), (own_root, SANDBOX_UID),
            (("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"), SANDBOX_UID),
            (("unshare", "--mount", "--pid", "--fork", "--mount-proc"), None),
            (("unshare", "--user", "--map-root-user"), SANDBOX_UID), (("unshare", "--mount"), None))]
        findings = self.findings()
        found = [f["subject"] for f in findings if f["control"] == "ctr.found" and f["subject"] != "host"]
        self.assertEqual(found, [], pids)
        host = next(f for f in findings if f["control"] == "ctr.found")
        self.assertEqual(host["status"], "pass", host)
        self.assertIn("sandboxes are no containers", host["message"])

    def test_stop_ends_it_only_when_the_policy_says_so_and_never_comes_back(self):
        pid = self.start("stop", "--privileged")
        rule = self.scratch / "stop.toml"
        rule.write_text('[control."ctr.privileged"]\nresponse = "stop"\n')
        state = ("--state", str(self.scratch / "state"))
        common = ("--policy", str(rule), "--control", "ctr.privileged", *state)
        plan = run(AGENTCTL, "plan", *common, check=False).stdout
        self.assertIn("cannot be undone", plan)
        run(AGENTCTL, "apply", "--yes", *common, check=False)
        self.assertTrue(os.path.exists(f"/proc/{pid}"), "containers-stopped was not allowed")
        run(AGENTCTL, "apply", "--yes", "--allow", "containers-stopped", *common, check=False)
        self.assertFalse(os.path.exists(f"/proc/{pid}"))
        undone = run(AGENTCTL, "undo", "--all", *state, check=False)
        self.assertNotEqual(undone.returncode, 0)
        self.assertIn("cannot be started by undo", undone.stdout + undone.stderr)


class Live(Scratch):
    """plimsolld beside them, where the kernel tells of every program that starts."""

    def setUp(self):
        policy = self.scratch / "live.toml"
        policy.write_text('profile = "audit-only"\n')
        self.daemon = subprocess.Popen([PLIMSOLLD, "--bus=none", "--state", str(self.scratch / "live"), "--policy",
                                        str(policy)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        self.addCleanup(self.end)
        self.assertIsNotNone(wait_for(lambda: self.line("looks after"), 60), self.lines)

    def read(self):
        for line in self.daemon.stderr:
            with open("/proc/uptime", encoding="ascii") as uptime:
                self.lines.append((float(uptime.read().split()[0]), line))

    def end(self):
        self.daemon.terminate()
        self.daemon.wait()
        self.reader.join()
        self.daemon.stderr.close()

    def line(self, *words):
        return next((entry for entry in list(self.lines) if all(w in entry[1] for w in words)), None)

    def test_one_is_named_within_50_ms_of_its_first_program(self):
        sanitized = b"__asan_init" in pathlib.Path(PLIMSOLLD).read_bytes()
        shapes = ((("--privileged",), "ctr.privileged"), (("--ipc=host",), "ctr.host-namespaces"),
                  (("--volume", "/etc:/usr/lib:ro"), "ctr.sensitive-mounts"))
        took, since_fork = [], []
        for i in range(4):
            for options, control in shapes:
                name = f"live{i}-{control[4:]}"
                note = self.root / "tmp" / name
                script = f"cat /proc/uptime >/tmp/{name}; exec sleep 900"
                pid = self.start(name, *options, command=["/bin/sh", "-c", script])
                # No file of the engine in its usual place tells the name.
                of = self.podman("inspect", "--format", "{{.Id}}", name).stdout[:12]
                what = f"fails: {control} (podman/root/{of})"
                self.assertIsNotNone(wait_for(lambda: self.line(what), 20), self.lines)
                at = self.line(what)[0]
                took.append(at - float(note.read_text().split()[0]))
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                since_fork.append(at - int(fields[19]) / os.sysconf("SC_CLK_TCK"))
        print(f"named after their first program began: {percentiles(took)}; after their init was forked: "
              f"{percentiles(since_fork)}", file=sys.stderr)
        if not self.line("(event start of "):
            self.skipTest("the kernel does not tell of programs that start here (process connector)")
        if not sanitized:  # which takes all of the processor time that the daemon allows itself
            self.assertLessEqual(sorted(took)[len(took) // 2], 0.05)


if __name__ == "__main__":
    missing = [p for p in ("podman", "crun", "conmon", "bwrap", "systemd-nspawn", "busybox") if not shutil.which(p)]
    if os.geteuid() != 0 or missing:
        print(f"skipped: needs root and {', '.join(missing) or 'nothing more'}")
        sys.exit(SKIP)
    unittest.main(verbosity=2)
