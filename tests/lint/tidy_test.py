#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/lint/tidy finds in sources that it checks together what it would find in each of them."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

TIDY = pathlib.Path(__file__).resolve().parent / "tidy"
CLEAN = "int twice(int n);\nint twice(int n) { return 2 * n; }\n"

FAULTY = """#include <string>
#include <utility>
int bad_NAME = 0;
namespace NAME { struct Thing { explicit Thing(int n) : n_(n) {} ~Thing() {} int n_; }; }
namespace user_of_NAME { using NAME::Thing; }
namespace alias_of_NAME = NAME;
std::string moved_NAME(std::string s);
std::string moved_NAME(std::string s) {
    std::string t = std::move(s);
    return t + s;
}
int leaking_NAME(int unused);
int leaking_NAME(int unused) {
    int uninitialised;
    uninitialised = *new int(3);
    return uninitialised;
}
void copies_NAME(const std::string& s) { const std::string copy = s; (void)copy.size(); }
"""
FAULTS = {
    "cppcoreguidelines-avoid-non-const-global-variables", "cppcoreguidelines-special-member-functions",
    "misc-unused-using-decls", "misc-unused-alias-decls", "bugprone-use-after-move", "misc-unused-parameters",
    "cppcoreguidelines-init-variables", "clang-analyzer-cplusplus.NewDeleteLeaks",
    "performance-unnecessary-copy-initialization",
}


