"""nginx with archeio's module: the sample configuration of doors/nginx, and what a test adds."""

import fcntl
import os
import re
import signal
import subprocess
from collections import namedtuple
from functools import cache
from pathlib import Path

from . import http, http2_client
from .archeio import ROOT, binary, run, to_yaml
from .golden import RANGES, REQUESTS, Golden, ask_http1, ask_http2
from .nginx import TEMPORARY
from .ports import free_port, wait_until
from .program import SANITIZER, Program, find, whole_lines
from .site import Site

DOOR = ROOT / "doors" / "nginx"
SAMPLE = DOOR / "archeio.conf"

MAIN = """\
daemon off;
{user}worker_processes {workers};
pid {directory}/nginx.pid;
error_log {directory}/error.log info;
load_module {module};
events {{ worker_connections 10000; }}
http {{
    access_log off;
    include /etc/nginx/mime.types;
""" + TEMPORARY + """\
{http}
    include archeio.conf;
}}
"""

# The test is the load balancer, and says who the client is.
BEHIND_PROXIES = """
    set_real_ip_from 127.0.0.1;
    set_real_ip_from 130.211.0.1;
    real_ip_header X-Forwarded-For;
    real_ip_recursive on;
"""

LOG = re.compile(r'(?P<client>\S+) \[\S+\] "(?P<request>.*)" (?P<status>\d+) (?P<reason>\S+) '
                 r'route=(?P<route>\S+) store=(?P<store>\S+) client=(?P<cloud>[^/]*)/(?P<region>\S+)\n')
Line = namedtuple("Line", "client request status reason route store cloud region")


SANITIZE = "-fsanitize=address,undefined"


@cache
def sanitized():
    """Whether archeio under test is; then the module is, too."""
    return b"__asan_init" in Path(binary()).read_bytes()


