"""The filter for Envoy with a snapshot or a configuration that is not as it should be, or that changes while
requests come."""

import base64
import threading

import pytest

from lib import archeio as program
from lib.envoy import Envoy, Sample, compile_filter
from lib.envoy_site import AS_IT_CAME, OWN, REGISTRY, US, blob, digest_of, region, site_config, where
from lib.ports import wait_until
from lib.site import write_ranges
from lib.store import status

# ── What goes wrong with the snapshot, the module, the configuration ──


def flip_a_byte_of_the_snapshot(module):
    data = bytearray(module.read_bytes())
    data[data.rindex(b"registry.example.org")] ^= 1
    module.write_bytes(data)


def answers_by_route(one):
    """A registry's path goes where everything is, by Envoy's own route."""
    answers = [one.request(path) for path in ("/v2/", blob(1), "/v2/team/app/manifests/v1")]
    return [(a.status, a.location) for a in answers] == [
        (200, None), (307, f"{REGISTRY}/blobs/{digest_of(1)}"), (307, f"{REGISTRY}/manifests/v1")]


def test_with_a_corrupt_snapshot_requests_pass_on_and_are_counted(envoy):
    one = envoy({}, edit=flip_a_byte_of_the_snapshot)
    assert answers_by_route(one)
    assert one.counter("requests_passed") == 3
    assert one.counter("snapshot_refused") >= 1
    assert "snapshot: corrupt: the checksum does not match" in one.output()


def test_without_a_snapshot_they_do_too(envoy):
    one = envoy({}, ["snapshot: "])
    assert one.request("/v2/").headers.get("docker-distribution-api-version")
    one = envoy({}, ["snapshot: " + base64.b64encode(b"nothing of the kind").decode()])
    assert answers_by_route(one)
    assert "snapshot: not a snapshot" in one.output()


def test_with_a_module_that_is_none_envoy_does_not_begin(envoy):
    """Nor take it over, if it runs already: that is Envoy's to decide."""
    with pytest.raises(AssertionError, match="orrupted Wasm module"):
        envoy({}, edit=lambda module: module.write_bytes(module.read_bytes()[:1000]))


def test_envoy_fetches_the_module_by_the_hash_that_compile_prints(own, stand_in, tmp_path):
    write_ranges(tmp_path, OWN)
    file, module = tmp_path / "archeio.yaml", tmp_path / "archeio.wasm"
    file.write_text(program.to_yaml(site_config({})) + "\n")
    said = program.run("compile", "--wasm", "--config", file, "--output", module,
                       env={"ARCHEIO_RANGES": str(tmp_path)}).stdout
    sha256 = said.splitlines()[-1].removeprefix("sha256: ")
    content = module.read_bytes()
    server = stand_in(lambda *_: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)
    remote = (f'{{ remote: {{ http_uri: {{ uri: "{server.url}/archeio.wasm", timeout: 30s,'
              f' cluster: archeio_modules }}, sha256: {sha256} }} }}')
    one = own(Envoy(tmp_path, Sample().use_clusters({"modules": server.port}).change(
        "{ local: { filename: archeio.wasm } }", remote)))
    assert one.request("/v2/team/app/manifests/v1").location == f"{REGISTRY}/manifests/v1"
    assert set(server.requests) == {"/archeio.wasm"}


def compiled(directory, stores):
    """A snapshot's bytes, in Base64."""
    write_ranges(directory, OWN)
    file = directory / "archeio.yaml"
    file.write_text(program.to_yaml(site_config(stores)) + "\n")
    done = program.run("compile", "--config", file, "--output", directory / "snapshot",
                       env={"ARCHEIO_RANGES": str(directory)})
    assert done.returncode == 0, done.stderr
    return base64.b64encode((directory / "snapshot").read_bytes()).decode()


@pytest.mark.parametrize("form", ["text", "bytes"])
def test_a_snapshot_in_the_configuration_takes_the_place_of_the_modules(own, stand_in, tmp_path, form):
    """As one of the settings, or as the whole configuration."""
    store = stand_in(lambda *_: status(200))
    snapshot = compiled(tmp_path, {"small": (store.url, ["aws/eu-west-3"])})
    compile_filter(tmp_path, site_config({}))
    sample = Sample().use_clusters({"small": store.port})
    if form == "text":
        sample.settings([f"snapshot: {snapshot}", "wait: 3s"])
    else:
        sample.bytes(snapshot)
    assert where(own(Envoy(tmp_path, sample)).request(blob(1)), store) == 0


