#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""agentctl on a real Debian tree, judged by the real programs: useradd, usermod, getsubids, newuidmap, podman.

real_test.py SUITE CACHE_DIR, in a mount namespace of its own (unshare --mount --propagation private).
"""
import os
import pathlib
import re
import shutil
import sys
import tempfile
import threading
import time
import unittest

import debian

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "support"))

import tenant_policy  # noqa: E402

SKIP = 77  # ctest's SKIP_RETURN_CODE
ARCHIVE = None
BLOCK = 65536

TENANTS = tenant_policy.WEB + """
[[provision.tenant]]
user = "ops"
kind = "regular"
subuid = ["500000:65536", "700000:1000"]
subgid = ["500000:65536", "800000:2000"]

[provision.containers_conf.engine]
events_logger = "none"

[provision.registries_conf]
unqualified-search-registries = ["registry.example"]

[provision.storage_conf.storage]
driver = "vfs"

[provision.sysctl]
"user.max_user_namespaces" = 28633
"""


class RealTree(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.tree = debian.Tree(ARCHIVE)
        self.addCleanup(self.tree.close)
        self.scratch = tempfile.mkdtemp(prefix="plimsoll-policy-")
        self.addCleanup(shutil.rmtree, self.scratch)

    def policy(self, text):
        path = os.path.join(self.scratch, "policy.toml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def failing(self, *argv, policy=None):
        _, findings = self.tree.check(*argv, policy=policy)
        return {(f["control"], f["subject"]) for f in findings if f["status"] == "fail"}

    def assert_nothing_changed(self, before):
        self.assertEqual(debian.changed(before, self.tree.manifest()), {})

    def apply(self, *argv, policy=None):
        done = self.tree.agentctl("apply", "--yes", *argv, policy=policy, check=False)
        self.assertIn(done.returncode, (0, 1), done.stdout + done.stderr)
        return done

    def undo_all(self):
        done = self.tree.agentctl("undo", "--all", check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Judging(RealTree):
    def test_users_of_useradd_and_usermod_are_seen_as_they_are(self):
        self.tree.chroot("useradd", "-m", "alice")
        self.tree.chroot("useradd", "-m", "bob")
        self.assertEqual(self.tree.lines("/etc/subuid"), ["alice:100000:65536", "bob:165536:65536"])
        before = self.tree.manifest()
        _, findings = self.tree.check("--control", "subuid.*")
        self.assertEqual([f for f in findings if f["control"] == "subuid.range-overlap" and f["status"] != "pass"], [])
        self.assertEqual([f for f in findings if f["control"] == "subuid.root-delegated" and f["status"] != "pass"], [])
        self.assert_nothing_changed(before)
        self.tree.chroot("usermod", "--add-subuids", "100000-100009", "bob")
        code, findings = self.tree.check("--control", "subuid.range-overlap")
        self.assertEqual(code, 1)
        overlap = [f for f in findings if f["status"] == "fail"]
        self.assertTrue(overlap)
        self.assertEqual({n for f in overlap for n in f["subject"].split(",")}, {"alice", "bob"})
        sources = {e["source"] for f in overlap for e in f["evidence"]}
        self.assertEqual(sources, {"/etc/subuid:1", "/etc/subuid:3"})

    def test_a_user_who_is_given_root_is_named_with_file_and_line(self):
        self.tree.chroot("useradd", "-m", "alice")
        self.tree.append("/etc/subuid", "mallory:0:1\n")
        code, findings = self.tree.check()
        self.assertEqual(code, 1)
        root = [f for f in findings if f["control"] == "subuid.root-delegated" and f["status"] == "fail"]
        self.assertEqual(len(root), 1, findings)
        self.assertEqual(root[0]["severity"], "critical")
        self.assertIn("mallory", root[0]["subject"])
        self.assertIn("/etc/subuid:2", {e["source"] for e in root[0]["evidence"]})

    def test_every_control_of_the_catalogue_is_in_the_report(self):
        _, findings = self.tree.check()
        listed = self.tree.agentctl("controls", "--json").stdout
        for finding in findings:
            self.assertIn(finding["control"], listed)
        self.assertTrue({"provision.user", "provision.subid"} <= {f["control"] for f in findings})

    def test_shadow_gives_every_id_for_a_count_of_zero_and_so_do_we(self):
        self.tree.chroot("useradd", "-m", "alice")
        self.tree.write("/etc/subuid", "alice:0:0\n")
        got = self.tree.map("alice", "newuidmap", "0", "0", "65536", check=False)
        # So do 4.13 and 4.17, in bookworm and trixie: this is why a count of 0 is host root to us.
        self.assertEqual(debian.triples(got.stdout), [(0, 0, BLOCK)], got.stderr)
        code, findings = self.tree.check("--control", "subuid.root-delegated")
        self.assertEqual(code, 1)
        self.assertTrue(any(f["status"] == "fail" and "alice" in f["subject"] for f in findings))


class ChangingAndUndoing(RealTree):
    def test_plan_apply_and_undo_do_what_they_say(self):
        self.tree.chroot("useradd", "-m", "alice")
        for name in ("/etc/subuid", "/etc/subgid"):
            self.tree.append(name, "mallory:0:1\n")
        self.tree.path("/etc/subuid").chmod(0o666)
        before = self.tree.manifest()
        plan = self.tree.agentctl("plan")
        self.assertIn("-mallory:0:1", plan.stdout)
        self.assert_nothing_changed(before)
        self.apply()
        self.assertEqual(self.tree.lines("/etc/subuid"), ["alice:100000:65536"])
        self.assertNotIn("mallory", self.tree.agentctl("plan").stdout)
        self.assertEqual(self.failing("--control", "subuid.root-delegated"), set())
        self.undo_all()
        self.assert_nothing_changed(before)

    def test_undo_restores_every_byte_of_a_provisioned_tree(self):
        policy = self.policy(TENANTS)
        before = self.tree.manifest()
        self.apply("--control", "provision.*", policy=policy)
        self.assertEqual(self.failing("--control", "provision.*", policy=policy), set())
        once = self.tree.manifest(without=("var/lib/plimsoll",))
        self.apply("--control", "provision.*", policy=policy)
        self.assertEqual(debian.changed(once, self.tree.manifest()), {}, "the second run has nothing to do")
        self.undo_all()
        self.assert_nothing_changed(before)
        self.apply("--control", "provision.*", policy=policy)
        self.assertEqual(debian.changed(once, self.tree.manifest()), {}, "the same again, from the ledger")


class Provisioning(RealTree):
    def setUp(self):
        super().setUp()
        self.tree.chroot("useradd", "-m", "alice")
        self.complaints = self.database_complaints()
        self.policy_file = self.policy(TENANTS)
        self.apply("--control", "provision.*", policy=self.policy_file)

    def database_complaints(self):
        """What shadow's own checkers say, for comparison."""
        return {
            line
            for tool in ("pwck", "grpck")
            for line in self.tree.chroot(tool, "-r", check=False).stdout.splitlines()
        }

    def test_the_accounts_are_such_as_the_tools_know_them(self):
        self.assertEqual(self.database_complaints() - self.complaints, set())
        self.assertEqual(
            self.tree.chroot("getent", "passwd", "web").stdout,
            "web:x:999:999::/var/lib/web:/usr/sbin/nologin\n",
        )
        self.assertEqual(self.tree.chroot("id", "ops").stdout, "uid=1001(ops) gid=1001(ops) groups=1001(ops)\n")
        for user in ("web", "ops"):
            self.assertEqual(self.tree.chroot("passwd", "-S", user).stdout.split()[1], "L", "locked")
        home = os.stat(self.tree.path("/var/lib/web"))
        self.assertEqual((home.st_mode & 0o7777, home.st_uid, home.st_gid), (0o700, 999, 999))
        self.tree.chroot("useradd", "-m", "carol")
        self.tree.chroot("userdel", "-r", "ops")
        self.assertEqual(self.tree.chroot("getent", "passwd", "ops", check=False).returncode, 2)

    def test_getsubids_lists_what_the_policy_asked_for(self):
        ask = lambda *argv: self.tree.chroot("getsubids", *argv).stdout.splitlines()
        self.assertEqual(ask("ops"), ["0: ops 500000 65536", "1: ops 700000 1000"])
        self.assertEqual(ask("-g", "ops"), ["0: ops 500000 65536", "1: ops 800000 2000"])
        web = ask("web")[0].split()
        self.assertEqual(web[3], str(BLOCK))
        self.assertEqual(ask("-g", "web")[0].split()[1:], web[1:], "one block for uids and gids")
        alice = range(100000, 100000 + BLOCK)
        self.assertNotIn(int(web[2]), alice)
        self.assertGreaterEqual(int(web[2]), alice.stop)

    def test_rootless_podman_maps_exactly_the_ranges_of_the_policy(self):
        self.assertEqual(
            self.tree.mapped_by_podman("ops"), [(0, 1001, 1), (1, 500000, BLOCK), (1 + BLOCK, 700000, 1000)]
        )
        self.assertEqual(
            self.tree.mapped_by_podman("ops", "gid"),
            [(0, 1001, 1), (1, 500000, BLOCK), (1 + BLOCK, 800000, 2000)],
        )
        start = int(self.tree.chroot("getsubids", "web").stdout.split()[2])
        self.assertEqual(self.tree.mapped_by_podman("web"), [(0, 999, 1), (1, start, BLOCK)])
        self.assertEqual(self.tree.mapped_by_podman("web", "gid"), [(0, 999, 1), (1, start, BLOCK)])

    def test_podman_reads_the_engine_configuration(self):
        info = self.tree.as_user(
            "web", "podman", "info", "--format", "{{.Host.EventLogger}} {{.Store.GraphDriverName}} {{.Registries}}"
        )
        self.assertEqual(info.stdout.strip(), "none vfs map[search:[registry.example]]", info.stderr)

    def test_newuidmap_gives_the_range_and_no_more(self):
        got = self.tree.map("ops", "newuidmap", "0", "1001", "1", "1", "500000", str(BLOCK))
        self.assertEqual(debian.triples(got.stdout), [(0, 1001, 1), (1, 500000, BLOCK)])
        got = self.tree.map("ops", "newgidmap", "0", "1001", "1", "1", "800000", "2000")
        self.assertEqual(debian.triples(got.stdout), [(0, 1001, 1), (1, 800000, 2000)])
        for outside, count in (("0", "1"), ("499999", "2"), ("500000", str(BLOCK + 1)), ("100000", "1")):
            refused = self.tree.map("ops", "newuidmap", "0", outside, count, check=False)
            self.assertNotEqual(refused.returncode, 0, f"{outside}:{count} was mapped: {refused.stdout}")

    def test_a_range_of_another_user_is_never_given(self):
        text = '[[provision.tenant]]\nuser = "ops"\nkind = "regular"\nsubuid = "150000:65536"\n'
        _, findings = self.tree.check("--control", "provision.subid", policy=self.policy(text))
        ops = [f for f in findings if f["subject"] == "ops"]
        self.assertEqual(ops[0]["status"], "fail")
        self.assertEqual(ops[0]["fix"]["class"], "never-automatic")
        self.assertIn("/etc/subuid:1", {e["source"] for e in ops[0]["evidence"]})


