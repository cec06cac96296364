# SPDX-License-Identifier: Apache-2.0
"""The built agentctl on scratch trees, end to end: what a person or a pipeline sees.

cli_test.py AGENTCTL SOURCE_DIR [unittest arguments]
"""
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import unicodedata
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

AGENTCTL = os.path.abspath(sys.argv[1])
SOURCE = Path(sys.argv[2]).resolve()
ROOT_DELEGATED = "subuid.root-delegated"

FILES = {
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n"
                  "bob:x:1001:1001::/home/bob:/bin/bash\nmallory:x:1002:1002::/home/mallory:/bin/bash\n",
    "etc/group": "root:x:0:\nalice:x:1000:\nbob:x:1001:\nmallory:x:1002:\n",
    "etc/subuid": "alice:100000:65536\nbob:165536:65536\n",
    "etc/subgid": "alice:100000:65536\nbob:165536:65536\n",
    "etc/login.defs": "SUB_UID_MIN 100000\nSUB_UID_MAX 600100000\nSUB_UID_COUNT 65536\n"
                      "SUB_GID_MIN 100000\nSUB_GID_MAX 600100000\nSUB_GID_COUNT 65536\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\n",
}


def environment(**more):
    env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "TERM": "xterm"}
    return env | more


def width(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def on_terminal(arguments, answer=None, **env):
    """Runs with a pseudo-terminal as all three streams; returns exit code and what it showed."""
    parent, child = pty.openpty()
    process = subprocess.Popen([AGENTCTL, *arguments], stdin=child, stdout=child, stderr=child,
                               env=environment(**env), close_fds=True)
    os.close(child)
    shown = b""
    while True:
        ready, _, _ = select.select([parent], [], [], 60)
        if not ready:
            process.kill()
            break
        try:
            data = os.read(parent, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
        if answer is not None and b"[y/N]" in shown:
            os.write(parent, answer)
            answer = None
    os.close(parent)
    return process.wait(), shown.decode("utf-8", "replace").replace("\r\n", "\n")


class TreeTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="plimsoll-cli-"))
        self.addCleanup(shutil.rmtree, self.root)
        self.root.chmod(0o755)
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def mallory(self):
        for name in ("etc/subuid", "etc/subgid"):
            self.write(name, FILES[name] + "mallory:0:1\n")

    def run_it(self, *arguments, code=None, root=True, **env):
        where = ["--root", str(self.root)] if root else []
        done = subprocess.run([AGENTCTL, *arguments, *where], stdin=subprocess.DEVNULL, capture_output=True,
                              env=environment(**env), timeout=120)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stdout.decode() + done.stderr.decode())
        done.out, done.err = done.stdout.decode(), done.stderr.decode()
        return done

    def json(self, *arguments, code=None):
        return json.loads(self.run_it(*arguments, "--json", code=code).out)

    def snapshot(self, state=True):
        """Everything of the tree; without the state directory and what leads to it unless `state`."""
        out = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if not state and (name in ("var", "var/lib") or name.startswith("var/lib/plimsoll")):
                continue
            st = path.lstat()
            content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
            out[name] = (st.st_mode, st.st_uid, st.st_gid, content)
        return out