class Tidy(unittest.TestCase):
    def tidy(self, sources):
        """Exit code and output for sources {name: text}, all of which have the same flags."""
        with tempfile.TemporaryDirectory() as temporary:
            root = pathlib.Path(temporary).resolve() / "core"  # the name that .clang-tidy's header filter knows
            root.mkdir()
            commands = []
            for name, text in sources.items():
                (root / name).write_text(text)
                command = f"c++ -std=c++23 -o {name}.o -c {root / name}"
                commands.append({"directory": str(root), "file": str(root / name), "command": command})
            (root / "compile_commands.json").write_text(json.dumps(commands))
            done = subprocess.run([TIDY, root, *(root / n for n in sources if n.endswith(".cpp"))],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            return done.returncode, done.stdout.replace(str(root), "core") + done.stderr

    def test_clean_sources_are_clean_in_one_unit(self):
        code, out = self.tidy({"a.cpp": CLEAN, "b.cpp": CLEAN.replace("twice", "double_of")})
        self.assertEqual((code, out), (0, "2 sources are clean, in 1 units\n"))

    def test_a_check_of_names_reaches_every_source_of_a_unit(self):
        code, out = self.tidy({"a.cpp": CLEAN.replace("twice", "twiceOf"), "b.cpp": "void BAD();\nvoid BAD() {}\n"})
        self.assertNotEqual(code, 0)
        self.assertIn("core/a.cpp:", out)
        self.assertIn("core/b.cpp:", out)
        self.assertIn("readability-identifier-naming", out)

    def test_everything_is_found_together_that_is_found_alone(self):
        sources = {f"{n}.cpp": FAULTY.replace("NAME", n) for n in "abc"}
        alone = [line for name in sources for line in self.tidy({name: sources[name]})[1].splitlines()[:-1]]
        checks = {line.rsplit("[", 1)[-1].split(",")[0] for line in alone}
        self.assertEqual(checks, FAULTS, "\n".join(alone))
        self.assertEqual(self.tidy(sources)[1].splitlines()[:-1], sorted(alone))

    def test_the_static_analyzer_follows_paths_in_every_source_of_a_unit(self):
        null = "int first(int n);\nint first(int n) {\n    int* p = n > 3 ? &n : nullptr;\n    return *p;\n}\n"
        code, out = self.tidy({"a.cpp": CLEAN, "b.cpp": null})
        self.assertNotEqual(code, 0)
        self.assertIn("core/b.cpp:4", out)
        self.assertIn("clang-analyzer-core.NullDereference", out)

    def test_sources_that_cannot_stand_together_are_taken_apart_and_all_checked(self):
        hidden = "namespace {\nint number() { return 1; }\n}\nint %s();\nint %s() { return number(); }\n"
        sources = {f"{n}.cpp": hidden % (n, n) for n in "abc"}
        self.assertEqual(self.tidy(sources), (0, "3 sources are clean, in 5 units\n"))
        sources["c.cpp"] += "void BAD();\nvoid BAD() {}\n"
        code, out = self.tidy(sources)
        self.assertNotEqual(code, 0)
        self.assertIn("core/c.cpp:6", out)

    def test_a_source_that_does_not_compile_is_an_error(self):
        code, out = self.tidy({"a.cpp": CLEAN, "b.cpp": "int broken(\n"})
        self.assertNotEqual(code, 0)
        self.assertIn("core/b.cpp:", out)

    def test_a_source_that_nothing_builds_is_an_error(self):
        with tempfile.TemporaryDirectory() as temporary:
            (pathlib.Path(temporary) / "compile_commands.json").write_text("[]")
            done = subprocess.run([TIDY, temporary, "x.cpp"], capture_output=True, text=True, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("x.cpp", done.stderr)


class Changed(unittest.TestCase):
    """--changed, in a repository of three clean sources and a header that two of them include."""

    FILES = {
        "core/a.cpp": CLEAN, "core/b.hpp": "#pragma once\nint seven();\n",
        "core/c.cpp": '#include "core/b.hpp"\nint seven() { return 7; }\n',
        "core/d.cpp": '#include "core/b.hpp"\nint eight();\nint eight() { return seven() + 1; }\n',
    }

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = pathlib.Path(temporary.name).resolve()
        lint = self.root / "tests" / "lint"
        lint.mkdir(parents=True)
        shutil.copy(TIDY, lint)
        shutil.copy(TIDY.parents[2] / ".clang-tidy", self.root)
        (self.root / ".gitignore").write_text("build\n")
        commands = []
        for name, text in self.FILES.items():
            self.write(name, text)
            if name.endswith(".cpp"):
                command = f"c++ -std=c++23 -I{self.root} -o x.o -c {self.root / name}"
                commands.append({"directory": str(self.root), "file": str(self.root / name), "command": command})
        self.write("build/compile_commands.json", json.dumps(commands))
        self.git("init", "-q")
        self.git("add", "-A")
        self.git("-c", "user.name=n", "-c", "user.email=e@example.org", "commit", "-q", "-m", "m")
        self.write("tests/lint/tidy.checked", self.git("rev-parse", "HEAD"))

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def git(self, *arguments):
        return subprocess.run(["git", "-C", self.root, *arguments], check=True, capture_output=True, text=True).stdout

    def tidy(self):
        done = subprocess.run([self.root / "tests/lint/tidy", self.root / "build", "--changed"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_nothing_is_checked_where_nothing_changed(self):
        self.assertEqual(self.tidy(), (0, "0 sources are clean, in 0 units; 3 are as they were when last checked\n"))

    def test_a_changed_source_is_checked_and_no_other(self):
        self.write("core/a.cpp", CLEAN.replace("twice", "BAD"))
        code, out = self.tidy()
        self.assertNotEqual(code, 0)
        self.assertIn("core/a.cpp:1", out)
        self.write("core/a.cpp", CLEAN + "\n")
        self.assertEqual(self.tidy(), (0, "1 sources are clean, in 1 units; 2 are as they were when last checked\n"))

    def test_a_changed_header_is_checked_through_a_source_that_includes_it(self):
        self.write("core/b.hpp", "#pragma once\nint seven();\nint BAD();\n")
        code, out = self.tidy()
        self.assertNotEqual(code, 0)
        self.assertIn("core/b.hpp:3", out)

    def test_everything_is_checked_by_other_rules_or_against_a_commit_that_is_not_there(self):
        all_of_it = (0, "3 sources are clean, in 1 units; 0 are as they were when last checked\n")
        with open(self.root / ".clang-tidy", "a", encoding="utf-8") as rules:
            rules.write("# changed\n")
        self.assertEqual(self.tidy(), all_of_it)
        self.git("checkout", "-q", ".clang-tidy")
        self.write("tests/lint/tidy.checked", "0" * 40)
        self.assertEqual(self.tidy(), all_of_it)


if __name__ == "__main__":
    unittest.main(verbosity=2)
