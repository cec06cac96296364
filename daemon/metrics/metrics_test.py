#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real metrics over invented measures: with curl(1), with parsers, with clients that do not keep to the protocol.
usage: metrics_test.py PLIMSOLL_FAKE_METRICS SOURCE_TREE CACHE_DIR"""
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

FAKE, SOURCE, CACHE = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
sys.path.insert(0, str(SOURCE / "tests/support"))
sys.path.append("/usr/lib/python3/dist-packages")  # Debian's own, for another python3 as well
import openmetrics  # noqa: E402

try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
    from prometheus_client.parser import text_string_to_metric_families as parse_text
except ImportError:
    parse_openmetrics = parse_text = None


class Fake:
    """plimsoll_fake_metrics on a root of its own."""

    def __init__(self, wait=True, prepare=None):
        self.dir = tempfile.TemporaryDirectory(prefix="plimsoll-metrics-")
        self.root = pathlib.Path(self.dir.name)
        self.socket = self.root / "run/plimsoll/metrics.sock"
        self.file = self.root / "var/metrics/plimsoll.prom"
        if prepare:
            prepare(self)
        self.start()
        if wait:
            self.expect("ready")

    def start(self):
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen([FAKE, self.dir.name], stdout=subprocess.PIPE, text=True, umask=0o077)

    def expect(self, line):
        said = self.process.stdout.readline().strip()
        if line not in said:
            raise AssertionError(f"said {said!r}")

    def connect(self):
        out = socket.socket(socket.AF_UNIX)
        out.settimeout(10)
        out.connect(str(self.socket))
        return out

    def ask(self, request):
        """Everything that is answered, until the end."""
        with self.connect() as client:
            client.sendall(request)
            return read_all(client)

    def stop(self):
        self.process.terminate()
        code = self.process.wait(timeout=10)
        self.process.stdout.close()
        return code

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.dir.cleanup()


def read_all(client):
    out = b""
    try:
        while part := client.recv(65536):
            out += part
    except ConnectionResetError:
        pass
    return out


def node_exporter():
    """The real one, unpacked and not installed: its package would start a service that listens to everybody."""
    program = CACHE / "node-exporter/usr/bin/prometheus-node-exporter"
    if program.exists():
        return program
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(["apt-get", "download", "--quiet", "prometheus-node-exporter"], cwd=folder, check=True,
                           timeout=60, capture_output=True)
            [package] = pathlib.Path(folder).glob("*.deb")
            subprocess.run(["dpkg", "--extract", str(package), str(CACHE / "node-exporter")], check=True)
        except (OSError, subprocess.SubprocessError, ValueError):
            return None
    return program


def until(test, seconds=5.0):
    end = time.monotonic() + seconds
    while not test():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


GET = b"GET /metrics HTTP/1.0\r\n\r\n"


class Case(unittest.TestCase):
    def fake(self, **options):
        fake = Fake(**options)
        self.addCleanup(fake.close)
        return fake


class OnTheSocket(Case):
    def curl(self, fake, *arguments, path="/metrics"):
        return subprocess.run(["curl", "--silent", "--show-error", "--max-time", "20", "--unix-socket",
                               str(fake.socket), *arguments, "http://localhost" + path], capture_output=True,
                              check=True).stdout

    def test_curl(self):
        fake = self.fake()
        families = openmetrics.parse(self.curl(fake))
        self.assertEqual(openmetrics.value(families, "plimsoll_line", state="outside"), 1)
        self.assertEqual(openmetrics.value(families, "plimsoll_containers", engine="podman"), 2)
        self.assertEqual(openmetrics.value(families, "plimsoll_contested_keys"), 300)
        self.assertEqual(len(families["plimsoll_contested_since_timestamp_seconds"].samples), 100)
        self.assertEqual(openmetrics.value(families, "plimsoll_healed_after_seconds"), 6)
        head = self.curl(fake, "--include", "--head")
        self.assertIn(b"HTTP/1.0 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0;", head)
        for path, arguments, code in (("/", [], b"404"), ("/metrics", ["--data", "x"], b"405"),
                                      ("/metrics", ["--request", "DELETE"], b"405"),
                                      ("/metrics", ["--header", "X: " + "x" * 9000], b"431")):
            answer = self.curl(fake, "--write-out", "%{http_code}", *arguments, path=path)
            self.assertEqual(answer[-3:], code, (path, arguments))
            self.assertGreater(len(answer), 10)

    def test_everybody_may_read(self):
        fake = self.fake()
        mode = fake.socket.stat().st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o666)
        self.assertEqual(stat.S_IMODE(fake.socket.parent.stat().st_mode), 0o755)

    @unittest.skipIf(parse_openmetrics is None, "python3-prometheus-client is not installed")
    def test_prometheus_reads_it(self):
        text = self.curl(self.fake()).decode()
        ours = openmetrics.parse(text.encode())
        theirs = {family.name: family for family in parse_openmetrics(text)}
        self.assertEqual(set(ours), set(theirs))
        for name, family in ours.items():
            self.assertEqual(family.kind, theirs[name].type)
            self.assertEqual([(name + suffix, labels, value) for suffix, labels, value in family.samples],
                             [(s.name, s.labels, s.value) for s in theirs[name].samples])

    def test_a_request_in_pieces(self):
        fake = self.fake()
        with fake.connect() as client:
            for byte in GET:
                client.sendall(bytes([byte]))
            openmetrics.parse(read_all(client).split(b"\r\n\r\n", 1)[1])
        # Its end of the connection closed, it still reads.
        with fake.connect() as client:
            client.sendall(GET)
            client.shutdown(socket.SHUT_WR)
            self.assertIn(b"# EOF\n", read_all(client))

    def test_nonsense(self):
        fake = self.fake()
        for request, answer in ((b"\x16\x03\x01\n\n", b"400"), (b"GET /metrics\r\n\r\n", b"400"),
                                (b"\0" * 100_000, b"431"), (b"G" * 100_000, b"431"), (b"\xff\xfe \n\n", b"400"),
                                (b"OPTIONS * HTTP/1.1\r\n\r\n", b"405")):
            with self.subTest(request=request[:20]), fake.connect() as client:
                try:
                    client.sendall(request)
                except BrokenPipeError:
                    pass  # it was answered before
                self.assertEqual(read_all(client)[:13], b"HTTP/1.0 " + answer + b" ")
        self.assertEqual(fake.stop(), 0)

    def test_who_is_slow_is_cut_off(self):
        fake = self.fake()
        begin = time.monotonic()
        with fake.connect() as silent, fake.connect() as slow, fake.connect() as deaf:
            slow.sendall(b"GET")
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            deaf.sendall(GET)
            self.assertEqual(read_all(silent), b"")
            self.assertEqual(read_all(slow), b"")
            self.assertIn(b"# EOF", fake.ask(GET))
            took = time.monotonic() - begin
        self.assertGreater(took, 0.95)
        self.assertLess(took, 5)

    def test_a_crowd_keeps_nobody_out(self):
        fake = self.fake()
        crowd = [fake.connect() for _ in range(30)]
        try:
            begin = time.monotonic()
            self.assertIn(b"# EOF", fake.ask(GET))
            self.assertLess(time.monotonic() - begin, 1)
            # Eight at once, descriptors of its own not counted.
            files = [os.readlink(path) for path in pathlib.Path(f"/proc/{fake.process.pid}/fd").iterdir()]
            self.assertLessEqual(sum(name.startswith("socket:") for name in files), 10)
        finally:
            for client in crowd:
                client.close()
        self.assertTrue(until(lambda: b"# EOF" in fake.ask(GET)))

    def test_many_a_second_wait(self):
        fake = self.fake()
        begin = time.monotonic()
        for _ in range(300):
            self.assertIn(b"# EOF", fake.ask(GET))
        self.assertGreater(time.monotonic() - begin, 0.9)
        self.assertEqual(fake.stop(), 0)

    def test_its_socket_is_its_own(self):
        fake = self.fake()
        second = Fake(wait=False, prepare=lambda other: (other.dir.cleanup(), setattr(other, "dir", fake.dir)))
        second.expect("somebody listens there already")
        self.assertEqual(second.process.wait(timeout=10), 1)
        second.process.stdout.close()
        self.assertIn(b"# EOF", fake.ask(GET))
        # What a killed one left is replaced.
        fake.process.kill()
        fake.process.wait()
        fake.process.stdout.close()
        self.assertTrue(fake.socket.is_socket())
        fake.start()
        fake.expect("ready")
        self.assertIn(b"# EOF", fake.ask(GET))
        self.assertEqual(fake.stop(), 0)
        self.assertFalse(fake.socket.exists())

    def test_something_else_has_the_name(self):
        for make in (lambda path: path.mkdir(), lambda path: path.write_text("kept", encoding="utf-8"), os.mkfifo,
                     lambda path: path.symlink_to("/nowhere")):
            def prepare(fake, how=make):
                fake.socket.parent.mkdir(parents=True)
                how(fake.socket)

            fake = self.fake(wait=False, prepare=prepare)
            fake.expect("is there and no socket")
            self.assertEqual(fake.process.wait(timeout=10), 1)
            self.assertTrue(os.path.lexists(fake.socket))

    def test_a_long_root(self):
        def prepare(fake):
            fake.socket = pathlib.Path("run/plimsoll/metrics.sock")
            fake.long = fake.root / ("d" * 200)
            fake.long.mkdir()
            fake.start = lambda: setattr(fake, "process", subprocess.Popen(
                [FAKE, str(fake.long)], stdout=subprocess.PIPE, text=True))

        fake = self.fake(prepare=prepare)
        answer = subprocess.run(["curl", "--silent", "--unix-socket", str(fake.socket), "http://localhost/metrics"],
                                capture_output=True, check=True, cwd=fake.long).stdout
        openmetrics.parse(answer)


class Documentation(Case):
    def test_names_every_metric(self):
        fake = self.fake()
        text = fake.ask(GET).split(b"\r\n\r\n", 1)[1]
        ours = {family.name: family.kind for family in openmetrics.parse(text).values()}
        table = re.findall(r"^\| `(plimsoll_\w+)` \| (\w+) \|", (SOURCE / "docs/daemon.md").read_text(encoding="utf-8"),
                           re.MULTILINE)
        self.assertEqual(sorted(table), sorted(ours.items()))


class InAFile(Case):
    def test_is_written_and_goes(self):
        fake = self.fake()
        self.assertTrue(until(fake.file.exists))
        text = fake.file.read_bytes()
        families = openmetrics.parse(text, openmetrics=False)
        self.assertEqual(openmetrics.value(families, "plimsoll_drifts_total"), 0)
        self.assertEqual(families["plimsoll_build_info"].kind, "gauge")
        self.assertEqual(stat.S_IMODE(fake.file.stat().st_mode), 0o644)
        self.assertEqual(fake.stop(), 0)
        self.assertEqual(list(fake.file.parent.iterdir()), [])

    def test_changes_are_gathered(self):
        fake = self.fake()
        self.assertTrue(until(fake.file.exists))
        inodes = {fake.file.stat().st_ino}
        begin = time.monotonic()
        while time.monotonic() - begin < 1.6:
            fake.process.send_signal(signal.SIGUSR1)
            time.sleep(0.005)
            inodes.add(fake.file.stat().st_ino)
            openmetrics.parse(fake.file.read_bytes(), openmetrics=False)  # whole, whenever it is read
        self.assertIn(len(inodes), range(2, 6))
        drifts = until(lambda: openmetrics.value(openmetrics.parse(fake.file.read_bytes(), openmetrics=False),
                                                 "plimsoll_drifts_total") > 20)
        self.assertTrue(drifts)
        # Nothing changes, nothing is written.
        time.sleep(1)
        before = fake.file.stat().st_mtime_ns
        time.sleep(1.2)
        self.assertEqual(fake.file.stat().st_mtime_ns, before)

    def test_node_exporter_reads_it(self):
        program = node_exporter()
        if program is None:
            self.skipTest("prometheus-node-exporter cannot be downloaded")
        fake = self.fake()
        self.assertTrue(until(fake.file.exists))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = "127.0.0.1:" + str(free.getsockname()[1])
        exporter = subprocess.Popen([program, "--collector.disable-defaults", "--collector.textfile",
                                     f"--collector.textfile.directory={fake.file.parent}",
                                     "--web.listen-address=" + address], stderr=subprocess.DEVNULL)
        self.addCleanup(exporter.wait)
        self.addCleanup(exporter.kill)
        text = ""

        def answers():
            nonlocal text
            text = subprocess.run(["curl", "--silent", "--noproxy", "*", f"http://{address}/metrics"],
                                  capture_output=True, check=False).stdout.decode()
            return text != ""

        self.assertTrue(until(answers, 20))
        lines = text.splitlines()
        self.assertIn("node_textfile_scrape_error 0", lines)
        self.assertIn('plimsoll_line{state="outside"} 1', lines)
        self.assertIn('plimsoll_healed_after_seconds_bucket{le="+Inf"} 6', lines)
        self.assertIn("# TYPE plimsoll_drifts_total counter", lines)
        ours = openmetrics.parse(fake.file.read_bytes(), openmetrics=False)
        for family in ours.values():
            theirs = [line for line in lines if line.split("{")[0].split(" ")[0] in
                      {family.name + suffix for suffix, _, _ in family.samples}]
            self.assertEqual(len(theirs), len(family.samples), family.name)

    def test_says_what_is_in_the_way(self):
        def prepare(fake):
            fake.file.parent.mkdir(parents=True)
            os.mkfifo(fake.file)

        fake = self.fake(prepare=prepare)
        fake.expect("the metrics cannot be written")
        fake.file.unlink()
        fake.expect("written")
        openmetrics.parse(fake.file.read_bytes(), openmetrics=False)
        self.assertEqual(fake.stop(), 0)

    @unittest.skipIf(parse_text is None, "python3-prometheus-client is not installed")
    def test_prometheus_reads_it(self):
        fake = self.fake()
        self.assertTrue(until(fake.file.exists))
        text = fake.file.read_bytes()
        ours = openmetrics.parse(text, openmetrics=False)
        theirs = {s.name: s.value for family in parse_text(text.decode()) for s in family.samples}
        for family in ours.values():
            for suffix, _, _ in family.samples:
                self.assertIn(family.name + suffix, theirs)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[4:]])