class TheLine(TreeTest):
    """check, plan, apply and undo on a tree in which a user was handed host root."""

    def setUp(self):
        super().setUp()
        self.mallory()
        self.before = self.snapshot()

    def test_check_names_file_and_line_and_changes_nothing(self):
        report = self.json("check", code=1)
        findings = [f for f in report["findings"] if f["control"] == ROOT_DELEGATED and f["status"] == "fail"]
        self.assertTrue(findings)
        sources = [e["source"] for f in findings for e in f["evidence"]]
        self.assertIn("/etc/subuid:3", sources)
        text = self.run_it("check", code=1).out
        self.assertIn("/etc/subuid:3", text)
        self.assertIn("mallory:0:1", text)
        self.assertEqual(self.snapshot(), self.before)

    def test_plan_shows_the_diff_and_changes_nothing(self):
        done = self.run_it("plan", "--control", ROOT_DELEGATED, code=1)
        self.assertIn("-mallory:0:1", done.out)
        self.assertIn("--- a/etc/subuid", done.out)
        self.assertIn("class live, mode audit", done.out)
        plan = self.json("plan", "--control", ROOT_DELEGATED, code=1)
        self.assertEqual(plan["schema"], "plimsoll.plan/1")
        self.assertTrue(any("-mallory:0:1" in c["diff"] for f in plan["fixes"] for c in f["changes"] if c["diff"]))
        self.assertEqual(self.snapshot(), self.before)

    def test_enforced_leaves_audited_controls_out(self):
        plan = self.json("plan", "--enforced", "--control", ROOT_DELEGATED, code=1)
        self.assertEqual(plan["fixes"], [])
        self.run_it("apply", "--enforced", "--yes", "--control", ROOT_DELEGATED, code=1)
        self.assertEqual(self.snapshot(state=False), self.before)

    def test_apply_then_undo_restores_every_byte(self):
        done = self.json("apply", "--yes", "--control", ROOT_DELEGATED, code=0)
        self.assertEqual(done["schema"], "plimsoll.apply/1")
        self.assertTrue(done["done"])
        self.assertIsNone(done["stopped"])
        self.assertNotIn("mallory", (self.root / "etc/subuid").read_text())
        self.run_it("check", "--control", ROOT_DELEGATED, code=0)

        again = self.run_it("apply", "--yes", "--control", ROOT_DELEGATED, code=0)
        self.assertIn("Nothing to do", again.out)

        journal = self.json("journal", code=0)
        self.assertEqual([e["id"] for e in journal["entries"]], [done["entry"]])
        self.assertTrue(all(s["state"] == "done" for s in journal["entries"][0]["steps"]))

        undone = self.json("undo", "--all", code=0)
        self.assertEqual(undone["entries"], [{"id": done["entry"], "undone": True, "error": None}])
        self.assertEqual(self.snapshot(state=False), self.before)
        self.assertIn("Nothing to undo", self.run_it("undo", "--all", code=0).out)
        self.assertTrue(self.json("journal", code=0)["entries"][0]["undone"])

    def test_undo_by_id_and_last(self):
        self.run_it("apply", "--yes", "--control", ROOT_DELEGATED, code=0)
        self.assertIn("lists them", self.run_it("undo", "77", code=2).err)
        entry = self.json("journal")["entries"][0]["id"]
        self.run_it("undo", str(entry), code=0)
        self.assertEqual(self.snapshot(state=False), self.before)
        self.run_it("apply", "--yes", "--control", ROOT_DELEGATED, code=0)
        self.run_it("undo", "--last", code=0)
        self.assertEqual(self.snapshot(state=False), self.before)

    def test_many_lines_with_id_zero_are_one_finding_and_one_fix(self):
        # Of many owners, and of one: a look at the whole host after each of 300 fixes would take minutes.
        for lines in ("".join(f"x{i}:0:1\n" for i in range(300)), "x:0:1\n" * 300):
            for name in ("etc/subuid", "etc/subgid"):
                self.write(name, FILES[name] + lines)
            found = [f for f in self.json("check", code=1)["findings"] if f["status"] == "fail"]
            root = [f for f in found if f["control"] == ROOT_DELEGATED]
            self.assertEqual(len(root), 1)
            self.assertEqual(len(root[0]["evidence"]), 21)
            self.assertEqual(root[0]["evidence"][-1]["found"], "and 580 more")
            self.assertLessEqual(len([f for f in found if f["control"] == "subuid.range-overlap"]), 1)
            done = self.json("apply", "--yes", "--control", "subuid.*")
            self.assertEqual([f["control"] for f in done["done"]], [ROOT_DELEGATED])
            self.assertEqual((self.root / "etc/subuid").read_text(), FILES["etc/subuid"])
            self.run_it("undo", "--all", code=0)
            self.assertEqual((self.root / "etc/subuid").read_text(), FILES["etc/subuid"] + lines)

    def test_the_whole_of_apply_and_undo(self):
        done = self.json("apply", "--yes")
        self.assertIsNone(done["stopped"])
        self.assertEqual(self.json("plan")["fixes"],
                         [f for f in self.json("plan")["fixes"] if f["class"] != "live"])
        self.run_it("undo", "--all", code=0)
        self.assertEqual(self.snapshot(state=False), self.before)

    def test_apply_without_a_terminal_does_nothing_and_says_what_to_do(self):
        done = self.run_it("apply", code=2)
        self.assertIn("--yes", done.err)
        self.assertEqual(self.snapshot(), self.before)

    def test_apply_asks_on_a_terminal(self):
        arguments = ["apply", "--root", str(self.root), "--control", ROOT_DELEGATED]
        code, shown = on_terminal(arguments, b"n\n")
        self.assertEqual(code, 1)
        self.assertIn("nothing was changed", shown)
        self.assertIn("mallory:0:1", shown)
        self.assertEqual(self.snapshot(), self.before)
        code, shown = on_terminal(arguments, b"y\n")
        self.assertEqual(code, 0, shown)
        self.assertRegex(shown, r"agentctl undo \d+ --root")
        self.assertNotIn("mallory", (self.root / "etc/subuid").read_text())


