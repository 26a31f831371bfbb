"""Envoy with a redirect of its own, with archeio's filter in it, and asking archeio's endpoint."""

import subprocess

import endpoint
import measure
from measure import ROOT, Server, first_answer, free_port, median
from rows import (BLOB, MANIFEST, UNKNOWN, Row, await_present, check_upstream, headers, run_all,
                  verdict)
from servers import BINARY, bucket, configure

OF_PLAIN = 1.5
BY_CONNECTION = "Envoy with archeio's filter, client by its connection"
BINARY_OF_ENVOY = ROOT / "build-conformance" / "bin" / "envoy"

# The client is taken from X-Forwarded-For, as everywhere in these tables, so Envoy leaves that alone.
CONFIG = """\
static_resources:
  listeners:
    - address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: bench
                use_remote_address: true
                skip_xff_append: true
                normalize_path: false
                merge_slashes: false
                path_with_escaped_slashes_action: KEEP_UNCHANGED
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - match: {{ prefix: "/v2/" }}
                          redirect:
                            https_redirect: true
                            host_redirect: us-central1-docker.pkg.dev
                            prefix_rewrite: "/v2/k8s-artifacts-prod/images/"
                            response_code: TEMPORARY_REDIRECT
                http_filters:
{filters}
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
{clusters}
"""

FILTER = """\
                  - name: archeio
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
                      config:
                        name: archeio
                        vm_config:
                          vm_id: archeio
                          runtime: envoy.wasm.runtime.v8
                          code: {{ local: {{ filename: {module} }} }}
                        configuration:
                          "@type": type.googleapis.com/google.protobuf.StringValue
                          value: "client_address: {client}"
"""

CLUSTER = """\
    - name: {name}
      type: STATIC
      connect_timeout: 2s
      load_assignment:
        cluster_name: {name}
        endpoints:
          - lb_endpoints:
              - endpoint:
                  address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
"""


def start(directory, filters, clusters, workers=1):
    """Not waited for. clusters: {name: port}"""
    directory.mkdir(parents=True, exist_ok=True)
    port, file = free_port(), directory / "envoy.yaml"
    file.write_text(CONFIG.format(port=port, filters=filters, clusters="".join(
        CLUSTER.format(name=name, port=its) for name, its in clusters.items())))
    return Server([BINARY_OF_ENVOY, "-c", file, "--concurrency", str(workers), "--disable-hot-restart",
                   "-l", "warning"], port, directory / "log")


def build_module(directory, published, url=None, more=()):
    """`archeio compile --wasm` of that site; more: further lines of its configuration."""
    directory.mkdir(parents=True)
    file, _ = configure(directory / "archeio", published.directory, url, more=more)
    module = directory / "filter"
    subprocess.run([BINARY, "compile", "--wasm", "--config", file, "--output", module], check=True,
                   capture_output=True)
    return module


def rows_of(directory, published, own):
    """own(server) keeps it until the end. The first row is the one that the others are compared with."""
    aws = published.address_of("aws")
    url = f"http://127.0.0.1:{own(bucket(directory / 'bucket')).port}"
    module = build_module(directory / "module", published, url)

    def with_filter(client):
        return own(start(directory / client, FILTER.format(module=module, client=client),
                         {"archeio_bucket": url.rsplit(":", 1)[1]}).wait())

    plain = own(start(directory / "plain", "", {}).wait())
    by_field, by_peer = with_filter("google-lb"), with_filter("peer")
    by_lua = own(endpoint.with_lua(directory / "lua", published.directory, url, start))
    for one in (by_field, by_peer, by_lua):
        await_present(one.port, aws, url)
    for one in (plain, by_field, by_peer, by_lua):
        check_upstream(one.port, MANIFEST, UNKNOWN)
    return [
        Row("Envoy, a plain redirect route", plain, BLOB, aws),
        Row("Envoy with archeio's filter, manifest", by_field, MANIFEST, UNKNOWN),
        Row("Envoy with archeio's filter, blob known present", by_field, BLOB, aws),
        Row(f"{BY_CONNECTION}, manifest", by_peer, MANIFEST, UNKNOWN),
        Row(f"{BY_CONNECTION}, blob known present", by_peer, BLOB, UNKNOWN),
        Row("Envoy with Lua that asks the endpoint, and archeio: manifest", by_lua, MANIFEST, UNKNOWN),
        Row("Envoy with Lua that asks the endpoint, and archeio: blob known present", by_lua, BLOB, aws),
    ]


def memory_of_worker(directory, filters):
    """In bytes: what eight more of them take."""
    used = []
    for workers in (1, 9):
        server = start(directory / str(workers), filters, {}, workers).wait()
        try:
            for _ in range(8 * workers):  # so that each has answered
                measure.ask(server.port, MANIFEST, headers(UNKNOWN))
            used.append(server.memory()["Private"])
        finally:
            server.stop()
    return (used[1] - used[0]) / 8


def sizes(directory, published, options):
    """What modules add to an Envoy without one."""
    routes = ["routes:", *(f'  - {{name: r{i}, when: {{path: "/r{i}/**"}}, to: {{url: "https://r{i}.test"}}}}'
                           for i in range(1000))]
    out = ["| Envoy | module, KiB | start to first answer, ms | memory of a worker, MiB |",
           "|---|---:|---:|---:|"]
    for name, more, place in (("without the filter", None, directory / "plain"),
                              ("with it, and the ranges", [], directory / "ranges"),
                              ("with it, the ranges and 1,000 routes", routes, directory / "routes")):
        size, filters = "", ""
        if more is not None:
            module = build_module(place, published, more=more)
            size = f"{module.stat().st_size / 1024:,.0f}"
            filters = FILTER.format(module=module, client="google-lb")
        starts = [first_answer(lambda at=place, what=filters: start(at / "start", what, {}), MANIFEST,
                               headers(UNKNOWN)) for _ in range(min(options.starts, 7))]
        each = memory_of_worker(place, filters) / 2**20
        out.append(f"| {name} | {size} | {median(starts):.0f} | {each:.1f} |")
    return out


def measure_rows(directory, published, options):
    started = []

    def own(server):
        started.append(server)
        return server

    try:
        rows = rows_of(directory, published, own)
        run_all(rows, options)
    finally:
        for server in started:
            server.stop()
    out = ["| server | CPU per request, µs | lowest to highest | × plain route | requests/s | wanted |",
           "|---|---:|---:|---:|---:|---|"]
    for row in rows:
        ratio = row.us / rows[0].us
        wanted = f"≤ {OF_PLAIN} × plain: {verdict(ratio, OF_PLAIN)}" if "filter" in row.name else ""
        out.append(f"| {row.name} | {row.us:.2f} | {min(row.cpu):.2f} to {max(row.cpu):.2f} |"
                   f" {ratio:.2f} | {median(row.rate):,.0f} | {wanted} |")
    return out


def requests(directory, published, options):
    got = subprocess.run([ROOT / "scripts" / "envoy"], capture_output=True, text=True, check=False)
    if got.returncode != 0:
        return ["Not measured here: " + " ".join(got.stderr.split())]
    directory = directory / "envoy"
    directory.mkdir()
    return [*measure_rows(directory, published, options), "",
            *sizes(directory / "sizes", published, options)]
