# SPDX-License-Identifier: Apache-2.0
"""A dbus-daemon of one's own with a daemon on it, and busctl(1) as its caller."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

NAME, PATH = "org.plimsoll.Agent1", "/org/plimsoll/Agent1"
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>{kind}</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
<allow user="*"/></policy>
<limit name="max_connections_per_user">4096</limit><limit name="max_completed_connections">4096</limit>
<limit name="max_incomplete_connections">2048</limit><limit name="max_message_size">134217728</limit>
<limit name="max_incoming_bytes">536870912</limit><limit name="max_outgoing_bytes">536870912</limit>
<limit name="max_replies_per_connection">4096</limit></busconfig>"""


class Bus:
    """`program`: of the daemon, which is told the kind of the bus and more arguments."""
    program = None

    def __init__(self, kind="session"):
        self.kind = kind
        self.dir = tempfile.TemporaryDirectory(prefix="plimsoll-bus-")
        os.chmod(self.dir.name, 0o755)
        self.socket = self.dir.name + "/bus"
        self.config = self.dir.name + "/bus.conf"
        pathlib.Path(self.config).write_text(CONFIG.format(kind=kind, socket=self.socket), encoding="utf-8")
        self.bus = self.daemon = None
        self.start_bus()

    def start_bus(self):
        self.bus = subprocess.Popen(["dbus-daemon", "--config-file=" + self.config, "--nofork", "--nosyslog",
                                     "--print-address"], stdout=subprocess.PIPE)
        self.bus.stdout.readline()

    def stop_bus(self):
        self.bus.kill()
        self.bus.wait()
        self.bus.stdout.close()
        pathlib.Path(self.socket).unlink(missing_ok=True)

    def environment(self):
        """With this bus as both, the session's and the system's."""
        address = "unix:path=" + self.socket
        return dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=address, DBUS_SESSION_BUS_ADDRESS=address)

    def start_daemon(self, *arguments):
        return subprocess.Popen([self.program, self.kind, *arguments], env=self.environment(), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def start(self, *arguments):
        self.daemon = self.start_daemon(*arguments)
        assert self.daemon.stdout.readline() == "ready\n"
        return self

    def call(self, method, *arguments, uid=None):
        """What busctl says: (True, data) or (False, message)."""
        result = subprocess.run(["busctl", "--address=unix:path=" + self.socket, "--json=short", "--timeout=30",
                                 "call", NAME, PATH, NAME, method, *arguments], capture_output=True, text=True,
                                user=uid, check=False)
        if result.returncode != 0:
            return False, result.stderr.strip()
        return True, json.loads(result.stdout)["data"] if result.stdout.strip() else None

    def get(self, name):
        out = subprocess.run(["busctl", "--address=unix:path=" + self.socket, "--json=short", "get-property", NAME,
                              PATH, NAME, name], capture_output=True, text=True, check=True).stdout
        return json.loads(out)["data"]

    def close(self):
        """Ends everything; the daemon has to be alive until now, and to end well."""
        code = None
        if self.daemon is not None:
            self.daemon.send_signal(signal.SIGTERM)
            _, err = self.daemon.communicate(timeout=20)
            code = self.daemon.returncode
            sys.stderr.write(err)
        self.stop_bus()
        self.dir.cleanup()
        return code