class ExitCodes(TreeTest):
    def test_inside_and_outside(self):
        self.run_it("check", "--control", ROOT_DELEGATED, code=0)
        self.mallory()
        self.run_it("check", "--control", ROOT_DELEGATED, code=1)

    def test_wrong_usage(self):
        for arguments in (["chekc"], [], ["check", "--nonsense"], ["explain", "no.such"],
                          ["check", "--control", "nothing.*"], ["undo"], ["check", "--format", "xml"]):
            done = self.run_it(*arguments, code=2)
            self.assertEqual(done.out, "")
            self.assertTrue(done.err.startswith("agentctl: "), done.err)
        self.assertIn('did you mean "check"', self.run_it("chekc").err)
        self.assertIn('did you mean "subuid.root-delegated"', self.run_it("explain", "subuid.root-delegatd").err)
        self.run_it("check", "--root", "/nonexistent/root", root=False, code=2)

    def test_refused_policy_lists_every_problem(self):
        self.write("bad.toml", 'profile = "rootless-stirct"\n\n[[exception]]\ncontrol = "subuid.*"\n')
        done = self.run_it("check", "--policy", str(self.root / "bad.toml"), code=2)
        self.assertRegex(done.err, r"bad\.toml:1:\d+: ")
        self.assertRegex(done.err, r"bad\.toml:[34]:\d+: ")
        self.assertEqual(done.out, "")
        self.run_it("policy", "validate", str(self.root / "bad.toml"), code=2)
        problems = self.json("policy", "validate", str(self.root / "bad.toml"), code=2)
        self.assertFalse(problems["valid"])
        self.assertGreaterEqual(len(problems["problems"]), 2)

    def test_unobserved(self):
        (self.root / "etc/subuid").unlink()
        os.mkfifo(self.root / "etc/subuid")
        done = self.run_it("check", "--control", ROOT_DELEGATED, code=3)
        self.assertIn("COULD NOT BE OBSERVED", done.out)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become somebody else")
    def test_not_permitted(self):
        for verb in (["apply", "--yes"], ["undo", "--all"]):
            done = subprocess.run([AGENTCTL, *verb], user=65534, group=65534, extra_groups=[], capture_output=True,
                                  env=environment(), cwd="/")
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn(b"sudo agentctl " + verb[0].encode(), done.stderr)
        self.mallory()
        done = subprocess.run([AGENTCTL, "apply", "--yes", "--root", str(self.root)], user=65534, group=65534,
                              extra_groups=[], capture_output=True, env=environment(), cwd="/")
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)

    def test_lost_output_is_no_success(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([AGENTCTL, "version"], stdout=full, stderr=subprocess.PIPE, env=environment())
        self.assertNotEqual(done.returncode, 0)

    def test_quiet_tells_by_the_exit_code_alone(self):
        self.mallory()
        done = self.run_it("check", "-q", "--control", ROOT_DELEGATED, code=1)
        self.assertEqual((done.out, done.err), ("", ""))


class HostPolicy(TreeTest):
    """Layers of the host's own policy, and what is in force while they are refused."""

    def test_a_later_layer_wins_and_a_broken_one_never_weakens(self):
        self.write("usr/lib/plimsoll/policy.d/10.toml", 'profile = "audit-only"\n')
        self.write("etc/plimsoll/policy.d/20.toml", 'profile = "rootless-baseline"\n')
        self.assertEqual(self.json("check")["policy"]["profile"], "rootless-baseline")
        self.mallory()
        self.run_it("apply", "--yes", "--control", ROOT_DELEGATED, code=0)

        self.write("etc/plimsoll/policy.d/20.toml", 'profile = "rootless-basline"\n')
        report = self.json("check", code=1)
        self.assertEqual(report["policy"]["profile"], "rootless-baseline")
        broken = [f for f in report["findings"] if f["control"] == "policy.files" and f["status"] == "fail"]
        self.assertTrue(broken)
        self.assertIn("20.toml", json.dumps(broken))
        shown = self.run_it("policy", "show", code=2)
        self.assertIn("last good", shown.err)
        self.assertIn("rootless-baseline", shown.out)

    def test_apply_with_nothing_to_do_keeps_the_policy_too(self):
        self.write("etc/plimsoll/policy.d/20.toml", 'profile = "rootless-baseline"\n')
        self.run_it("apply", "--yes", "--control", ROOT_DELEGATED, code=0)
        self.write("etc/plimsoll/policy.d/20.toml", "profile = 7\n")
        self.assertEqual(self.json("check", code=None)["policy"]["profile"], "rootless-baseline")

    def test_refused_without_a_last_good_one(self):
        self.write("etc/plimsoll/policy.d/20.toml", "profile = 7\n")
        done = self.run_it("check", code=2)
        self.assertIn("20.toml:1:", done.err)

    def test_a_policy_that_only_root_may_read_is_not_a_broken_one(self):
        self.root.chmod(0o755)
        self.write("etc/plimsoll/policy.d/20.toml", 'profile = "audit-only"\n')
        (self.root / "etc/plimsoll/policy.d").chmod(0o700)
        done = subprocess.run([AGENTCTL, "check", "--root", str(self.root)], user=65534, group=65534,
                              extra_groups=[], capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
        self.assertEqual(done.returncode, 4, done.stderr.decode())
        self.assertIn("/etc/plimsoll/policy.d", done.stderr.decode())
        self.assertIn("Try as root", done.stderr.decode())

    def test_explicit_policy_replaces_the_host_one(self):
        self.write("etc/plimsoll/policy.d/20.toml", "broken = \n")
        self.write("site.toml", 'profile = "rootless-strict"\n')
        self.assertEqual(self.json("check", "--policy", str(self.root / "site.toml"))["policy"]["profile"],
                         "rootless-strict")

    def test_show_validate_schema(self):
        self.write("etc/plimsoll/policy.d/20.toml", 'profile = "rootless-strict"\n')
        shown = self.run_it("policy", "show", code=0).out
        self.assertIn("/etc/plimsoll/policy.d/20.toml:1", shown)
        self.assertEqual(self.json("policy", "show", code=0)["profile"], "rootless-strict")
        self.assertIn("Valid: 1 file", self.run_it("policy", "validate", code=0).out)
        self.assertTrue(self.json("policy", "validate", code=0)["valid"])
        import jsonschema
        schema = json.loads(self.run_it("policy", "schema", code=0).out)
        jsonschema.validators.validator_for(schema).check_schema(schema)


class Documents(TreeTest):
    def setUp(self):
        super().setUp()
        import jsonschema
        self.schema = json.loads((SOURCE / "docs/check-schema.json").read_text())
        self.validator = jsonschema.validators.validator_for(self.schema)(self.schema)
        self.validator.check_schema(self.schema)

    def check(self, *more):
        report = self.json("check", *more)
        self.validator.validate(report)
        for status in report["summary"]:
            count = sum(f["status"] == status for f in report["findings"])
            self.assertEqual(report["summary"][status], count, status)
        return report

    def test_check_is_as_its_schema_says(self):
        self.check()
        self.mallory()
        report = self.check()
        controls = {c["id"] for c in self.json("controls")["controls"]}
        self.assertEqual({f["control"] for f in report["findings"]}, controls)
        (self.root / "etc/subuid").unlink()
        os.mkfifo(self.root / "etc/subuid")
        self.check()
        shutil.rmtree(self.root / "etc")
        self.check()

    def test_excepted_findings_too(self):
        self.mallory()
        self.write("site.toml", '[[exception]]\ncontrol = "subuid.*"\nsubject = "*"\nowner = "ops"\n'
                                'reason = "being moved"\nexpires = 9999-01-01T00:00:00Z\n')
        report = self.check("--policy", str(self.root / "site.toml"))
        self.assertTrue(any(f["status"] == "excepted" and "ops" in f["exception"] for f in report["findings"]))

    def test_schema_refuses_what_it_should(self):
        report = self.check()
        for broken in ({**report, "schema": "plimsoll.check/2"}, {**report, "extra": 1},
                       {k: v for k, v in report.items() if k != "host"},
                       {**report, "findings": [{**report["findings"][0], "status": "ok"}]}):
            self.assertFalse(self.validator.is_valid(broken))

    def test_two_runs_print_the_same(self):
        self.mallory()
        for arguments in (["check", "--json"], ["check"], ["check", "--format", "sarif"], ["plan", "--json"],
                          ["controls", "--json"], ["policy", "schema"]):
            self.assertEqual(self.run_it(*arguments).out, self.run_it(*arguments).out)

    def test_sarif(self):
        self.mallory()
        document = json.loads(self.run_it("check", "--format", "sarif", code=1).out)
        self.assertEqual(document["version"], "2.1.0")
        [run] = document["runs"]
        rules = [r["id"] for r in run["tool"]["driver"]["rules"]]
        self.assertEqual(len(rules), len(set(rules)))
        self.assertEqual(len(run["results"]), len(self.json("check")["findings"]))
        for result in run["results"]:
            self.assertEqual(rules[result["ruleIndex"]], result["ruleId"])
            self.assertIn(result["kind"], ("pass", "fail", "open", "notApplicable"))
            self.assertIn(result["level"], ("none", "note", "warning", "error"))
            self.assertEqual(result["level"] == "none", result["kind"] != "fail")
            self.assertTrue(result["message"]["text"])
            for location in result["locations"]:
                physical = location.get("physicalLocation")
                self.assertTrue(physical or location["logicalLocations"])
                if physical:
                    self.assertIn(physical["artifactLocation"]["uriBaseId"], run["originalUriBaseIds"])
                    self.assertRegex(physical["artifactLocation"]["uri"], r"^([A-Za-z0-9._~/-]|%[0-9A-F]{2})*$")
                    self.assertGreaterEqual(physical.get("region", {}).get("startLine", 1), 1)
        places = [l["physicalLocation"] for r in run["results"] if r["ruleId"] == ROOT_DELEGATED
                  for l in r["locations"] if "physicalLocation" in l]
        self.assertIn({"artifactLocation": {"uri": "etc/subuid", "uriBaseId": "ROOT"}, "region": {"startLine": 3}},
                      places)

    def test_junit(self):
        self.mallory()
        suites = ElementTree.fromstring(self.run_it("check", "--format", "junit", code=1).out)
        summary = self.json("check")["summary"]
        self.assertEqual(suites.tag, "testsuites")
        self.assertEqual(int(suites.get("failures")), summary["fail"])
        self.assertEqual(int(suites.get("errors")), summary["unknown"])
        self.assertEqual(int(suites.get("tests")), sum(summary.values()))
        for suite in suites:
            cases = suite.findall("testcase")
            self.assertEqual(int(suite.get("tests")), len(cases))
            self.assertEqual(int(suite.get("failures")), len(suite.findall("testcase/failure")))
            self.assertEqual(int(suite.get("errors")), len(suite.findall("testcase/error")))
            self.assertEqual(int(suite.get("skipped")), len(suite.findall("testcase/skipped")))


class Terminal(TreeTest):
    def test_colours_only_on_a_terminal_and_not_with_no_color(self):
        self.mallory()
        arguments = ["check", "--root", str(self.root)]
        self.assertNotIn("\x1b", self.run_it("check").out)
        self.assertIn("\x1b[", self.run_it("check", "--color", "always").out)
        self.assertIn("\x1b[", on_terminal(arguments)[1])
        self.assertNotIn("\x1b", on_terminal(arguments, NO_COLOR="1")[1])
        self.assertNotIn("\x1b", on_terminal(arguments, TERM="dumb")[1])
        self.assertNotIn("\x1b", on_terminal(arguments + ["--color", "never"])[1])
        self.assertIn("\x1b[", on_terminal(arguments + ["--color", "always"], NO_COLOR="1")[1])

    def test_eighty_columns(self):
        self.mallory()
        self.write("etc/group", FILES["etc/group"] + "docker:x:999:alice,bob,mallory\n")
        control = self.json("controls")["controls"]
        outputs = [["check", "-v"], ["controls"], ["plan"], ["journal"], ["--help"], ["policy", "--help"]]
        outputs += [["explain", c["id"]] for c in control]
        for arguments in outputs:
            for line in self.run_it(*arguments).out.splitlines():
                if not re.match(r" {4}[-+ @\\]", line):  # a diff is never cut
                    # The root directory's name is not ours to shorten in a command to copy.
                    self.assertLessEqual(width(line.replace(str(self.root), "/root")), 80, line)

    def test_hostile_names_do_not_reach_the_terminal(self):
        hostile = "ev\x1b[2Jil\x07\x9b1m\u202e\u200b漢".encode() + b"\xff\xfe\r\x00"
        self.write("etc/subuid", hostile + b":0:1\n" + hostile + b":100000:65536\n")
        self.write("etc/subgid", hostile + b":0:1\n")
        account = hostile + b":x:1003:1003:" + hostile + b":/home:/bin/sh\n"
        self.write("etc/passwd", FILES["etc/passwd"].encode() + account)
        self.write("etc/group", FILES["etc/group"].encode() + b"docker:x:999:" + hostile + b"\n")
        self.write("etc/os-release", b'PRETTY_NAME="' + hostile + b'"\nID="' + hostile + b'"\n')
        self.write("etc/hostname", hostile)
        outputs = [["check", "-v"], ["check", "--json"], ["check", "--format", "sarif"], ["check", "--format", "junit"],
                   ["plan"], ["plan", "--json"], ["check", "--policy", "/nonexistent\x1b[2J"],
                   ["check", "\x1b[2J\u202e"], ["explain", "\x1b[2J"]]
        for arguments in outputs:
            done = self.run_it(*arguments)
            for stream in (done.out, done.err):
                bad = [c for c in stream if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u200b")]
                self.assertEqual(bad, [], (arguments, stream))
        json.loads(self.run_it("check", "--json").out)
        ElementTree.fromstring(self.run_it("check", "--format", "junit").out)
        done = self.run_it("apply", "--yes")
        self.assertNotIn("\x1b", done.out + done.err)
        self.assertNotIn("\x1b", self.run_it("journal").out)
        self.assertNotIn("\x1b", self.run_it("undo", "--all").out)


class OtherVerbs(TreeTest):
    def test_explain_and_controls(self):
        controls = self.json("controls", code=0)["controls"]
        ids = [c["id"] for c in controls]
        self.assertEqual(len(ids), len(set(ids)))
        # The policy's own keys of every control: a parameter of that name could not be told from them.
        for control in controls:
            keys = {p["key"] for p in control["parameters"]}
            self.assertFalse(keys & {"mode", "severity", "required"}, control["id"])
        some = [c for c in self.json("controls", "--control", "subuid.*")["controls"]]
        self.assertTrue(some and all(c["id"].startswith("subuid.") for c in some))
        for control in controls:
            explained = self.json("explain", control["id"], code=0)
            self.assertEqual(explained["why"], control["why"])
            self.assertIn(explained["policy"]["mode"], ("off", "audit", "enforce"))
            self.assertEqual(self.json("explain", control["code"])["id"], control["id"])

    def test_explain_works_with_a_broken_policy(self):
        self.write("etc/plimsoll/policy.d/20.toml", "profile = 7\n")
        done = self.run_it("explain", ROOT_DELEGATED, code=0)
        self.assertIn("20.toml", done.err)
        self.assertIn("severity", done.out)

    def test_version(self):
        self.assertRegex(self.run_it("version", root=False, code=0).out, r"^agentctl \d+\.\d+\.\d+\n$")

    def test_undo_leaves_alone_what_others_changed_since(self):
        self.write("site.toml", '[provision]\nsysctl = { "user.max_user_namespaces" = "28633" }\n')
        policy = ["--policy", str(self.root / "site.toml")]
        before = set(self.snapshot())
        done = self.json("apply", "--yes", *policy, "--control", "provision.*")
        written = [n for n in set(self.snapshot()) - before if (self.root / n).is_file() and n.startswith("etc/")]
        self.assertTrue(written, done)
        (self.root / written[0]).write_text("# somebody else's\n")
        undone = self.run_it("undo", "--all", code=1)
        self.assertIn(written[0], undone.out)
        self.assertEqual((self.root / written[0]).read_text(), "# somebody else's\n")


class Generated(TreeTest):
    """What is generated from the one definition, and committed or installed."""

    def options(self, *verb):
        text = self.run_it(*verb, "--help", root=False, code=0).out
        return set(re.findall(r"(?<![\w-])--[a-z-]+", text)) | {"--help"}

    def verbs(self):
        text = self.run_it("--help", root=False, code=0).out
        block = text.split("Verbs:\n")[1].split("\n\n")[0]
        return re.findall(r"^  (\S+(?: [a-z]+)?)  +", block, re.M)

    def test_every_verb_has_help_with_examples(self):
        self.assertGreaterEqual(len(self.verbs()), 11)
        for verb in self.verbs():
            text = self.run_it(*verb.split(), "--help", root=False, code=0).out
            self.assertIn("Examples:", text)
            self.assertIn("Exit status:", text)

    def test_controls_reference_is_up_to_date(self):
        self.assertEqual((SOURCE / "docs/controls.md").read_text(),
                         self.run_it("controls", "--format", "markdown", root=False, code=0).out,
                         "run: agentctl controls --format markdown > docs/controls.md")

    def test_man_page_is_up_to_date_and_complete(self):
        page = (SOURCE / "docs/man/agentctl.8").read_text()
        self.assertEqual(page, self.run_it("generate", "man", root=False, code=0).out,
                         "run: agentctl generate man > docs/man/agentctl.8")
        plain = page.replace("\\-", "-")
        for verb in self.verbs():
            self.assertIn(f'.SS "{verb}"', plain)
            for option in self.options(*verb.split()):
                self.assertIn(f"\\fB{option}\\fR", plain)
        if shutil.which("groff"):
            done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", "-k"], input=page.encode(),
                                  capture_output=True)
            self.assertEqual(done.stderr, b"")

    def test_completions_know_every_verb_and_option(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.run_it("generate", shell, root=False, code=0).out
            for verb in self.verbs():
                self.assertRegex(script, rf"(?<![\w-]){verb.split()[-1]}(?![\w-])")
                for option in self.options(*verb.split()):
                    name = f"-l {option[2:]}" if shell == "fish" else option
                    self.assertRegex(script, rf"{re.escape(name)}(?![\w-])", f"{shell} {verb}")
            self.assertIn(ROOT_DELEGATED, script)
            if shutil.which(shell):
                done = subprocess.run([shell, "-n"], input=script.encode(), capture_output=True, env=environment())
                self.assertEqual((done.returncode, done.stderr), (0, b""), shell)

    def complete(self, *words):
        """What bash offers for the last word."""
        script = self.run_it("generate", "bash", root=False, code=0).out
        quoted = " ".join(f"'{w}'" for w in words)
        script += (f"\ncompopt() {{ :; }}\nCOMP_WORDS=(agentctl {quoted}); COMP_CWORD={len(words)}\n_agentctl\n"
                   "printf '%s\\n' \"${COMPREPLY[@]}\"\n")
        done = subprocess.run(["bash"], input=script.encode(), capture_output=True, env=environment())
        return set(done.stdout.decode().split())

    def test_bash_completion_offers_what_fits(self):
        self.assertEqual(self.complete("pl"), {"plan"})
        self.assertEqual(self.complete("policy", ""), {"show", "validate", "schema"} | self.complete("version", ""))
        self.assertEqual(self.complete("explain", "subuid.root-d"), {ROOT_DELEGATED})
        self.assertEqual(self.complete("--root", "/tmp", "und"), {"undo"})
        self.assertEqual(self.complete("check", "--format", ""), {"table", "json", "sarif", "junit"})
        self.assertIn("--allow", self.complete("apply", "--a"))
        self.assertNotIn("--allow", self.complete("check", "--a"))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
