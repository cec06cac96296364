# SPDX-License-Identifier: Apache-2.0
"""A real Debian tree on a tmpfs of its own, and what the tests do with one."""
import hashlib
import json
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def run(argv, *, check=True, timeout=300, **more):
    """Runs a program; a failure shows what it said."""
    done = subprocess.run(
        [str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, **more
    )
    if check and done.returncode != 0:
        raise AssertionError(
            f"{' '.join(map(str, argv))} ended with {done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done


def make_archive(suite, cache, kind="tools"):
    """The tree's tar archive; the kinds are those of debian_tree.sh."""
    cache = os.environ.get("PLIMSOLL_TEST_CACHE") or cache
    return run([HERE.parent.parent / "support" / "debian_tree.sh", suite, cache, kind], timeout=900).stdout.strip()


class Tree:
    """Unpacked from an archive in about a second; gone with close(), and with the mount namespace."""

    def __init__(self, archive):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="plimsoll-real-"))
        run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", self.root])
        run(["tar", "-C", self.root, "--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", archive])

    def close(self):
        run(["umount", "-l", self.root], check=False)
        shutil.rmtree(self.root, ignore_errors=True)

    def path(self, name):
        return self.root / name.lstrip("/")

    def read(self, name):
        return self.path(name).read_text()

    def write(self, name, text):
        self.path(name).write_text(text)

    def append(self, name, text):
        with self.path(name).open("a") as f:
            f.write(text)

    def lines(self, name):
        return self.read(name).splitlines()

    # ---- real programs ----

    def chroot(self, *argv, check=True, timeout=300):
        """As root, for programs that only edit files."""
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        return run(["chroot", self.root, *argv], check=check, timeout=timeout, env=env)

    def as_user(self, user, *argv, check=True):
        """As a user of the tree, in namespaces in which user namespaces can be made: see enter.sh."""
        enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
        return run([*enter, "bash", HERE / "enter.sh", self.root, user, *argv], check=check)

    def mapped_by_podman(self, user, kind="uid"):
        return triples(self.as_user(user, "podman", "unshare", "cat", f"/proc/self/{kind}_map").stdout)

    def map(self, user, helper, *triple, check=True):
        """shadow's helper alone, on a namespace made by unshare(1)."""
        script = (HERE / "map.sh").read_text()
        return self.as_user(user, "bash", "-c", script, "map.sh", helper, *triple, check=check)

    # ---- agentctl ----

    def agentctl(self, *argv, policy=None, check=True):
        program = os.environ["PLIMSOLL_AGENTCTL"]
        files = ["--policy", policy] if policy else []
        done = run([program, "--root", self.root, *files, *argv], check=False)
        if check and done.returncode not in (0, 1):
            raise AssertionError(f"agentctl {argv} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def check(self, *argv, policy=None):
        """Exit code and findings of `agentctl check`."""
        done = self.agentctl("check", "--json", *argv, policy=policy, check=False)
        try:
            return done.returncode, json.loads(done.stdout)["findings"]
        except ValueError as e:
            raise AssertionError(f"check: {e}\n{done.returncode}\n{done.stdout}{done.stderr}") from e

    # ---- comparing ----

    def manifest(self, without=("var/lib/plimsoll",)):
        """Everything about every path that undo has to restore: all but times and inode numbers."""
        out = {}
        for folder, names, files in os.walk(self.root):
            relative = os.path.relpath(folder, self.root)
            names[:] = [n for n in names if os.path.normpath(os.path.join(relative, n)) not in without]
            for name in [*names, *files]:
                path = os.path.join(folder, name)
                out[os.path.normpath(os.path.join(relative, name))] = describe(path)
        return out


def describe(path):
    st = os.lstat(path)
    xattrs = {n: os.getxattr(path, n, follow_symlinks=False) for n in os.listxattr(path, follow_symlinks=False)}
    content = None
    if stat.S_ISREG(st.st_mode):
        content = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
    elif stat.S_ISLNK(st.st_mode):
        content = os.readlink(path)
    links = st.st_nlink if stat.S_ISREG(st.st_mode) else 1
    return st.st_mode, st.st_uid, st.st_gid, st.st_rdev, links, sorted(xattrs.items()), content


def changed(before, after):
    """The paths that differ, with both descriptions: empty when nothing does."""
    return {p: (before.get(p), after.get(p)) for p in before.keys() | after.keys() if before.get(p) != after.get(p)}


def triples(text):
    """A map of user_namespaces(7) as a list of (inside, outside, count)."""
    return [tuple(map(int, line.split())) for line in text.splitlines()]
