"""archeio under test."""

import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from . import http
from .ports import free_port, listens, wait_until
from .program import Program, whole_lines

ROOT = Path(__file__).resolve().parents[3]

# Variables that configure archeio; none of them may leak in from the shell that runs the tests.
CONFIGURING = ("PORT", "UPSTREAM_REGISTRY_ENDPOINT", "UPSTREAM_REGISTRY_PATH",
               "SIGNATURE_UPSTREAM_ENDPOINT", "DEFAULT_AWS_BASE_URL", "ARCHEIO_RANGES",
               "ARCHEIO_CONFIG", "ARCHEIO_USER", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY",
               "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")

METRIC = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def binary():
    """The program under test: ARCHEIO_BINARY, or what `make` built."""
    path = Path(os.environ.get("ARCHEIO_BINARY", ROOT / "build" / "archeio")).resolve()
    assert path.is_file(), f"{path} is missing: build it (make), or set ARCHEIO_BINARY"
    return str(path)


def environment(extra=None):
    env = {k: v for k, v in os.environ.items() if k not in CONFIGURING}
    if os.geteuid() == 0:
        # What tests make belongs to root; test_confinement.py lets the server become others.
        env.setdefault("ARCHEIO_USER", "root")
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    env.update(extra or {})
    return env


def run(*args, env=None, stdin=None, timeout=60, cwd=None):
    """A subcommand, run to its end: a CompletedProcess with text. A sanitizer report fails."""
    args = [arg if isinstance(arg, bytes) else str(arg) for arg in args]
    done = subprocess.run([binary(), *args], input=stdin, capture_output=True, text=True,
                          env=environment(env), timeout=timeout, cwd=cwd, check=False)
    assert "Sanitizer" not in done.stderr and "runtime error:" not in done.stderr, done.stderr
    return done


def to_yaml(value, indent=0):
    """Dicts, lists and scalars as block-style YAML. Strings are quoted as JSON quotes them."""
    pad = "  " * indent
    lines = []
    for key, item in value.items():
        if isinstance(item, dict):
            lines += [f"{pad}{key}:", to_yaml(item, indent + 1)] if item else [f"{pad}{key}: {{}}"]
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            lines.append(f"{pad}{key}:")
            for entry in item:
                body = to_yaml(entry, indent + 2).split("\n")
                lines.append(f"{pad}  - {body[0].strip()}")
                lines += body[1:]
        else:
            lines.append(f"{pad}{key}: {json.dumps(item)}")
    return "\n".join(lines)


def merge(base, over):
    out = dict(base)
    for key, item in over.items():
        if isinstance(item, dict) and isinstance(out.get(key), dict):
            item = merge(out[key], item)
        out[key] = item
    return out


class Archeio:
    """`archeio serve` with a configuration, running and ready when the constructor returns.

    config: a dict (a free listen and admin port, and `ranges.refresh: 0`, are filled in where it
    says nothing; a file that sets no upstream gets the preset's), or text that is written as it is
    (then give port and admin). None of it starts it without a file; then give env={"PORT": ...}.
    """

    def __init__(self, directory, config=None, args=(), env=None, port=None, admin=None,
                 wait=True, host="127.0.0.1"):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.host = host
        self.port = port or free_port(host)
        self.admin_port = admin or free_port()
        self.file = self.directory / "archeio.yaml"
        self.access_path = self.directory / "access.log"
        self.stopped = False
        argv = [binary(), "serve"]
        if config is not None:
            self.write(config)
            argv += ["--config", self.file]
        self.program = Program(argv + list(args), self.directory / "archeio.log",
                               env=environment(env), cwd=self.directory)
        if wait:
            try:
                self.wait_ready()
            except BaseException:
                self.program.kill()
                raise

    def write(self, config):
        """(Re)writes the configuration file; reload() makes the running program read it."""
        if isinstance(config, dict):
            config = merge({
                "server": {"listen": [f"{self.host if ':' not in self.host else f'[{self.host}]'}"
                                      f":{self.port}"],
                           "admin": f"127.0.0.1:{self.admin_port}"},
                "ranges": {"directory": str(self.directory / "ranges"), "refresh": "0s"},
            }, config)
            config = to_yaml(config) + "\n"
        # In one step, so that a reload never sees half of it.
        part = self.file.with_suffix(".part")
        part.write_text(config, encoding="utf-8")
        part.rename(self.file)

    def wait_ready(self, timeout=20.0):
        def ready():
            assert self.program.alive(), f"archeio ended:\n{self.program.output()}"
            return self.admin_status("/readyz") == 200 and listens(self.port, self.host)
        wait_until(ready, timeout, "archeio ready")
        # The connection that found out is not one of the test's.
        wait_until(lambda: self.metric("archeio_connections_accepted_total") >= 1 and
                   self.metric("archeio_connections") == 0, timeout, "no connection")

    @property
    def pid(self):
        return self.program.pid

    @property
    def url(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def admin_url(self):
        return f"http://127.0.0.1:{self.admin_port}"

    def request(self, target, method="GET", headers=None, client=None, timeout=15.0):
        """One request. client: an address, sent as Google's load balancer would."""
        pairs = list(headers.items() if isinstance(headers, dict) else headers or [])
        if client:
            pairs.append(("X-Forwarded-For", f"{client}, 130.211.0.1"))
        return http.request(self.port, target, method, pairs, self.host, timeout)

    def exchange(self, data, **options):
        return http.exchange(self.port, data, self.host, **options)

    def admin(self, path):
        with urllib.request.urlopen(self.admin_url + path, timeout=10) as response:
            return response.read().decode()

    def admin_status(self, path):
        try:
            with urllib.request.urlopen(self.admin_url + path, timeout=10) as response:
                return response.status
        except urllib.error.HTTPError as e:
            return e.code
        except OSError:
            return None

    def metrics(self):
        """[(name, {label: value}, number)] of everything /metrics says."""
        found = []
        for line in self.admin("/metrics").splitlines():
            if not line or line.startswith("#"):
                continue
            match = METRIC.match(line)
            assert match, f"not a metric: {line!r}"
            name, labels, number = match.groups()
            found.append((name, dict(LABEL.findall(labels or "")), float(number)))
        return found

    def metric(self, name, **labels):
        """The sum over all series of that name with those labels; None if there is none."""
        values = [v for n, have, v in self.metrics()
                  if n == name and all(have.get(k) == w for k, w in labels.items())]
        return sum(values) if values else None

    def access_log(self):
        """Every line of access.log in the directory (`log.access` must name it)."""
        return [json.loads(line) for line in whole_lines(self.access_path)]

    def output(self):
        return self.program.output()

    def reload(self):
        os.kill(self.pid, signal.SIGHUP)

    def stop(self, number=signal.SIGTERM, timeout=20.0, code=0):
        """Ends it and checks how: exit code 0, and no sanitizer report (leaks included)."""
        self.stopped = True
        got = self.program.stop(number, timeout)
        report = self.program.sanitizer_report()
        assert not report, report
        assert got == code, f"exit code {got}, expected {code}:\n{self.output()}"
