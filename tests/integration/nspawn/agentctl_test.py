#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""agentctl on a running host: a booted Debian with systemd and logind (machine.py).

agentctl_test.py CACHE_DIR BUILD_DIR, in a mount namespace of its own (unshare --mount --propagation private).
"""
import json
import sys
import time
import unittest

import machine
from machine import debian

sys.path.insert(0, str(machine.HERE.parent.parent / "support"))

import tenant_policy  # noqa: E402

ARCHIVE = BUILD = None
UNITS = "/usr/libexec/plimsoll/plimsoll-units"
POLICY = "/etc/plimsoll/policy.d/50-test.toml"

PROBE = """[Service]
ExecStart=/usr/bin/sleep infinity
Environment=VERSION=%s
"""

# What may differ afterwards: our own state, what other programs note down, and what is not on a disk.
APART = ("usr", "var/lib/containers", "var/lib/plimsoll", "var/log", "var/lib/systemd/timers", "var/tmp", "tmp", "run",
         "proc", "sys", "dev")


class Running(unittest.TestCase):
    """One machine for the class; each test leaves it as it was."""

    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        started = time.monotonic()
        cls.machine = machine.Machine(ARCHIVE, BUILD)
        cls.addClassCleanup(cls.machine.close)
        # Enabled by its package, and it ends by itself after a while, in the middle of a test.
        cls.machine.run("systemctl", "stop", "podman.service")
        cls.machine.path(POLICY).parent.mkdir(parents=True, exist_ok=True)
        print(f"  booted after {time.monotonic() - started:.1f} s")

    def policy(self, text):
        self.machine.write(POLICY, text)
        self.addCleanup(self.remove_policy)

    def remove_policy(self):
        self.machine.run("rm", "-f", POLICY)

    def apply(self, *argv):
        done = self.machine.agentctl("apply", "--yes", *argv)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def undo_all(self):
        done = self.machine.agentctl("undo", "--all")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def check(self, pattern):
        """Exit code, and findings by control and subject."""
        done = self.machine.agentctl("check", "--json", "--control", pattern, check=False)
        self.assertIn(done.returncode, (0, 1, 3), done.stdout + done.stderr)
        return done.returncode, {(f["control"], f["subject"]): f for f in json.loads(done.stdout)["findings"]}

    def statuses(self, pattern):
        return {key: f["status"] for key, f in self.check(pattern)[1].items()}

    def active_units(self):
        """Those that are active, but for what is made on the fly."""
        shown = self.machine.run("systemctl", "list-units", "--plain", "--no-legend", "--state=active").stdout
        names = {u.split()[0] for u in shown.splitlines()}
        return {n for n in names if not n.endswith((".scope", ".device", ".mount"))}

    def photograph(self):
        return self.active_units(), self.machine.manifest(without=APART)

    def assert_as_before(self, before):
        """Every unit and every byte. systemd forgets a user's slice a moment after its last use."""
        units, tree = before
        end = time.monotonic() + 5
        while (now := self.active_units()) != units and time.monotonic() < end:
            time.sleep(0.1)
        self.assertEqual(now, units)
        self.assertEqual(debian.changed(tree, self.machine.manifest(without=APART)), {})


