"""Envoy with the filter of doors/envoy in it: its sample configuration, with the test's own addresses
in the places of the sample's."""

import json
import os
import re
import urllib.request
from pathlib import Path

from . import http
from .archeio import ROOT, run, to_yaml
from .ports import free_port, wait_until
from .program import Program

DOOR = ROOT / "doors" / "envoy"
TOOLS = Path(os.environ.get("CONFORMANCE_TOOLS", ROOT / "build-conformance" / "bin"))

CLUSTER = """\
    - name: archeio_{name}
      type: STATIC
      connect_timeout: 2s
      load_assignment:
        cluster_name: archeio_{name}
        endpoints:
          - lb_endpoints:
              - endpoint:
                  address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
"""


DYNAMIC = """
node: { id: test, cluster: test }
dynamic_resources:
  lds_config: { resource_api_version: V3, path_config_source: { path: ./listener.yaml } }
"""


def binary():
    path = TOOLS / "envoy"
    assert path.is_file(), f"{path} is missing: make conformance gets it"
    return str(path)


def compile_filter(directory, config, ranges=None):
    """`archeio compile --wasm` of a configuration (text, or a dict): the module's file."""
    file, module = Path(directory) / "archeio.yaml", Path(directory) / "archeio.wasm"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(config if isinstance(config, str) else to_yaml(config) + "\n", encoding="utf-8")
    done = run("compile", "--wasm", "--config", file, "--output", module,
               env={"ARCHEIO_RANGES": str(ranges or directory)})
    assert done.returncode == 0, done.stderr
    return module


def clusters(ports):
    """Static ones in clear, by store: {name: port}."""
    return "".join(CLUSTER.format(name=name, port=port) for name, port in ports.items())


class Sample:
    """doors/envoy/envoy.yaml, of which things can be changed; what is to be changed must be there."""

    def __init__(self):
        self.text = (DOOR / "envoy.yaml").read_text(encoding="utf-8")

    def change(self, old, new, count=1):
        assert self.text.count(old) == count, f"envoy.yaml: {old!r} is there {self.text.count(old)} times"
        self.text = self.text.replace(old, new)
        return self

    def use_clusters(self, ports):
        head, _, _ = self.text.partition("  clusters:\n")
        self.text = head + "  clusters:\n" + clusters(ports)
        return self

    def settings(self, lines):
        """The filter's configuration, in the place of the sample's."""
        pad = " " * 28
        block = re.search(r"( {26}value: \|\n)((?: {28}\S.*\n)+)", self.text)
        assert block, "envoy.yaml: the filter's configuration is not found"
        self.text = (self.text[:block.start(2)] + "".join(f"{pad}{line}\n" for line in lines)
                     + self.text[block.end(2):])
        return self

    def listener(self):
        """The listener as what Envoy reads from a file and reads again when that changes; in the text
        there is that file's name then."""
        found = re.search(r"  listeners:\n((?:    .*\n|\n)+?)\n?(?=  # One for)", self.text)
        assert found, "envoy.yaml: the listener is not found"
        block = re.sub("^    ", "", found[1], flags=re.M)
        kind = "type.googleapis.com/envoy.config.listener.v3.Listener"
        self.text = self.text[:found.start()] + self.text[found.end():] + DYNAMIC
        return "resources:\n" + block.replace("- name", f'- "@type": {kind}\n  name', 1)

    def bytes(self, data):
        """The filter's configuration as bytes (in Base64), in the place of the sample's text."""
        self.settings(["x"])
        return self.change("google.protobuf.StringValue", "google.protobuf.BytesValue").change(
            "value: |\n" + " " * 28 + "x\n", f"value: {data}\n")


class Envoy:
    """Runs in a directory in which archeio.wasm lies; listens when the constructor returns. One worker:
    it is hungry. address: to listen on, as YAML."""

    def __init__(self, directory, sample, concurrency=1, dynamic=False, address="127.0.0.1"):
        self.directory = Path(directory)
        self.address = address
        self.port, self.admin_port = free_port(), free_port()
        self._address(sample)
        if dynamic:
            self._write_listener(sample.listener())
        config = self.directory / "envoy.yaml"
        config.write_text(sample.text, encoding="utf-8")
        self.program = Program(
            [binary(), "-c", config, "--concurrency", str(concurrency), "--disable-hot-restart",
             "--file-flush-interval-msec", "100", "-l", "warning", "--component-log-level", "wasm:info"],
            self.directory / "envoy.log", cwd=self.directory)
        self.program.wait_for_port(self.port, timeout=60)

    def _address(self, sample):
        sample.change("address: 0.0.0.0, port_value: 8080", f"address: {self.address}, port_value: {self.port}")
        sample.change("port_value: 9901", f"port_value: {self.admin_port}")
        # Tests read until the connection's end; Envoy leaves clients a second to end it themselves.
        sample.change("stat_prefix: registry",
                      "stat_prefix: registry\n" + 16 * " " + "delayed_close_timeout: 0.001s")

    def _write_listener(self, text):
        part = self.directory / "listener.part"
        part.write_text(text, encoding="utf-8")
        part.rename(self.directory / "listener.yaml")

    def replace(self, sample):
        """Of a dynamic one: another listener. Returns when Envoy has taken or refused it."""
        before = self._updates()
        self._address(sample)
        self._write_listener(sample.listener())
        wait_until(lambda: self._updates() != before, 20, "Envoy to read the listener")

    def _updates(self):
        return [self.stat(f"listener_manager.lds.update_{how}") for how in ("success", "rejected")]

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    def request(self, target, method="GET", client=None, headers=()):
        pairs = list(headers)
        if client:
            pairs.append(("X-Forwarded-For", f"{client}, 130.211.0.1"))
        return http.request(self.port, target, method, pairs)

    def admin(self, path):
        url = f"http://127.0.0.1:{self.admin_port}{path}"
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.read().decode()

    def stat(self, name):
        stats = json.loads(self.admin(f"/stats?format=json&filter=^{name}$"))["stats"]
        assert len(stats) == 1, (name, stats)
        return stats[0]["value"]

    def counter(self, name):
        """Of the filter's own; they are there as soon as it is configured."""
        return self.stat(f"wasmcustom.archeio_{name}")

    def wait_for_counter(self, name, least, timeout=10.0):
        wait_until(lambda: self.counter(name) >= least, timeout, f"{name} to be {least}")

    def access_log(self):
        return [json.loads(line) for line in self.output().splitlines() if line.startswith("{")]

    def output(self):
        return self.program.output()

    def stop(self):
        code = self.program.stop(timeout=30)
        assert code == 0, f"exit code {code}\n{self.output()[-3000:]}"
