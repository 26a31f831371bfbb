"""The decision endpoint, and who asks it: two programs on the server's core, measured as one."""

from measure import ROOT, free_port
from servers import archeio, configure

LUA = """\
                  - name: archeio
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
                      default_source_code: {{ filename: {file} }}
"""


class Both:
    """A server and the archeio that it asks."""

    def __init__(self, asker, asked):
        self.asker, self.asked = asker, asked
        self.port = asker.port

    def cpu(self):
        return self.asker.cpu() + self.asked.cpu()

    def stop(self):
        self.asker.stop()
        self.asked.stop()


def with_lua(directory, ranges, store, start):
    """Envoy with the sample's Lua. start(directory, filters, clusters) starts one, as in envoy.py."""
    directory.mkdir()
    file, _ = configure(directory / "archeio", ranges, store)
    port = free_port()
    text = file.read_text()
    file.write_text(text.replace("server:\n", f'server:\n  decide: "127.0.0.1:{port}"\n', 1))
    asked = archeio(file, port).wait()
    try:
        filters = LUA.format(file=ROOT / "doors" / "endpoint" / "envoy.lua")
        return Both(start(directory / "envoy", filters, {"archeio": port}).wait(), asked)
    except BaseException:
        asked.stop()
        raise