class ServiceManager(Running):
    """core/bus against the real manager, through the program that agentctl asks it with."""

    def setUp(self):
        self.install("1")
        self.addCleanup(self.machine.run, "systemctl", "daemon-reload")
        self.addCleanup(self.machine.path("/etc/systemd/system/probe.service").unlink)
        self.addCleanup(self.machine.run, "systemctl", "stop", "probe.service", check=False)

    def install(self, version):
        self.machine.write("/etc/systemd/system/probe.service", PROBE % version)

    def ask(self, *argv):
        done = self.machine.run(UNITS, *argv, check=False)
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    def state(self):
        code, said, error = self.ask("active-state", "probe.service")
        self.assertEqual(code, 0, error)
        self.assertEqual(said, self.machine.properties("probe.service", "ActiveState")["ActiveState"])
        return said

    def pid(self):
        return self.machine.properties("probe.service", "MainPID")["MainPID"]

    def test_units_are_started_restarted_and_stopped(self):
        self.assertEqual(self.state(), "inactive")
        self.assertEqual(self.ask("start", "probe.service"), (0, "", ""))
        self.assertEqual(self.state(), "active")
        first = self.pid()
        self.assertEqual(self.ask("start", "probe.service"), (0, "", ""), "already started")
        self.assertEqual(self.pid(), first)
        self.assertEqual(self.ask("restart", "probe.service"), (0, "", ""))
        self.assertEqual(self.state(), "active")
        self.assertNotIn(self.pid(), (first, "0"))
        self.assertEqual(self.ask("stop", "probe.service"), (0, "", ""))
        self.assertEqual(self.state(), "inactive")

    def test_a_reload_makes_the_manager_read_unit_files_again(self):
        self.assertEqual(self.state(), "inactive")
        self.ask("start", "probe.service")
        self.install("2")
        self.assertEqual(self.machine.properties("probe.service", "Environment")["Environment"], "VERSION=1")
        self.assertEqual(self.ask("reload-manager"), (0, "", ""))
        self.assertEqual(self.machine.properties("probe.service", "Environment")["Environment"], "VERSION=2")
        self.assertEqual(self.state(), "active", "a reload stops nothing")

    def test_failures_are_told_with_what_systemd_says(self):
        code, _, error = self.ask("active-state", "nobody-has-it.service")
        self.assertNotEqual(code, 0)
        self.assertIn("no such unit", error)
        code, _, error = self.ask("start", "nobody-has-it.service")
        self.assertNotEqual(code, 0)
        self.assertIn("nobody-has-it.service", error)
        self.machine.write("/etc/systemd/system/probe.service", "[Service]\nType=oneshot\nExecStart=/usr/bin/false\n")
        self.ask("reload-manager")
        code, _, error = self.ask("start", "probe.service")
        self.assertNotEqual(code, 0)
        self.assertIn("'failed'", error)
        self.assertEqual(self.state(), "failed")
        self.machine.run("systemctl", "reset-failed", "probe.service")

    def test_a_masked_unit_is_not_started(self):
        self.machine.run("systemctl", "mask", "--runtime", "polkit.service")
        self.addCleanup(self.machine.run, "systemctl", "unmask", "--runtime", "polkit.service")
        self.machine.run("systemctl", "stop", "polkit.service")
        code, _, error = self.ask("start", "polkit.service")
        self.assertNotEqual(code, 0)
        self.assertIn("masked", error)

    def test_a_user_without_rights_is_refused(self):
        done = self.machine.run(UNITS, "start", "probe.service", user="nobody", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.state(), "inactive")
        done = self.machine.run(UNITS, "linger", "0", user="nobody", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertFalse(self.machine.path("/var/lib/systemd/linger/root").exists())

    def test_what_is_no_request_is_refused(self):
        for argv in ((), ("linger",), ("linger", "web"), ("linger", "4294967296"), ("linger", "-1"),
                     ("turn", "x.service")):
            code, said, error = self.ask(*argv)
            self.assertNotEqual(code, 0, argv)
            self.assertEqual(said, "")
            self.assertNotEqual(error, "")


class Line(Running):
    """Checks, fixes and undo of what only a running host has."""

    def setUp(self):
        self.before = self.photograph()

    def test_a_check_sees_the_running_host_and_changes_nothing(self):
        code, findings = self.check("*")
        self.assertEqual(code, 1, "the package turns the rootful socket on")
        # The machine is a container itself: processes outside of it cannot be seen, and that is said.
        self.assertEqual(findings["ctr.found", "host"]["status"], "unknown")
        for key, f in findings.items():
            if key[0].startswith("ctr.") and key[1] == "host" and f["status"] == "unknown":
                self.assertRegex(json.dumps(f), "PID namespace|none of them could be read")
                continue
            self.assertIn(f["status"], ("pass", "fail", "not-applicable"), f"{key}: nothing here is hidden from root")
        self.assertEqual(self.check("userns.available")[0], 0)
        self.machine.agentctl("plan")
        self.assert_as_before(self.before)

    def test_what_cannot_be_read_is_neither_inside_nor_outside(self):
        subuid = self.machine.path("/etc/subuid")
        kept = subuid.with_name("subuid.kept")
        subuid.rename(kept)
        self.addCleanup(kept.rename, subuid)
        self.machine.run("mkfifo", "/etc/subuid")
        code, findings = self.check("rootless.runtime-dir")
        self.assertEqual({f["status"] for f in findings.values()}, {"unknown"})
        self.assertEqual(code, 3)

    def test_who_is_not_root_may_look_but_not_change(self):
        done = self.machine.agentctl("check", "--json", user="nobody", check=False)
        self.assertIn(done.returncode, (1, 3), done.stderr)
        unknown = [f for f in json.loads(done.stdout)["findings"] if f["status"] == "unknown"]
        self.assertTrue(unknown, "nobody cannot see everything, and is told so")
        for verb in ("apply", "--yes"), ("undo", "--last"):
            done = self.machine.agentctl(*verb, user="nobody", check=False)
            self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
            self.assertIn("sudo agentctl", done.stderr)
        self.assert_as_before(self.before)

    def test_the_podman_socket_is_taken_down_and_brought_back(self):
        control = "podman.rootful-socket"
        names = ("ActiveState", "UnitFileState", "LoadState")
        was = self.machine.properties("podman.socket", *names)
        self.assertEqual(was, {"ActiveState": "active", "UnitFileState": "enabled", "LoadState": "loaded"})
        self.assertIn("fail", self.statuses(control).values())
        self.apply("--control", control)
        now = self.machine.properties("podman.socket", *names)
        self.assertEqual(now, {"ActiveState": "inactive", "UnitFileState": "masked", "LoadState": "masked"})
        self.assertNotIn("fail", self.statuses(control).values())
        self.assertFalse(self.machine.path("/run/podman/podman.sock").is_socket())
        self.undo_all()
        self.assertEqual(self.machine.properties("podman.socket", *names), was)
        self.assert_as_before(self.before)


class Tenants(Running):
    """Provisioned users, their service managers and what runs in them."""

    def setUp(self):
        self.before = self.photograph()
        self.policy(tenant_policy.WEB)
        self.addCleanup(self.machine.agentctl, "undo", "--all", check=False)  # of a test that failed

    def provision(self):
        """Applies the policy; the tenant's uid."""
        self.apply("--control", "provision.*")
        self.assertEqual(set(self.statuses("provision.*").values()) - {"pass", "not-applicable"}, set())
        return self.machine.run("id", "-u", "web").stdout.strip()

    def undo(self):
        self.undo_all()
        self.remove_policy()
        self.assert_as_before(self.before)

    def lingers(self, user="web"):
        """What logind says by itself; it has not been started again."""
        return self.machine.run("loginctl", "show-user", user, "--property=Linger", check=False).stdout.strip()

    def active(self, unit):
        return self.machine.properties(unit, "ActiveState")["ActiveState"]

    def test_a_tenant_lingers_and_has_its_controllers_and_undo_takes_all_back(self):
        logind = self.machine.properties("systemd-logind.service", "MainPID")
        template = self.machine.properties("user@4711.service", "DelegateControllers")
        uid = self.provision()
        unit = f"user@{uid}.service"
        self.assertEqual(self.lingers(), "Linger=yes")
        self.assertEqual(self.active(unit), "active")
        self.assertTrue(self.machine.path(f"/var/lib/systemd/linger/web").is_file())
        self.machine.run("test", "-S", f"/run/user/{uid}/bus")
        delegated = self.machine.properties(unit, "DelegateControllers")["DelegateControllers"].split()
        self.assertEqual(set(delegated), {"cpu", "cpuset", "io", "memory", "pids"})
        answered = self.machine.run("busctl", "--address", f"unix:path=/run/user/{uid}/bus", "call",
                                    "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                    "org.freedesktop.systemd1.Manager", "ListUnits", user="web")
        self.assertIn("basic.target", answered.stdout, "the tenant's own manager answers")
        self.undo_all()
        self.assertEqual(self.lingers(), "")
        self.assertEqual(self.active(unit), "inactive")
        self.assertEqual(self.machine.run("test", "-e", f"/run/user/{uid}", check=False).returncode, 1)
        self.assertEqual(self.machine.properties("user@4711.service", "DelegateControllers"), template)
        self.assertEqual(self.machine.run("id", "web", check=False).returncode, 1)
        self.assertEqual(self.machine.properties("systemd-logind.service", "MainPID"), logind)
        self.undo()

    def test_without_logind_the_file_alone_is_made(self):
        units = ("systemd-logind.service", "dbus-org.freedesktop.login1.service")
        self.machine.run("systemctl", "mask", "--runtime", "--now", *units)
        try:
            uid = self.provision()
            self.assertTrue(self.machine.path("/var/lib/systemd/linger/web").is_file())
            self.assertEqual(self.active(f"user@{uid}.service"), "inactive")
            self.undo_all()
        finally:
            self.machine.run("systemctl", "unmask", "--runtime", *units)
            self.machine.run("systemctl", "start", "systemd-logind.service")
        self.undo()

    def test_a_manager_that_cannot_start_leaves_nobody_lingering(self):
        self.machine.run("systemctl", "mask", "--runtime", "user@.service")
        self.addCleanup(self.machine.run, "systemctl", "unmask", "--runtime", "user@.service")
        done = self.machine.agentctl("apply", "--yes", "--control", "provision.*", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("masked", done.stdout + done.stderr)
        self.assertFalse(self.machine.path("/var/lib/systemd/linger/web").exists())
        self.assertEqual(self.lingers(), "")
        self.assertEqual(self.statuses("provision.linger")[("provision.linger", "web")], "fail")
        self.machine.run("systemctl", "unmask", "--runtime", "user@.service")
        uid = self.provision()
        self.assertEqual(self.active(f"user@{uid}.service"), "active", "the second run does what the first could not")
        self.undo()

    def test_a_session_keeps_the_manager_of_who_lingers_no_more(self):
        uid = self.provision()
        unit = f"user@{uid}.service"
        self.machine.run("systemd-run", "--quiet", "--unit=a-session", "--property=User=web", "--property=PAMName=su-l",
                         "sleep", "infinity")
        self.machine.wait(lambda: self.machine.run("loginctl", "list-sessions", "--no-legend").stdout, "a session", 10)
        self.machine.run(UNITS, "no-linger", uid)
        self.assertEqual(self.lingers(), "Linger=no")
        self.assertEqual(self.active(unit), "active")
        self.machine.run(UNITS, "linger", uid)
        self.machine.run("systemctl", "stop", "a-session.service")
        self.undo()

    def test_who_may_not_linger_ends_at_once_and_comes_back_with_undo(self):
        self.machine.run("useradd", "--create-home", "ci")
        self.addCleanup(self.machine.run, "userdel", "--remove", "ci")
        self.machine.run("loginctl", "enable-linger", "ci")
        uid = self.machine.run("id", "-u", "ci").stdout.strip()
        self.addCleanup(self.machine.run, UNITS, "no-linger", uid)
        unit = f"user@{uid}.service"
        self.machine.wait(lambda: self.active(unit) == "active", "the manager of ci", 20)
        self.policy('[[provision.tenant]]\nuser = "ci"\nlinger = false\n')
        before = self.photograph()
        control = ("--control", "provision.linger")
        refused = self.machine.agentctl("apply", "--yes", *control)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("needs --allow containers-stopped", refused.stdout)
        self.assertEqual(self.lingers("ci"), "Linger=yes")
        self.apply(*control, "--allow", "containers-stopped")
        self.assertEqual(self.lingers("ci"), "")
        self.assertEqual(self.active(unit), "inactive")
        self.assertEqual(self.statuses("provision.linger")[("provision.linger", "ci")], "pass")
        self.undo_all()
        self.assertEqual(self.lingers("ci"), "Linger=yes")
        self.assertEqual(self.active(unit), "active")
        self.assert_as_before(before)

    def test_a_missing_run_time_directory_is_made_by_the_users_manager(self):
        uid = self.provision()
        key = ("rootless.runtime-dir", "web")
        self.assertEqual(self.statuses(key[0])[key], "pass")
        self.machine.run("systemctl", "stop", f"user@{uid}.service", f"user-runtime-dir@{uid}.service")
        self.assertEqual(self.statuses(key[0])[key], "fail")
        self.apply("--control", key[0])
        self.assertEqual(self.statuses(key[0])[key], "pass")
        self.machine.agentctl("undo", "--last")
        self.assertEqual(self.statuses(key[0])[key], "fail")
        self.undo()

    def test_podman_runs_in_the_session_of_a_lingering_tenant(self):
        uid = self.provision()
        owner, start, count = self.machine.lines("/etc/subuid")[-1].split(":")
        self.assertEqual(owner, "web")
        shown = self.machine.run_in_session(uid, "podman", "unshare", "cat", "/proc/self/uid_map").stdout
        self.assertEqual(debian.triples(shown), [(0, int(uid), 1), (1, int(start), int(count))])
        self.run_a_container(uid)
        # As an administrator would before the tenant goes: its images and volumes are nobody else's to remove.
        self.machine.run("find", "/var/lib/web", "-mindepth", "1", "-delete")
        self.undo()

    def run_a_container(self, uid):
        """With as much of Podman as works here; what does not is told."""
        rootfs = self.machine.path("/var/lib/web/rootfs")
        (rootfs / "bin").mkdir(parents=True)
        self.machine.run("cp", "/bin/busybox", "/var/lib/web/rootfs/bin/busybox")
        self.machine.run("chown", "-R", "web:", "/var/lib/web/rootfs")
        command = ["--rootfs", "/var/lib/web/rootfs", "/bin/busybox", "cat", "/proc/self/uid_map"]
        for more in ([], ["--cgroups=disabled"]):
            done = self.machine.run_in_session(uid, "podman", "run", "--rm", "--network=none", *more, *command,
                                               check=False)
            if done.returncode == 0:
                break
            print(f"  podman run {' '.join(more)} does not work here: {done.stderr.strip()}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(debian.triples(done.stdout)[0], (0, int(uid), 1))

    def test_useradd_and_apply_at_the_same_time_lose_nothing(self):
        names = [f"theirs{i}" for i in range(12)]
        script = "for u in %s; do until useradd --create-home $u; do sleep 0.02; done; done" % " ".join(names)
        files = ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")
        before = {f: self.machine.read(f"/etc/{f}") for f in files}
        theirs = self.machine.start("bash", "-c", script)
        rounds = 0
        while theirs.poll() is None or rounds < 2:
            self.apply("--control", "provision.user", "--control", "provision.subid")
            self.undo_all()
            rounds += 1
        said = theirs.communicate()[0]
        self.assertEqual(theirs.returncode, 0, said)
        self.apply("--control", "provision.user", "--control", "provision.subid")
        for f in files:
            owners = [line.split(":")[0] for line in self.machine.lines(f"/etc/{f}")]
            for name in [*names, "web"]:
                self.assertEqual(owners.count(name), 1, f"{name} in {f}")
        for f in ("subuid", "subgid"):
            ranges = sorted(tuple(map(int, line.split(":")[1:])) for line in self.machine.lines(f"/etc/{f}"))
            for (start, count), (following, _) in zip(ranges, ranges[1:]):
                self.assertLessEqual(start + count, following, f)
        self.machine.run("pwck", "--read-only", "--quiet")
        self.machine.run("grpck", "--read-only")
        print(f"  {rounds} rounds of apply and undo beside {len(names)} useradd")
        self.undo_all()
        for name in names:
            self.machine.run("userdel", "--remove", name)
        self.assertEqual({f: self.machine.read(f"/etc/{f}") for f in files}, before)

    def test_undo_after_a_reboot(self):
        uid = self.provision()
        self.machine.reboot()
        self.machine.run("systemctl", "stop", "podman.service")
        self.assertEqual(self.lingers(), "Linger=yes")
        self.assertEqual(self.active(f"user@{uid}.service"), "active", "what lingering is for")
        self.assertEqual(set(self.statuses("provision.*").values()) - {"pass", "not-applicable"}, set())
        self.undo()


if __name__ == "__main__":
    CACHE, BUILD = sys.argv[1:3]
    if reason := machine.missing():
        print(f"skip: {reason}")
        sys.exit(machine.SKIP)
    ARCHIVE = debian.make_archive("bookworm", CACHE, "machine")
    unittest.main(argv=["agentctl_test.py", *sys.argv[3:]], verbosity=2)
