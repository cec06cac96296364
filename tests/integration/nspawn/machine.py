# SPDX-License-Identifier: Apache-2.0
"""A booted Debian: systemd as process 1 in a systemd-nspawn container, with the programs of a build tree installed.

    with machine.Machine(ARCHIVE, BUILD_DIR) as m:
        m.run("systemctl", "start", "some.service")

The machine is a `debian.Tree` (a tmpfs of its own), so everything of that is there as well: `m.write("/etc/…", …)`.
It works on hosts without systemd, needs root, and comes up in a few seconds. What it does not have: controllers of
cgroup v2 when the host uses cgroup v1, a network, and a kernel of its own.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "real"), str(HERE.parent.parent / "support")]

import debian  # noqa: E402
from own_cgroup import OwnCgroup  # noqa: E402

BOOT_SECONDS = 90
SKIP = 77  # ctest's SKIP_RETURN_CODE

# They want a network, or run by themselves while a test compares.
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "systemd-tmpfiles-clean.timer",
          "systemd-resolved.service", "systemd-timesyncd.service")


def missing():
    """Why no machine can be booted here; empty when one can."""
    if os.geteuid() != 0:
        return "a machine to boot needs root"
    for program in ("mmdebstrap", "systemd-nspawn", "nsenter"):
        if shutil.which(program) is None:
            return f"{program} is not installed, so there is no machine to boot"
    return ""


class Machine(debian.Tree):
    def __init__(self, archive, build):
        super().__init__(archive)
        self.nspawn = self.leader = self.cgroup = None
        self.console = self.root.parent / f"{self.root.name}.console"
        try:
            self.install(build)
            for unit in MASKED:
                self.path(f"/etc/systemd/system/{unit}").symlink_to("/dev/null")
            self.boot()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def install(self, build):
        """The programs, where a package would put them."""
        debian.run(["cmake", "--install", build, "--prefix", "/usr"], env={**os.environ, "DESTDIR": str(self.root)})

    # ---- up and down ----

    def boot(self):
        """Returns when every unit of the boot has been started."""
        self.cgroup = OwnCgroup(self.root.name)
        with open(self.console, "wb") as console:
            self.nspawn = subprocess.Popen(
                ["systemd-nspawn", "--quiet", f"--directory={self.root}",
                 f"--machine={self.root.name.replace('_', 'x')}",
                 "--register=no", "--keep-unit", "--private-network", "--console=pipe",
                 # What crun asks for and a machine would have.
                 "--system-call-filter=@keyring", "--boot"],
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, preexec_fn=self.cgroup.enter,
            )
        self.leader = self.wait(self.find_leader, "a first process")
        self.wait(self.is_up, "the end of its boot")

    def reboot(self):
        """An orderly end, then a boot of the same tree: /run and the processes are new, the files are not."""
        self.run("systemctl", "poweroff", check=False)
        self.nspawn.wait(BOOT_SECONDS)
        self.cgroup.remove()
        self.boot()

    def find_leader(self):
        pid = self.nspawn.pid
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            status = pathlib.Path(f"/proc/{child}/status").read_text()
            if any(line.split()[:1] == ["NSpid:"] and line.split()[2:] == ["1"] for line in status.splitlines()):
                return int(child)
        return None

    def is_up(self):
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        if state == "degraded":
            raise AssertionError("failed at boot:\n" + self.run("systemctl", "--failed", check=False).stdout)
        return state == "running"

    def wait(self, what, name, seconds=BOOT_SECONDS):
        """What `what` returns as soon as that is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.nspawn.poll() is not None:
                raise AssertionError(f"the machine ended while waiting for {name}:\n{self.said()}")
            got = what()
            if got:
                return got
            time.sleep(0.05)
        raise AssertionError(f"{name}: not there after {seconds} s\n{self.said()}")

    def said(self):
        return self.console.read_text(errors="replace")[-4000:]

    def close(self):
        """Ends it without asking: nothing in it is worth a clean shutdown."""
        if self.nspawn is not None:
            if self.leader is not None and self.nspawn.poll() is None:
                try:
                    os.kill(self.leader, signal.SIGKILL)  # process 1 of its namespace: takes all others along
                except ProcessLookupError:
                    pass
            try:
                self.nspawn.wait(20)
            except subprocess.TimeoutExpired:
                self.nspawn.kill()
                self.nspawn.wait(20)
            self.nspawn = None
        if self.cgroup is not None:
            self.cgroup.remove()
        self.console.unlink(missing_ok=True)
        super().close()

    # ---- programs in it ----

    def enter(self, *argv, user=None):
        """The command line that runs a program in the machine, as root or as one of its users."""
        become = ["runuser", "-u", user, "--"] if user else []
        return ["nsenter", f"--target={self.leader}", "--all", "--wdns=/", "--", *become, *argv]

    def environment(self):
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
               "HOME": "/root"}
        env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        return env

    def run(self, *argv, check=True, timeout=120, user=None):
        return debian.run(self.enter(*argv, user=user), check=check, timeout=timeout, env=self.environment())

    def run_in_session(self, uid, *argv, check=True):
        """As a user, as a unit of the user's own service manager: what its services can do."""
        home = self.run("getent", "passwd", str(uid)).stdout.split(":")[5]
        env = [f"XDG_RUNTIME_DIR=/run/user/{uid}", f"DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/{uid}/bus",
               f"HOME={home}"]
        unit = ["systemd-run", "--user", "--quiet", "--wait", "--pipe", "--collect", f"--working-directory={home}",
                "--"]
        name = self.run("id", "-nu", str(uid)).stdout.strip()
        return self.run("env", *env, *unit, *argv, user=name, check=check)

    def start(self, *argv):
        """A program in the machine, not waited for."""
        return subprocess.Popen(self.enter(*argv), env=self.environment(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def agentctl(self, *argv, check=True, user=None):
        done = self.run("/usr/bin/agentctl", *argv, check=False, user=user)
        if check and done.returncode not in (0, 1):
            raise AssertionError(f"agentctl {argv} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def properties(self, unit, *names):
        """Properties of a unit, as systemd itself shows them."""
        shown = self.run("systemctl", "show", unit, *(f"--property={n}" for n in names)).stdout
        return dict(line.split("=", 1) for line in shown.splitlines())
