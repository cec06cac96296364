#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""plimsolld on Debian's own kernel, with AppArmor and with SELinux, in a virtual machine: what the kernel of whoever
runs the tests need not have.

vm_test.py CACHE_DIR BUILD_DIR, as root. The machine has no disk and no network; everything in it is in memory, and it
is emulated (QEMU's TCG), so that no figure of time means anything.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "real")]

import debian  # noqa: E402

SKIP = 77  # ctest's SKIP_RETURN_CODE
SECONDS = 600
PROGRAMS = ("daemon/plimsolld", "agentctl/agentctl")
LEFT_OUT = ("./boot", "./usr/lib/modules", "./usr/lib/firmware", "./usr/share/zoneinfo", "./usr/share/perl",
            "./var/cache", "./var/lib/apt", "./var/lib/dpkg", "./usr/lib/systemd", "./usr/share/mime")


class Image:
    """Debian's kernel, and a tree with what was built here as the file system it begins with."""

    def __init__(self, cache, build):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="plimsoll-vm-"))
        archive = debian.make_archive("bookworm", cache, "kernel")
        root = self.folder / "root"
        root.mkdir()
        debian.run(["tar", "-C", self.folder, "--wildcards", "-xf", archive, "./boot/vmlinuz-*"])
        self.kernel = next((self.folder / "boot").iterdir())
        debian.run(["tar", "-C", root, *(f"--exclude={name}" for name in LEFT_OUT), "-xf", archive])
        for program in PROGRAMS:
            shutil.copy(pathlib.Path(build) / program, root / "usr/bin")
        shutil.copy(HERE / "guest.sh", root / "init")
        (root / "init").chmod(0o755)
        self.initrd = self.folder / "initrd"
        with open(self.initrd, "wb") as out, subprocess.Popen(["find", "."], cwd=root, stdout=subprocess.PIPE) as names:
            subprocess.run(["cpio", "--create", "--format=newc", "--quiet"], cwd=root, stdin=names.stdout, stdout=out,
                           check=True)
        shutil.rmtree(root)

    def close(self):
        shutil.rmtree(self.folder)

    def boot(self, arguments):
        """What the machine printed, by what was done: [(looks, lines)]."""
        done = subprocess.run(
            ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-machine", "q35", "-smp", "2", "-m", "3072", "-cpu",
             "Nehalem", "-nographic", "-no-reboot", "-nic", "none", "-kernel", self.kernel, "-initrd", self.initrd,
             "-append", f"console=ttyS0 quiet rdinit=/init panic=-1 {arguments}"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=True)
        text = done.stdout.decode(errors="replace").replace("\r", "")
        parts = re.split(r"^-- (.*): (\d+) looks\n", text, flags=re.M)
        return text, {name: (int(looks), said) for name, looks, said in zip(parts[1::3], parts[2::3], parts[3::3])}


class Vm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.image = Image(sys.argv[1], sys.argv[2])
        cls.addClassCleanup(cls.image.close)

    def boot(self, arguments):
        self.text, self.told = self.image.boot(arguments)
        print(re.search(r"kernel .*", self.text).group(0), file=sys.stderr)
        self.assertIn("end", self.told, self.text[-4000:])
        self.assertEqual(self.told["end"][0], 0, self.text[-4000:])

    def looked(self, name, words=""):
        self.assertIn(name, self.told, self.text[-6000:])
        looks, said = self.told[name]
        self.assertGreater(looks, 0, f"{name}: {said}")
        self.assertIn(words, said, self.text[-6000:])

    def common(self):
        start = self.told["start"][1]
        self.assertIn("looks after /", start)
        for source in ("full pass", "cannot be told"):  # everything that can be heard is
            self.assertNotIn(source, start)
        self.assertEqual(self.told["nothing"][0], 0, self.told["nothing"])
        self.looked("setting of another procfs", "event /proc/sys/kernel/unprivileged_userns_clone")
        self.looked("setting back from another namespace")

    def containers(self):
        text = self.told["containers"][1]
        return {(f["control"], f["subject"]): f["status"] for f in json.loads(text[text.index("{"):])["findings"]}

    def test_with_apparmor(self):
        self.boot("")
        self.common()
        self.looked("profile loaded")
        self.looked("profile removed")
        self.assertRegex(self.told["denied"][1],
                         r'apparmor denied sh \(pid \d+, docker-default\): open of "/etc/hostname"')
        self.looked("privileged container", "fails: ctr.privileged (podman/root/big)")
        self.looked("confined container", "(podman/root/small)")
        found = self.containers()
        self.assertEqual(found[("ctr.privileged", "podman/root/big")], "fail")
        self.assertEqual(found[("ctr.lsm-label", "podman/root/big")], "fail")
        for control in ("ctr.privileged", "ctr.limits", "ctr.capabilities", "ctr.seccomp"):
            self.assertEqual(found[(control, "podman/root/small")], "pass", control)

    def test_with_selinux(self):
        self.boot("security=selinux selinux=1")
        self.common()
        # selinuxfs tells inotify of the mode as well; of the policy only netlink tells.
        for name in ("mode changed", "mode changed back", "policy loaded"):
            self.looked(name)


if __name__ == "__main__":
    missing = [p for p in ("mmdebstrap", "qemu-system-x86_64", "cpio") if not shutil.which(p)]
    if os.geteuid() != 0 or missing:
        print(f"skipped: needs root and {', '.join(missing) or 'nothing more'}")
        sys.exit(SKIP)
    unittest.main(verbosity=2, argv=sys.argv[:1] + sys.argv[3:])
