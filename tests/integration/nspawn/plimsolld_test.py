#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""plimsolld under a booted systemd: it starts, answers, heals what drifts, and is killed at any moment.

plimsolld_test.py CACHE_DIR BUILD_DIR, in a mount namespace of its own (unshare --mount --propagation private).
"""
import fcntl
import json
import random
import sys
import threading
import time
import xml.etree.ElementTree

import daemon_machine
from daemon_machine import NAME, PATH, STATE, UNIT, Watched
from daemon_state import assert_consistent

SUBUID, PASSWD = "/etc/subuid", "/etc/passwd"


class A_Service(Watched):
    """The unit; the first class in the alphabet, since it starts plimsolld."""

    def test_1_enabled_with_an_enforcing_policy_it_brings_the_host_inside(self):
        begun = time.monotonic()
        self.machine.run("systemctl", "enable", "--now", UNIT)
        shown = self.shown("ActiveState", "SubState", "Type", "StatusText", "NRestarts", "UnitFileState")
        took = time.monotonic() - begun
        self.assertEqual((shown["ActiveState"], shown["SubState"], shown["Type"], shown["UnitFileState"]),
                         ("active", "running", "notify", "enabled"))
        self.assertRegex(shown["StatusText"], r"^(out|in)side the line; \d+ pass")
        print(f"  READY=1 after {took * 1e3:.0f} ms: {shown['StatusText']}")
        self.assertIn(f'Status: "', self.machine.run("systemctl", "status", UNIT).stdout)
        self.settle()
        self.assertEqual([k for k in self.findings("provision.* podman.rootful-socket subuid.*", "fail unknown")], [])
        self.assertEqual(self.shown("NRestarts")["NRestarts"], "0", self.said())

    def test_2_its_watchdog_is_served(self):
        self.unit_options("20-watchdog", "[Service]", "WatchdogSec=2s")
        self.machine.run("systemctl", "restart", UNIT)
        time.sleep(5)
        shown = self.shown("WatchdogUSec", "NRestarts", "ActiveState")
        self.assertEqual(shown, {"WatchdogUSec": "2s", "NRestarts": "0", "ActiveState": "active"}, self.said())
        # And it matters: one that hangs is killed and started again.
        self.machine.run("systemctl", "kill", "--signal=STOP", UNIT)
        self.within(1.5 if self.slow > 1 else 15, lambda: self.shown("NRestarts")["NRestarts"] == "1",
                    "started again", 0.2)
        self.no_unit_options("20-watchdog")
        self.machine.run("systemctl", "restart", UNIT)
        self.assertEqual(self.shown("ActiveState")["ActiveState"], "active")

    def test_3_its_sandbox_hides_nothing_from_it(self):
        self.settle()
        done = self.machine.agentctl("check", "--json", check=False)
        outside = {(f["control"], f["subject"]): f["status"] for f in json.loads(done.stdout)["findings"]}
        inside = self.findings()
        differ = {k: (inside.get(k), outside.get(k)) for k in inside.keys() | outside.keys()
                  if inside.get(k) != outside.get(k)}
        # What is contested only a daemon knows.
        self.assertEqual(differ, {("policy.contested", "policy"): ("pass", "not-applicable")},
                         "plimsolld's, agentctl's")
        self.assertGreater(len(inside), 60)

    def test_4_reload_reads_the_policy_again(self):
        digest = self.get("PolicyDigest")
        policy = self.machine.read(daemon_machine.POLICY)
        self.machine.write(daemon_machine.POLICY, policy + '[control."rootless.ping-range"]\nmode = "off"\n')
        self.machine.run("systemctl", "reload", UNIT)
        self.assertNotEqual(self.get("PolicyDigest"), digest)
        self.machine.write(daemon_machine.POLICY, policy)
        self.machine.run("systemctl", "reload", UNIT)
        self.assertEqual(self.get("PolicyDigest"), digest)


class B_OnTheBus(Watched):
    """org.plimsoll.Agent1 on the system bus, for root and for others."""

    def members(self):
        text = self.machine.read("/usr/share/dbus-1/interfaces/org.plimsoll.Agent1.xml")
        return {(e.attrib["name"], e.tag) for e in xml.etree.ElementTree.fromstring(text).find("interface")}

    def test_busctl_shows_the_documented_interface(self):
        shown = self.machine.run("busctl", "introspect", NAME, PATH, NAME, user="nobody").stdout
        rows = [line.split() for line in shown.splitlines()[1:]]
        self.assertEqual({(r[0].lstrip("."), r[1]) for r in rows}, self.members())

    def test_who_is_not_root_may_read_and_is_refused_changes(self):
        self.assertGreater(len(self.ask("Findings", "sss", "", "", "", user="nobody")[0]), 60)
        for verb in ("status",), ("history",), ("containers",):
            done = self.machine.run("agentctl", *verb, user="nobody", check=False)
            self.assertIn(done.returncode, (0, 1, 3), done.stdout + done.stderr)
        no, plan = "boolean:false", ("string:", "boolean:false", "string:", "boolean:false")
        for member, *arguments in (("Apply", *plan), ("Plan", *plan), ("Undo", "uint64:1", no), ("Reload", no),
                                   ("LookAgain", no)):
            done = self.machine.run("dbus-send", "--system", "--print-reply", f"--dest={NAME}", PATH,
                                    f"{NAME}.{member}", *arguments, user="nobody", check=False)
            self.assertNotEqual(done.returncode, 0, member)
            self.assertRegex(done.stderr,
                             r"AccessDenied: org\.plimsoll\.agent1\.[a-z-]+: polkit (says no|wants to ask)", member)

    def test_nobody_else_may_take_the_name(self):
        done = self.machine.run("busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                "org.freedesktop.DBus", "RequestName", "su", NAME, "2", user="nobody", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("Access denied", done.stderr)


class C_Drift(Watched):
    """What somebody changes by hand, in each class of what is watched."""

    def setUp(self):
        # A clean slate: what is changed back three times is contested.
        self.machine.run("systemctl", "reload", UNIT)
        self.settle()

    def test_a_line_of_subuid_is_gone_before_the_next_prompt(self):
        before = self.machine.read(SUBUID)
        rows = self.drift("subuid.root-delegated", "mallory",
                          lambda: self.machine.run("sed", "-i", "$ a mallory:0:1", SUBUID),
                          lambda: self.machine.read(SUBUID) == before)
        told = self.machine.agentctl("history", "--control", "subuid.root-delegated").stdout
        self.assertRegex(told, r"(?s)20\d\d-\d\d-\d\dT\S+\s+fail → \w+\s+critical\s+subuid\.root-delegated\s+mallory\s+"
                               r"out for [\d.]+ m?s, healed by plimsolld")
        self.assertIn("/etc/subuid", rows[0]["cause"])
        self.assertIn("healed", self.machine.agentctl("status").stdout)

    def test_b_the_mode_of_subuid(self):
        path = self.machine.path(SUBUID)
        self.drift("subuid.file-integrity", SUBUID, lambda: self.machine.run("chmod", "0666", SUBUID),
                   lambda: path.stat().st_mode & 0o777 == 0o644)

    def test_c_an_account(self):
        def lines():
            return [x for x in self.machine.lines(PASSWD) if x.startswith("web:")]
        before = lines()
        self.drift("provision.user", "web", lambda: self.machine.run("sed", "-i", "/^web:/d", PASSWD),
                   lambda: len(lines()) == 1)
        self.assertEqual(lines()[0].split(":")[5:], before[0].split(":")[5:])

    def test_d_a_kernel_setting(self):
        knob = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
        read = lambda: self.machine.run("cat", knob).stdout.strip()  # noqa: E731
        self.drift("provision.sysctl", "net.ipv4.ip_unprivileged_port_start",
                   lambda: self.machine.run("sysctl", "-qw", "net.ipv4.ip_unprivileged_port_start=80"),
                   lambda: read() == "1024")

    def test_e_the_podman_socket(self):
        def off():
            shown = self.machine.properties("podman.socket", "ActiveState", "UnitFileState")
            return shown == {"ActiveState": "inactive", "UnitFileState": "masked"}
        def on():
            self.machine.run("systemctl", "unmask", "podman.socket")
            self.machine.run("systemctl", "enable", "podman.socket")
            self.machine.run("systemctl", "start", "podman.socket", check=False)  # may be healed away under its hands
        self.drift("podman.rootful-socket", "podman.socket", on, off)

    def test_f_linger(self):
        file = self.machine.path("/var/lib/systemd/linger/web")
        self.drift("provision.linger", "web", lambda: self.machine.run("loginctl", "disable-linger", "web"),
                   file.exists)
        self.drift("provision.linger", "web", file.unlink, file.exists)

    def test_g_files_of_the_engines(self):
        name = "/etc/containers/containers.conf.d/60-plimsoll.conf"
        before = self.machine.read(name)
        same = lambda: self.machine.path(name).exists() and self.machine.read(name) == before  # noqa: E731
        self.drift("provision.engine-config", name,
                   lambda: self.machine.write(name, '[engine]\nruntime = "runc"\n'), same)
        self.drift("provision.engine-config", name, lambda: self.machine.run("rm", name), same)

    def test_h_a_drop_in_of_the_service_manager(self):
        [file] = self.machine.path("/etc/systemd/system").glob("user@.service.d/*plimsoll*")
        name = "/" + str(file.relative_to(self.machine.root))
        before = file.read_text()
        subject = next(s for c, s in self.findings("provision.delegation"))
        self.drift("provision.delegation", subject, file.unlink,
                   lambda: file.exists() and self.machine.read(name) == before)

    def test_i_something_mounted_over_a_watched_directory(self):
        folder = "/etc/containers/containers.conf.d"
        name = folder + "/60-plimsoll.conf"
        there = lambda: self.machine.run("test", "-s", name, check=False).returncode == 0  # noqa: E731
        def mount():
            self.machine.run("mount", "-t", "tmpfs", "tmpfs", folder)
        self.drift("provision.engine-config", name, mount, there)
        # Below it is watched as well, and after it is gone, what was there before.
        self.drift("provision.engine-config", name, lambda: self.machine.run("rm", name), there)
        self.machine.run("umount", folder)
        self.settle()
        self.drift("provision.engine-config", name, lambda: self.machine.run("rm", name), there)

    def test_j_the_storage_of_images(self):
        folder = "/var/lib/containers/storage"
        path = self.machine.path(folder)
        self.drift("storage.conf", folder, lambda: path.chmod(0o755), lambda: path.stat().st_mode & 0o044 == 0)

    def test_k_it_never_restarted(self):
        self.assertEqual(self.shown("NRestarts")["NRestarts"], "0", self.said())

    def test_l_what_no_event_tells_is_found_by_the_full_pass(self):
        self.unit_options("20-pass", "[Service]", "ExecStart=", "ExecStart=/usr/sbin/plimsolld --full-pass 4")
        self.machine.run("systemctl", "restart", UNIT)
        self.settle()
        # The kernel tells of no write through another instance of procfs.
        script = "mount -t proc proc /mnt && echo 81 >/mnt/sys/net/ipv4/ip_unprivileged_port_start; umount /mnt"
        rows = self.drift("provision.sysctl", "net.ipv4.ip_unprivileged_port_start",
                          lambda: self.machine.run("unshare", "--mount", "sh", "-c", script),
                          lambda: self.machine.run(
                              "sysctl", "-n", "net.ipv4.ip_unprivileged_port_start").stdout == "1024\n",
                          announced=False, seconds=10)
        self.assertEqual(rows[0]["cause"], "full pass")
        self.no_unit_options("20-pass")
        self.machine.run("systemctl", "restart", UNIT)


class D_Killed(Watched):
    """SIGKILL at any moment while drift goes on."""

    KILLS = 200

    def kill(self):
        self.machine.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", UNIT, check=False)

    def active(self):
        return self.shown("ActiveState")["ActiveState"] == "active"

    def test_1_it_comes_back_however_often_it_is_killed(self):
        for _ in range(8):
            self.within(4, lambda: self.shown("MainPID")["MainPID"] != "0", "started again", 0.02)
            self.kill()
        self.within(6, self.active, "active again", 0.05)

    def test_2_the_host_ends_inside_the_line(self):
        self.unit_options("20-kill", "[Unit]", "StartLimitIntervalSec=0", "[Service]", "RestartSec=0")
        self.machine.run("systemctl", "stop", UNIT)
        self.machine.run("rm", "-rf", STATE)  # a journal of this alone
        before = self.machine.lines(SUBUID)
        files = self.names()
        self.machine.run("systemctl", "start", UNIT)
        seed = random.randrange(1 << 30)
        print(f"  seed {seed}", flush=True)
        written = self.drift_and_kill(random.Random(seed))
        self.within(10, lambda: self.machine.lines(SUBUID) == before, f"seed {seed}: {SUBUID} whole")
        self.within(10, lambda: self.active() and not self.failing("subuid.root-delegated"), "inside", 0.1)
        self.machine.run("systemctl", "stop", UNIT)
        self.assertEqual(self.machine.agentctl("check", "--control", "subuid.root-delegated").returncode, 0,
                         f"seed {seed}")
        self.assertEqual(self.names() - files, set(), f"seed {seed}: left over")
        entries, transitions = assert_consistent(self, self.machine.agentctl("journal", "--json").stdout,
                                                 self.machine.path(STATE), f"seed {seed}")
        done = self.machine.agentctl("undo", "--all")
        self.assertEqual(done.returncode, 0, f"seed {seed}: {done.stdout}{done.stderr}")
        after = self.machine.lines(SUBUID)
        self.assertEqual(sorted(after), sorted(before + [f"user{i}:0:1" for i in range(written)]), f"seed {seed}")
        print(f"  killed {self.KILLS} times: {written} drifts, {len(entries)} journal entries, "
              f"{transitions} transitions; all taken back by undo")
        self.machine.path(SUBUID).write_text("".join(line + "\n" for line in before))
        self.no_unit_options("20-kill")

    def names(self):
        """What is in the folders that fixes write to."""
        return {str(p) for f in ("/etc", "/var/lib/systemd/linger") for p in self.machine.path(f).rglob("*")}

    def drift_and_kill(self, moments):
        """How many lines were written."""
        stop = threading.Event()
        written = 0

        def writer():
            nonlocal written
            while not stop.is_set():
                time.sleep(0.01 * self.slow)
                if self.machine.read(SUBUID).count(":0:1") >= 5:
                    continue  # each pair of them is a finding as well
                with open(self.machine.path("/etc/.pwd.lock"), "w") as lock:  # as useradd and plimsolld do
                    fcntl.lockf(lock, fcntl.LOCK_EX)
                    self.machine.append(SUBUID, f"user{written}:0:1\n")
                written += 1

        thread = threading.Thread(target=writer)
        thread.start()
        try:
            for _ in range(self.KILLS):
                # Mostly before its first look has ended, else while it heals.
                time.sleep(moments.uniform(0, (0.25 if moments.random() < 0.3 else 0.08) * self.slow))
                self.kill()
        finally:
            stop.set()
            thread.join()
        return written


if __name__ == "__main__":
    daemon_machine.main(sys.argv[0], sys.argv)
