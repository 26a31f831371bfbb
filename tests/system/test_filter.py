"""`archeio compile --wasm`: the filter for Envoy with a snapshot in it, as a WebAssembly engine sees it.
What it does in Envoy, tests/conformance/test_envoy_door.py finds out."""

import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from lib.archeio import ROOT, binary, run, to_yaml
from lib.program import find
from lib.site import write_ranges

# Instantiates the module, and prints what it imports and exports, and what lies in its memory.
LOOK = """
const module = new WebAssembly.Module(require("fs").readFileSync(process.argv[1]));
const imports = WebAssembly.Module.imports(module);
const given = {};
for (const i of imports)
    (given[i.module] ??= {})[i.name] = () => 0;
const { memory, inserted_place } = new WebAssembly.Instance(module, given).exports;
const place = new Uint32Array(memory.buffer, inserted_place.value, 2);
console.log(JSON.stringify({
    imports: imports.map((i) => `${i.module}.${i.name}`),
    exports: WebAssembly.Module.exports(module).map((e) => e.name),
    address: place[0],
    snapshot: Buffer.from(memory.buffer, place[0], place[1]).toString("base64"),
    size: memory.buffer.byteLength,
}));
"""


@pytest.fixture
def site(tmp_path):
    write_ranges(tmp_path / "ranges")
    file = tmp_path / "archeio.yaml"
    file.write_text(to_yaml({
        "upstream": {"endpoint": "https://upstream.example", "path": "p"},
        "ranges": {"directory": str(tmp_path / "ranges")},
        "stores": [{"name": "eu", "url": "https://eu.example", "serves": ["aws/eu-west-3"]}]}) + "\n")
    return file


def compiled(site, name, *options):
    target = site.with_name(name)
    done = run("compile", "--config", site, "--output", target, *options)
    assert done.returncode == 0, done.stderr
    return target, done.stdout


def look(module):
    done = subprocess.run([find("node"), "-e", LOOK, str(module)], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_snapshot_lies_in_the_modules_memory(site):
    """The bytes that `compile` writes without --wasm, where the module looks for them."""
    snapshot, _ = compiled(site, "snapshot")
    module, _ = compiled(site, "module", "--wasm")
    seen = look(module)
    assert base64.b64decode(seen["snapshot"]) == snapshot.read_bytes()
    assert seen["address"] % 65536 == 0
    assert seen["address"] + snapshot.stat().st_size <= seen["size"]


def test_it_is_a_proxy_wasm_filter_that_needs_nothing_else(site):
    """Of its host it wants the ABI, a clock and random bytes."""
    seen = look(compiled(site, "module", "--wasm")[0])
    foreign = [i for i in seen["imports"] if not i.startswith("env.proxy_")]
    assert sorted(foreign) == ["wasi_snapshot_preview1.clock_time_get",
                               "wasi_snapshot_preview1.random_get"]
    assert {"proxy_abi_version_0_2_1", "proxy_on_memory_allocate", "proxy_on_configure",
            "proxy_on_request_headers"} <= set(seen["exports"])


def test_the_hash_that_is_printed_is_the_files_and_the_same_every_time(site):
    """Envoy, which fetches the module, is told that hash."""
    one, said = compiled(site, "one", "--wasm")
    other, _ = compiled(site, "other", "--wasm")
    assert one.read_bytes() == other.read_bytes()
    assert said.splitlines()[-1] == "sha256: " + hashlib.sha256(one.read_bytes()).hexdigest()
    assert str(one.stat().st_size) in said


def test_the_filter_is_the_same_wherever_it_is_built(tmp_path):
    """Byte for byte, of the same sources in another directory."""
    def not_sources(directory, names):
        return [n for n in names if Path(directory) == ROOT and n.startswith((".", "build"))]

    copy = tmp_path / "else" / "where"
    shutil.copytree(ROOT, copy, ignore=not_sources)
    for command in (["meson", "setup", copy / "build"],
                    ["ninja", "-C", copy / "build", "doors/envoy/filter.wasm"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    name = "doors/envoy/filter.wasm"
    assert (copy / "build" / name).read_bytes() == (Path(binary()).parent / name).read_bytes()


def test_nothing_is_written_if_anything_is_wrong(site):
    target = site.with_name("module")
    site.write_text("stores: nothing\n")
    done = run("compile", "--wasm", "--config", site, "--output", target)
    assert done.returncode == 1 and not target.exists()


def test_what_cannot_be_written_is_said(site):
    done = run("compile", "-w", "-c", site, "-o", site.parent / "gone" / "module")
    assert done.returncode == 1
    assert "cannot be written: No such file or directory" in done.stderr
