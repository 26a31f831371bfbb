"""`geranos sync --every` stays and begins again; `--metrics` says what became of it."""

import re
import signal

import pytest

from lib import geranos
from lib.archeio import ROOT
from lib.http import request
from lib.ports import free_port, wait_until
from lib.program import Program
from lib.registry import Registry
from lib.source import Source, digest_of, noise
from lib.target import Folder


@pytest.fixture
def registry(tmp_path):
    one = Registry(tmp_path / "registry")
    yield one
    one.stop()


@pytest.fixture
def source(registry):
    one = Source(registry.host)
    one.image("app", "v1", [noise(5000)])
    return one


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


class Service:
    """geranos sync --every, with metrics."""

    def __init__(self, directory, *arguments):
        self.port = free_port()
        self.program = Program([geranos.binary(), "sync", "--metrics", f"127.0.0.1:{self.port}",
                                *map(str, arguments)], directory / "service.log",
                               env=geranos.environment(directory))

    def get(self, path, method="GET"):
        return request(self.port, path, method=method)

    def metrics(self):
        """{name or name{labels}: value}"""
        text = self.get("/metrics").body.decode()
        return {k: float(v) for k, v in re.findall(r"^(\w+(?:\{.*\})?) ([\d.]+)$", text, re.M)}

    def events(self, name):
        return [e for e in geranos.events(self.program.output()) if e.get("event") == name]


@pytest.fixture
def serve(tmp_path, registry, folder):
    """serve(option...) starts one from the registry to the folder, and waits for its listener."""
    started = []

    def start(*options):
        one = Service(tmp_path, "--from", registry.url, "--to", folder.url, *options)
        started.append(one)
        one.program.wait_for_port(one.port)
        return one

    yield start
    for one in started:
        one.program.stop()
        assert not one.program.sanitizer_report()


def test_what_is_new_is_copied_by_a_later_run(source, folder, serve):
    service = serve("--every", "300ms")
    wait_until(lambda: folder.blobs() == source.blobs, what="the first run")
    source.image("app", "v2", [noise(6000)])
    wait_until(lambda: folder.blobs() == source.blobs, what="a later run")
    runs = service.metrics()['geranos_runs_total{result="complete"}']
    assert runs >= 1
    wait_until(lambda: service.metrics()['geranos_runs_total{result="complete"}'] > runs)
    assert service.program.stop(signal.SIGTERM) == 0
    results = [e["result"] for e in service.events("summary")]
    assert results.count("complete") > runs
    assert set(results[:-1]) == {"complete"}  # the last may have been interrupted


def test_a_run_that_fails_does_not_end_it(source, registry, folder, serve):
    file = registry.blobs()[digest_of(noise(5000))]
    file.rename(file.with_name("away"))
    service = serve("--every", "300ms")
    wait_until(lambda: service.metrics()['geranos_runs_total{result="incomplete"}'] >= 2)
    metrics = service.metrics()
    assert metrics["geranos_last_run_complete"] == 0
    assert metrics["geranos_last_complete_run_timestamp_seconds"] == 0
    assert metrics["geranos_failures_total"] >= 2
    assert metrics[f'geranos_store_missing_blobs{{store="{folder.url}"}}'] == 1
    assert metrics[f'geranos_store_missing_bytes{{store="{folder.url}"}}'] == 5000
    file.with_name("away").rename(file)
    wait_until(lambda: service.metrics()["geranos_last_run_complete"] == 1)
    assert folder.blobs() == source.blobs


def test_metrics_say_what_became_of_runs(source, folder, serve):
    service = serve("--every", "1h")
    metrics = wait_until(lambda: (m := service.metrics())["geranos_last_run_complete"] and m)
    assert metrics["geranos_running"] == 0
    assert metrics["geranos_blobs_copied_total"] == 2
    assert metrics["geranos_bytes_copied_total"] == sum(map(len, source.blobs.values()))
    assert metrics["geranos_failures_total"] == metrics["geranos_retries_total"] == 0
    assert metrics["geranos_throttled_total"] == metrics["geranos_blobs_in_flight"] == 0
    assert (metrics["geranos_source_images"], metrics["geranos_source_blobs"]) == (1, 2)
    assert metrics[f'geranos_store_missing_blobs{{store="{folder.url}"}}'] == 0
    assert 0 < metrics["geranos_last_run_duration_seconds"] < 30
    assert metrics["geranos_last_complete_run_timestamp_seconds"] > 1.7e9
    text = service.get("/metrics")
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = re.findall(r"^# TYPE (\w+) (?:counter|gauge)$", text.body.decode(), re.M)
    assert len(families) == len(set(families)) > 15
    manual = (ROOT / "docs/geranos.md").read_text()
    assert set(re.findall(r"`(geranos_\w+)", manual)) == set(families) - {"geranos_build_info"}


def test_metrics_move_while_a_run_does(registry, source, serve):
    source.image("large", "v1", [noise(2_000_000, i) for i in range(3)])
    service = serve("--every", "1h", "--max-bandwidth", "1MiB")
    metrics = wait_until(
        lambda: (m := service.metrics())["geranos_blobs_in_flight"] > 0 and m, 20)
    assert metrics["geranos_running"] == 1
    assert "geranos_source_images" not in metrics  # no run has ended
    seen = metrics["geranos_bytes_copied_total"]
    wait_until(lambda: service.metrics()["geranos_bytes_copied_total"] > seen, 20)
    assert service.program.stop(signal.SIGTERM, timeout=5) == 0  # in the middle of a run
    assert service.events("summary")[-1]["result"] == "interrupted"


def test_the_listener_answers_what_it_has_and_nothing_else(source, serve):
    service = serve("--every", "1h")
    assert service.get("/healthz").body == b"ok\n"
    assert service.get("/metrics", "HEAD").body == b""
    assert service.get("/other").status == 404
    assert service.get("/metrics", "POST").status == 405


def test_without_a_time_it_runs_once(source, registry, folder, tmp_path):
    done = geranos.run(tmp_path, "sync", "--from", registry.url, "--to", folder.url, "--metrics",
                       f"127.0.0.1:{free_port()}")
    assert done.returncode == 0
    assert folder.blobs() == source.blobs


def test_an_address_that_is_taken_is_said(source, registry, folder, tmp_path):
    done = geranos.run(tmp_path, "sync", "--from", registry.url, "--to", folder.url, "--metrics",
                       f"127.0.0.1:{registry.port}")
    assert done.returncode == 1
    assert "--metrics: cannot listen on" in done.stderr
    assert folder.everything() == {}


@pytest.mark.parametrize("options, complaint", [
    (["--every", "10"], '--every: expected'),
    (["--metrics", "9090"], '--metrics: expected an address and a port'),
])
def test_wrong_values_are_named(tmp_path, options, complaint):
    done = geranos.run(tmp_path, "sync", *options)
    assert done.returncode == 2
    assert complaint in done.stderr