class Concurrency(RealTree):
    ROUNDS = 6
    pause = 0.05  # seconds from one useradd to the next

    def add_users(self, enough, added, problems):
        """useradd gives up when the databases stay locked; a person would type it again."""
        while not enough.is_set() or len(added) < 10:
            name = f"u{len(added)}"
            done = self.tree.chroot("useradd", name, check=False)
            if done.returncode == 0:
                added.append(name)
                time.sleep(self.pause)
            elif "lock" not in done.stderr:
                problems.append(done.stderr)
                return

    def apply_until_done(self, policy):
        """How often apply gave up, because useradd was faster too often, and had to be started again. The longer an
        apply takes here, the longer useradd has to rest for one to get through."""
        for repeated in range(20):
            self.pause = min(0.05 * 2**repeated, 10)
            done = self.apply("--control", "provision.*", policy=policy)
            if done.returncode == 0:
                return repeated
            self.assertIn("meanwhile", " ".join(done.stdout.split() + done.stderr.split()))
        self.fail("apply never ends beside useradd")

    def test_useradd_beside_apply_and_undo_loses_no_entry(self):
        # Stated ranges beyond those that useradd gives out here.
        policy = self.policy(re.sub(r'"(\d00000):', r'"400\1:', TENANTS))
        originals = {n: self.tree.lines(f"/etc/{n}") for n in ("passwd", "group", "shadow", "gshadow")}
        enough, added, problems = threading.Event(), [], []
        beside = repeated = 0
        adder = threading.Thread(target=self.add_users, args=(enough, added, problems))
        adder.start()
        try:
            for _ in range(self.ROUNDS):
                before = len(added)
                repeated += self.apply_until_done(policy)
                self.undo_all()
                beside += len(added) - before
        finally:
            enough.set()
            adder.join()
        self.assertEqual(problems, [])
        self.assertGreater(beside, 0, "the two did not run beside each other")
        for name, before in originals.items():
            now = self.tree.lines(f"/etc/{name}")
            self.assertEqual(now[: len(before)], before, name)
            self.assertEqual(sorted(line.split(":")[0] for line in now[len(before) :]), sorted(added), name)
        for name in ("/etc/subuid", "/etc/subgid"):
            owners = [line.split(":")[0] for line in self.tree.lines(name)]
            self.assertEqual(sorted(owners), sorted(added), name)
        self.assertEqual(self.failing("--control", "subuid.range-overlap"), set())
        print(f"  {beside} useradd beside {self.ROUNDS} rounds of apply and undo; apply repeated {repeated} times")


def skip(reason):
    print(f"skip: {reason}")
    sys.exit(SKIP)


if __name__ == "__main__":
    SUITE, cache = sys.argv[1:3]
    if os.geteuid() != 0:
        skip("real trees need root: users are made, and namespaces with their maps")
    if shutil.which("mmdebstrap") is None:
        skip("mmdebstrap is not installed, so there is no real tree")
    started = time.monotonic()
    ARCHIVE = debian.make_archive(SUITE, cache)
    print(f"tree of {SUITE} after {time.monotonic() - started:.0f} s")
    unittest.main(argv=["real_test.py", *sys.argv[3:]], verbosity=2)