@pytest.mark.parametrize("line, complaint", [
    ("wait: soon", "configuration:2: expected a duration"),
    ("client_address: anybody", "configuration:2: expected peer, google-lb, trusted-proxies or x-real-ip"),
    ("trusted_proxies: 10.0.0.1/8", "configuration:2: expected prefixes without host bits"),
    ("slot: 9", "configuration:2: expected client_address, trusted_proxies, "),
])
def test_a_wrong_setting_is_refused_with_its_line(envoy, line, complaint):
    with pytest.raises(AssertionError, match=complaint):
        envoy({}, [line])


# ── Another configuration while requests come ──


def test_a_new_configuration_takes_over_and_a_wrong_one_does_not(own, stand_in, tmp_path):
    """Over connections of their own and over one that stays, while clients ask: no request is lost,
    whatever comes in the place of the listener."""
    store = stand_in(lambda *_: status(200))
    write_ranges(tmp_path, OWN)
    compile_filter(tmp_path, site_config({"eu": (f"{store.url}/eu", ["aws/eu-west-3"]),
                                          "us": (f"{store.url}/us", ["aws/us-east-2"])}))

    def sample(*settings):
        return Sample().settings(settings).use_clusters({"eu": store.port, "us": store.port}).change(
            *AS_IT_CAME)
    one = own(Envoy(tmp_path, sample("client_address: peer"), dynamic=True))
    ended, lost = threading.Event(), []

    def ask_on():
        while not ended.is_set():
            try:
                if one.request(blob(1), client=US).status != 307:
                    lost.append("another answer")
            except OSError as e:
                lost.append(e)

    clients_of = [threading.Thread(target=ask_on) for _ in range(4)]
    for thread in clients_of:
        thread.start()
    try:
        forged = [f"{US}, 130.211.0.1"]
        assert region(one, headers=forged) == "eu"
        for wanted, setting in (("us", "google-lb"), ("eu", "peer"), ("us", "google-lb")):
            one.replace(sample(f"client_address: {setting}"))
            wait_until(lambda w=wanted: region(one, headers=forged) == w, what="the new one")
        one.replace(sample("client_address: peers"))
        assert one.stat("listener_manager.lds.update_rejected") == 1
        assert "configuration:1: expected peer, google-lb, trusted-proxies or x-real-ip" in one.output()
        assert region(one, headers=forged) == "us"
    finally:
        ended.set()
        for thread in clients_of:
            thread.join()
    assert not lost


def test_a_new_module_takes_over_and_one_with_a_corrupt_snapshot_lets_all_pass(own, stand_in, tmp_path):
    """They go to the route, and are counted, until there is a good one."""
    store = stand_in(lambda *_: status(200))
    write_ranges(tmp_path, OWN)

    def sample(name, part, edit=lambda module: None):
        module = compile_filter(tmp_path, site_config({"eu": (f"{store.url}/{part}", ["aws/eu-west-3"])}))
        edit(module)
        module.rename(tmp_path / name)
        return Sample().use_clusters({"eu": store.port}).change("filename: archeio.wasm", f"filename: {name}")

    def stores_part():
        return one.request(blob(1)).location.removeprefix(store.url).split("/")[1]
    one = own(Envoy(tmp_path, sample("first.wasm", "a"), concurrency=2, dynamic=True))
    assert stores_part() == "a"
    for number, part in enumerate("ba"):
        one.replace(sample(f"{number}.wasm", part))
        wait_until(lambda p=part: stores_part() == p, what="the new module")
    one.replace(sample("bad.wasm", "c", flip_a_byte_of_the_snapshot))
    wait_until(lambda: answers_by_route(one), what="requests to pass")
    assert one.counter("requests_passed") >= 3
    one.replace(sample("good.wasm", "a"))
    wait_until(lambda: one.request(blob(1)).location.startswith(store.url), what="the good one")
