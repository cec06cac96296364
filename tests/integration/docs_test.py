#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the documentation to the program: every policy in it is accepted, every link leads somewhere, and every
agentctl command line in it is one that agentctl understands.

usage: docs_test.py AGENTCTL SOURCE_TREE"""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

AGENTCTL, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def run(*arguments):
    return subprocess.run([AGENTCTL, *arguments], capture_output=True, text=True, timeout=60, check=False)


class Docs(unittest.TestCase):
    def test_every_policy_is_accepted(self):
        blocks = 0
        for page in PAGES:
            for number, body in enumerate(re.findall(r"^```toml policy\n(.*?)^```$", page.read_text(),
                                                     re.MULTILINE | re.DOTALL), 1):
                with self.subTest(page=page.name, block=number), tempfile.TemporaryDirectory() as folder:
                    path = pathlib.Path(folder) / "policy.toml"
                    path.write_text(body)
                    done = run("policy", "validate", str(path))
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                    blocks += 1
        self.assertGreaterEqual(blocks, 4)

    def test_every_link_leads_somewhere(self):
        for page in PAGES:
            text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
                if not re.match(r"\w+:", target):
                    with self.subTest(page=page.name, target=target):
                        self.assertTrue((page.parent / target).exists())

    def test_every_command_has_its_verb_and_options(self):
        commands = set()
        for page in PAGES:
            commands.update(re.findall(r"\bagentctl ((?:[a-z]+)(?: (?:show|validate|schema))?)([^\n`#>]*)",
                                       "\n".join(re.findall(r"`[^`\n]+`|^(?:\$ |sudo |Exec).*$", page.read_text(),
                                                            re.MULTILINE))))
        self.assertGreater(len(commands), 10)
        for verb, rest in sorted(commands):
            text = run(*verb.split(), "--help")
            with self.subTest(verb=verb):
                self.assertEqual(text.returncode, 0, text.stderr)
                for option in re.findall(r"(?<!\S)--[a-z]+", rest):
                    self.assertIn(option, text.stdout)


unittest.main(argv=sys.argv[:1])
