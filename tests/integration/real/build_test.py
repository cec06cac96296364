#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What speaks D-Bus compiles with the libraries of a newer Debian: sdbus-c++ 2, whose interface differs from the
sdbus-c++ 1.2 that everything else is built with, and its compiler.

build_test.py SUITE CACHE_DIR SOURCE_DIR, in a mount namespace of its own (unshare --mount --propagation private)."""
import os
import shutil
import sys
import unittest

import debian

TARGETS = ("plimsoll_bus", "plimsoll_daemon_bus")
SUITE, CACHE, SOURCE = sys.argv[1:4]
SKIP = 77


class Build(unittest.TestCase):
    def setUp(self):
        self.tree = debian.Tree(debian.make_archive(SUITE, CACHE, "build"))
        self.addCleanup(self.tree.close)
        self.tree.path("/source").mkdir()
        debian.run(["mount", "--bind", SOURCE, self.tree.path("/source")])
        debian.run(["mount", "-o", "remount,bind,ro", self.tree.path("/source")])
        debian.run(["mount", "-t", "proc", "proc", self.tree.path("/proc")])

    def test_what_speaks_dbus_compiles_without_a_warning(self):
        version = self.tree.chroot("pkg-config", "--modversion", "sdbus-c++").stdout.strip()
        self.assertRegex(version, r"^[2-9]\.")
        self.tree.chroot("cmake", "-G", "Ninja", "-S", "/source", "-B", "/build", "-DBUILD_TESTING=OFF",
                         "-DPLIMSOLL_WERROR=ON", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS=-O0 -g0")
        done = self.tree.chroot("cmake", "--build", "/build", "--target", *TARGETS, check=False, timeout=900)
        self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr[-2000:])
        print(f"  compiled with sdbus-c++ {version} and g++ {self.tree.chroot('g++', '-dumpversion').stdout.strip()}")


if __name__ == "__main__":
    if os.geteuid() != 0 or shutil.which("mmdebstrap") is None:
        print("skip: a tree with newer libraries needs root and mmdebstrap")
        sys.exit(SKIP)
    unittest.main(argv=["build_test.py"], verbosity=2)