@cache
def module():
    """The module, built anew where it is older than its sources."""
    directory = Path(binary()).parent / "nginx"
    env = dict(os.environ)
    if sanitized():
        env.update(CFLAGS=f"{SANITIZE} -fno-sanitize-recover=all", LDFLAGS=SANITIZE)
    directory.mkdir(exist_ok=True)
    with open(directory / "lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other processes that run tests build it there, too
        done = subprocess.run([DOOR / "build", directory], capture_output=True, text=True,
                              check=False, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return directory / "ngx_http_archeio_module.so"


def environment():
    """nginx itself is not sanitized: it is given what the module needs of that. What it does not free
    at its end is its own business."""
    if not sanitized():
        return None
    libraries = [subprocess.run([find("gcc"), f"-print-file-name=lib{name}.so"], check=True, text=True,
                                capture_output=True).stdout.strip() for name in ("asan", "ubsan")]
    return {**os.environ, "LD_PRELOAD": " ".join(libraries), "UBSAN_OPTIONS": "print_stacktrace=1",
            "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=1"}


def compile_snapshot(config, file, ranges=None):
    """config: archeio.yaml, a dict or text. In one step, so that a reload never sees half of it."""
    source = Path(file).with_suffix(".yaml")
    source.write_text(config if isinstance(config, str) else to_yaml(config) + "\n",
                      encoding="utf-8")
    env = {"ARCHEIO_RANGES": str(ranges or source.parent / "no-ranges")}
    done = run("compile", "--config", source, "--output", file, env=env)
    assert done.returncode == 0, done.stderr


class NginxDoor:
    """The sample, on a free port; listens when the constructor returns.

    config, ranges: what the snapshot is compiled from. server, http: lines that are added to these
    blocks. changes: {pattern: replacement} in the sample; a pattern that does not occur fails.
    file: of another module than the one that is built here.
    """

    def __init__(self, directory, config, ranges=None, changes=None, workers=1, server="", http="",
                 file=None):
        # pylint: disable=too-many-arguments,redefined-outer-name
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        self.port = free_port()
        self.snapshot = self.directory / "archeio.snapshot"
        self.error_path = self.directory / "error.log"
        self.file = self.directory / "nginx.conf"
        self.module = file or module()
        self.forgiven = "nothing"
        compile_snapshot(config, self.snapshot, ranges)
        self.write(changes, workers, server, http)
        self.program = Program(self._command(), self.directory / "nginx.log", env=environment())
        self.program.wait_for_port(self.port)
        wait_until(lambda: len(self.workers()) == workers, what="every worker")

    def write(self, changes=None, workers=1, server="", http=""):
        # pylint: disable=redefined-outer-name
        text = SAMPLE.read_text(encoding="utf-8")
        own = {r"listen 8080;": f"listen 127.0.0.1:{self.port};{server}",
               r"/var/log/nginx/archeio\.log": f"{self.directory}/archeio.log"}
        for pattern, replacement in {**own, **(changes or {})}.items():
            text, times = re.subn(pattern, lambda _, r=replacement: r, text)
            assert times, f"{SAMPLE.name} has no {pattern}"
        (self.directory / "archeio.conf").write_text(text, encoding="utf-8")
        user = "user root;\n" if os.geteuid() == 0 else ""
        self.file.write_text(MAIN.format(user=user, workers=workers, directory=self.directory,
                                         module=self.module, http=http), encoding="utf-8")

    def _command(self, *options):
        return [find("nginx"), "-p", self.directory, "-e", self.error_path, "-c", self.file,
                *options]

    def refused(self):
        """What `nginx -t` says of a configuration that it refuses; None: it does not."""
        done = subprocess.run([str(a) for a in self._command("-t")], capture_output=True, text=True,
                              check=False, env=environment(), timeout=60)
        assert not SANITIZER.search(done.stderr), done.stderr
        return done.stderr if done.returncode != 0 else None

    def workers(self):
        children = Path(f"/proc/{self.program.pid}/task/{self.program.pid}/children")
        return {int(pid) for pid in children.read_text().split()}

    def hang_up(self):
        os.kill(self.program.pid, signal.SIGHUP)

    def reload(self):
        """Returns when no worker with the old configuration is left."""
        old = self.workers()
        self.hang_up()
        wait_until(lambda: self.workers() and not old & self.workers(), what="nginx reloaded")

    def request(self, target, method="GET", headers=None, client=None, **options):
        pairs = list((headers or {}).items())
        if client:
            pairs.append(("X-Forwarded-For", f"{client}, 130.211.0.1"))
        return http.request(self.port, target, method, pairs, **options)

    def log(self):
        """What the sample's log says of each request that was answered: to be waited for."""
        lines = whole_lines(self.directory / "archeio.log")
        return [Line(**LOG.fullmatch(line).groupdict()) for line in lines]

    def errors(self):
        return self.error_path.read_text(encoding="utf-8", errors="replace")

    def forgive(self, text):
        """The test itself saw to it that the log has that as an alert."""
        self.forgiven = text

    def stop(self):
        """No worker may have died."""
        self.program.stop()
        assert not SANITIZER.search(self.errors()), self.errors()[-5000:]
        wrong = [line for line in self.errors().splitlines()
                 if "[alert]" in line and self.forgiven not in line]
        assert not wrong, "\n".join(wrong[:10])


class GoldenDoor(Golden):
    """The site of a golden table, behind the door."""

    def __init__(self, directory, table=REQUESTS):
        super().__init__(directory, table)
        self.h2_port = free_port()
        http2 = f"\n    listen 127.0.0.1:{self.h2_port} http2;"
        self.door = NginxDoor(directory / "nginx", self.text, RANGES, server=http2 + BEHIND_PROXIES,
                              changes={"wait=2s": "wait=10s", "error_ttl=5s": "error_ttl=10m"})
        self.client = http2_client.Client(self.h2_port)

    def ask(self, row, method):
        return ask_http1(http.connect, self.door.port, row, method)

    def ask_http2(self, row, method):
        return ask_http2(self.client, self.h2_port, row, method)

    def stop(self):
        self.client.close()
        try:
            self.door.stop()
        finally:
            super().stop()


class DoorSite(Site):
    """A site whose archeio is the door. file: of another module than the one that is built here."""

    def __init__(self, directory, upstream, file=None):
        self.file = file
        super().__init__(directory, upstream)

    def serve(self, directory, settings, port):
        known = {name: settings[name] for name in ("upstream", "stores")}
        return NginxDoor(directory / "nginx", known, directory / "ranges", server=BEHIND_PROXIES,
                         workers=2, file=self.file)
