#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that layers.py finds each kind of violation, and finds none where there is none."""
import pathlib
import tempfile
import unittest

import layers

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"

GOOD = {
    "core/base/a.hpp": "#pragma once\n#include <string>\n",
    "core/base/toml.cpp": "#include <toml++/toml.h>\n",
    "core/policy/b.cpp": '#include "core/base/a.hpp"\n',
    "core/policy/b_test.cpp": '#include "core/host/c.hpp"\n#include "tests/support/t.hpp"\n#include <gtest/gtest.h>\n',
    "core/host/c.hpp": '#pragma once\n#include "core/policy/b.hpp"\n',
    "core/bus/d.cpp": '#include "core/host/c.hpp"\n#include <sdbus-c++/sdbus-c++.h>\n',
    "modules/all.cpp": '#include "modules/x/x.hpp"\n#include "modules/y/y.hpp"\n',
    "modules/x/x.cpp": '#include "modules/x/x.hpp"\n// system("rm") and throw are only words here\n'
                       'const char* text = "popen(3) is not used";\nint n = 1\'000;\nconst char c = \'"\';\n'
                       'const char* login_shell = "/bin/sh";\n',
    "agentctl/main.cpp": '#include "modules/all.hpp"\n#include <CLI/CLI.hpp>\n',
    "fleet/f.cpp": '#include "core/base/a.hpp"\n',
}

# name -> (file, content, what the message must say)
BAD = {
    "upward include": ("core/base/a.cpp", '#include "core/policy/b.hpp"', "core/base must not include core/policy"),
    "policy to host": ("core/policy/a.cpp", '#include "core/host/b.hpp"', "core/policy must not include core/host"),
    "host to bus": ("core/host/a.cpp", '#include "core/bus/b.hpp"', "core/host must not include core/bus"),
    "core to module": ("core/host/a.cpp", '#include "modules/x/x.hpp"', "must not include modules"),
    "module to bus": ("modules/x/a.cpp", '#include "core/bus/b.hpp"', "modules must not include core/bus"),
    "module to module": ("modules/x/a.cpp", '#include "modules/y/y.hpp"', "must not include another"),
    "module test to module": ("modules/x/a_test.cpp", '#include "modules/y/y.hpp"', "must not include another"),
    "module to agentctl": ("modules/x/a.cpp", '#include "agentctl/render.hpp"', "must not include agentctl"),
    "fleet to host": ("fleet/a.cpp", '#include "core/host/b.hpp"', "fleet must not include core/host"),
    "product to tests": ("core/host/a.cpp", '#include "tests/support/t.hpp"', "must not include tests/support/t.hpp"),
    "indented include": ("core/base/a.cpp", '  #  include "core/host/b.hpp"', "must not include core/host"),
    "toml++": ("core/policy/a.cpp", "#include <toml++/toml.h>", "belongs to core/base/toml.cpp"),
    "nlohmann": ("core/base/toml.cpp", "#include <nlohmann/json.hpp>", "belongs to core/base/json.cpp"),
    "nlohmann in a test": ("core/base/a_test.cpp", "#include <nlohmann/json.hpp>", "belongs to core/base/json.cpp"),
    "openssl": ("modules/x/a.cpp", "#include <openssl/evp.h>", "belongs to core/base/digest.cpp"),
    "sdbus": ("core/host/a.cpp", "#include <sdbus-c++/sdbus-c++.h>", "belongs to core/bus/"),
    "CLI11": ("core/host/a.cpp", "#include <CLI/CLI.hpp>", "belongs to agentctl/"),
    "gtest in product": ("core/host/a.cpp", "#include <gtest/gtest.h>", "belongs to tests/"),
    "system()": ("core/host/a.cpp", 'void f() { system("id"); }', "starts a shell"),
    "std::system()": ("core/host/a.cpp", 'void f() { std::system("id"); }', "starts a shell"),
    "popen()": ("modules/x/a.cpp", 'void f() { ::popen("id", "r"); }', "starts a shell"),
    "sh -c": ("core/host/a.cpp", 'Command c{{"/bin/sh", "-c"}};', "runs a shell"),
    "execvp": ("core/host/a.cpp", "void f() { ::execvp(a, b); }", "searches PATH"),
    "throw": ("modules/x/a.cpp", "void f() { throw 1; }", "return a Result"),
    "ifstream": ("modules/x/a.cpp", 'std::ifstream in("/etc/subuid");', "past the Sysroot"),
    "filesystem": ("modules/x/a.cpp", "std::filesystem::path p;\nstd::filesystem::exists(p);", "past the Sysroot"),
    "filesystem alias": ("modules/x/a.cpp", "namespace fs = std::filesystem;", "past the Sysroot"),
    "open": ("modules/x/a.cpp", 'int fd = ::open("/etc/subuid", O_RDONLY);', "past the Sysroot"),
    "cout": ("core/policy/a.cpp", "void f() { std::cout << 1; }", "prints"),
    "unfinished": ("core/base/a.cpp", "// TO" "DO later", "unfinished"),
    "bare suppression": ("core/base/a.cpp", "int a;  // NO" "LINT", "suppresses every check"),
    "trailing blank": ("core/base/a.cpp", "int a; ", "trailing blank"),
    "long file": ("core/base/a.cpp", "int a;\n" * 700, "longer than 600 lines"),
    "no pragma": ("core/base/a.hpp", "int a;", "no #pragma once"),
    "using std": ("core/base/a.cpp", "using namespace std;", "using namespace std"),
    "strange folder": ("util/a.cpp", "int a;", "not a folder of the architecture"),
    "link upwards": ("core/CMakeLists.txt", "target_link_libraries(plimsoll_base PUBLIC plimsoll_host)",
                     "core/base must not link core/host"),
    "module links module": ("modules/x/CMakeLists.txt",
                            "target_link_libraries(plimsoll_module_x PUBLIC plimsoll_module_y)",
                            "must not link another"),
    "product links tests": ("core/CMakeLists.txt", "target_link_libraries(plimsoll_host PUBLIC plimsoll_support)",
                            "which is for tests"),
    "library away from home": ("modules/x/CMakeLists.txt",
                               "target_link_libraries(plimsoll_module_x PRIVATE\n  SDBusCpp::sdbus-c++)",
                               "belongs to core/bus/"),
}


def run(files):
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for file, content in files.items():
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(("" if path.suffix == ".txt" else SPDX) + content + "\n")
        return list(layers.check_tree(root))


class Layers(unittest.TestCase):
    def test_clean_tree_has_no_violation(self):
        self.assertEqual(run(GOOD), [])

    def test_every_violation_is_found_once_and_named(self):
        for name, (file, content, message) in BAD.items():
            with self.subTest(name):
                problems = run({**GOOD, file: content})
                self.assertEqual(len(problems), 1, problems)
                self.assertIn(message, problems[0])

    def test_licence_line_is_required_in_code_and_scripts(self):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            (root / "core").mkdir()
            (root / "core" / "a.cpp").write_text("int a;\n")
            (root / "tool").write_text("#!/bin/sh\ntrue\n")
            problems = list(layers.check_tree(root))
        self.assertEqual([p.split(": ")[1] for p in problems], ["no SPDX-License-Identifier line"] * 2)

    def test_line_numbers_survive_comments_and_raw_strings(self):
        text = 'auto s = R"(a\n"b\n)";\n/* two\nlines */\nvoid f() { throw 1; }'
        self.assertEqual(run({"core/base/a.cpp": text}), ["core/base/a.cpp:7: throws; return a Result"])


if __name__ == "__main__":
    unittest.main()
