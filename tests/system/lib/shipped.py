"""A configuration as it is shipped or made, served: only where it listens is another."""

from .archeio import Archeio, run
from .ports import free_port


class Shipped:
    def __init__(self, directory, yaml):
        port, admin = free_port(), free_port()
        assert "server:\n" in yaml
        yaml = yaml.replace("server:\n", f"server:\n  listen: ['127.0.0.1:{port}']\n"
                                         f"  admin: 127.0.0.1:{admin}\n", 1)
        yaml += f"ranges: {{directory: '{directory}', refresh: 0s}}\n"
        self.archeio = Archeio(directory, yaml, port=port, admin=admin)
        checked = run("check-config", self.archeio.file)
        assert checked.returncode == 0 and "error" not in checked.stderr, checked.stderr

    def ask(self, method, target, **fields):
        """Status and Location; X_Real_Ip="..." is a field of the request."""
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        answer = self.archeio.request(target, method, headers)
        return answer.status, answer.headers.get("location")

    def stop(self):
        self.archeio.stop()
