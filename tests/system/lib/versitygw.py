"""versitygw: another S3 server, over a directory. It stands in RadosGW's place."""

from pathlib import Path

from .ports import free_port
from .program import Program
from .radosgw import RadosGW
from .s3 import S3


class VersityGW:
    """Listens when the constructor returns. Its user is RadosGW.USER."""

    def __init__(self, directory, binary):
        self.directory = Path(directory)
        for name in ("objects", "attributes"):
            (self.directory / name).mkdir(parents=True)
        self.port = free_port()
        access, secret = RadosGW.USER
        # Not every file system keeps extended attributes: they lie beside.
        self.program = Program(
            [binary, "--port", self.host, "--access", access, "--secret", secret, "--quiet",
             "posix", "--sidecar", self.directory / "attributes", self.directory / "objects"],
            self.directory / "versitygw.log")
        self.program.wait_for_port(self.port)
        self.s3 = S3(self.host, access, secret)

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.host}"

    def stop(self):
        self.program.kill()
