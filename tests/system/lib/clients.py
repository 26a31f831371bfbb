"""What people pull with. Each pull starts from an empty store of its own, and returns a Pulled.

pull(host, repository, reference, ca): reference is ":tag" or "@digest". With ca, the certificate of
an authority in a directory of its own, the pull is over TLS, and that authority is believed; without
it, in clear.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .image import ARCHITECTURE, MANIFEST
from .program import Program, find
from .ports import wait_until

POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'
REGISTRIES = """\
unqualified-search-registries = []
[[registry]]
location = "{host}"
insecure = {insecure}
"""


@dataclass(frozen=True)
class Pulled:
    digest: str  # of the manifest, as the client computed or verified it
    seconds: float


class PullFailed(Exception):
    pass


class Client:
    """Has a directory of its own, with a short name: podman takes no runroot of more than 50
    characters, and a socket's path has at most 107."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="pull-"))
        self.count = 0

    def close(self):
        shutil.rmtree(self.directory)


def _environment(directory, host, ca=None):
    """Nothing from the user's own configuration, no proxy; without ca, plain HTTP for this host."""
    (directory / "policy.json").write_text(POLICY)
    (directory / "registries.conf").write_text(REGISTRIES.format(host=host, insecure="false" if ca else "true"))
    (directory / "auth.json").write_text("{}")
    env = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    env.update(HOME=str(directory), XDG_RUNTIME_DIR=str(directory), TMPDIR=str(directory),
               REGISTRY_AUTH_FILE=str(directory / "auth.json"),
               CONTAINERS_REGISTRIES_CONF=str(directory / "registries.conf"))
    return env


def run(argv, env=None, timeout=120):
    argv = [str(a) for a in argv]
    begun = time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True, env=env, timeout=timeout,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise PullFailed(f"{' '.join(argv)}: exit code {done.returncode}\n"
                         f"{done.stdout}{done.stderr}")
    return done.stdout, time.monotonic() - begun


def digest_of(file):
    return "sha256:" + hashlib.sha256(Path(file).read_bytes()).hexdigest()


class Skopeo(Client):
    """Copies to a directory: manifest.json and a file per blob, all of which are hashed again."""

    name = "skopeo"

    def push(self, image, host, repository, tag=None):
        env = _environment(self.directory, host)
        run([find("skopeo"), "--policy", self.directory / "policy.json", "copy", "-q",
              "--preserve-digests", "--dest-tls-verify=false",
              f"oci:{image.layout}:{image.tag}",
              f"docker://{host}/{repository}:{tag or image.tag}"], env)

    def pull(self, host, repository, reference, ca=None):
        self.count += 1
        target = self.directory / f"blobs-{self.count}"
        env = _environment(self.directory, host, ca)
        tls = ["--src-cert-dir", ca.parent] if ca else ["--src-tls-verify=false"]
        _, seconds = run([find("skopeo"), "--policy", self.directory / "policy.json", "copy",
                           "-q", "--preserve-digests", *tls,
                           f"docker://{host}/{repository}{reference}", f"dir:{target}"], env)
        for blob in target.iterdir():
            if len(blob.name) == 64:
                assert digest_of(blob) == "sha256:" + blob.name, f"{blob} is not what its name says"
        digest = digest_of(target / "manifest.json")
        shutil.rmtree(target)
        return Pulled(digest, seconds)


class Podman(Client):
    """Pulls into a store of its own, with the vfs driver: it works wherever files can be written."""

    name = "podman"

    def pull(self, host, repository, reference, ca=None):
        self.count += 1
        store = self.directory / f"store-{self.count}"
        env = _environment(self.directory, host, ca)
        env["STORAGE_DRIVER"] = "vfs"
        tls = ["--cert-dir", ca.parent] if ca else ["--tls-verify=false"]
        podman = [find("podman"), "--root", store / "root", "--runroot", store / "run",
                  "--tmpdir", store / "tmp", "--storage-driver", "vfs", "--events-backend", "none",
                  "--cgroup-manager", "cgroupfs"]
        name = f"{host}/{repository}{reference}"
        _, seconds = run([*podman, "pull", "-q", *tls,
                           "--signature-policy", self.directory / "policy.json", name], env)
        out, _ = run([*podman, "image", "inspect", name], env)
        shutil.rmtree(store)
        return Pulled(json.loads(out)[0]["Digest"], seconds)


CONTAINERD = """\
version = 2
root = "{directory}/root"
state = "{directory}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{directory}/containerd.sock"
"""


class Containerd(Client):
    """A containerd of our own, and ctr. Pulls, and as root unpacks."""

    name = "containerd"

    def __init__(self):
        super().__init__()
        config = self.directory / "config.toml"
        config.write_text(CONTAINERD.format(directory=self.directory))
        self.program = Program([find("containerd"), "--config", config],
                               self.directory / "containerd.log")
        self.ctr = [find("ctr"), "--address", self.directory / "containerd.sock"]
        wait_until(self._answers, 30, "containerd answers")

    def _answers(self):
        assert self.program.alive(), f"containerd ended:\n{self.program.output()}"
        try:
            run([*self.ctr, "version"])
            return True
        except PullFailed:
            return False

    def pull(self, host, repository, reference, ca=None):
        """In a namespace of its own: content is shared within one, not between them."""
        tls = ["--hosts-dir", self._trust(host, ca)] if ca else ["--plain-http"]
        self.count += 1
        ctr = [*self.ctr, "--namespace", f"pull-{self.count}"]
        name = f"{host}/{repository}{reference}"
        _, seconds = run([*ctr, "images", "pull", *tls, "--snapshotter", "native",
                           "--platform", f"linux/{ARCHITECTURE}", name])
        out, _ = run([*ctr, "images", "list", f"name=={name}"])
        self._forget(ctr, name)
        return Pulled(out.splitlines()[1].split()[2], seconds)

    def _trust(self, host, ca):
        """A hosts directory: for loopback, --tlscacert alone leaves it at plain HTTP."""
        file = self.directory / "hosts" / host / "hosts.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'server = "https://{host}"\n[host."https://{host}"]\nca = "{ca}"\n')
        return self.directory / "hosts"

    def _forget(self, ctr, name):
        """Or the next pull finds the blobs in the store that namespaces share."""
        run([*ctr, "images", "remove", "--sync", name])
        blobs = self.directory / "root/io.containerd.content.v1.content/blobs/sha256"
        wait_until(lambda: not list(blobs.iterdir()), 20, "containerd's content is gone")

    def close(self):
        self.program.stop()
        super().close()


class Curl(Client):
    """The least that a client does: the manifest, then what it names. HTTP/2 if there is TLS."""

    name = "curl"

    def _get(self, host, path, target, ca):
        """Follows redirects; the bytes go to target. Returns the seconds it took."""
        scheme, tls = ("https", ["--http2", "--cacert", ca]) if ca else ("http", [])
        _, seconds = run([find("curl"), "-q", "-sS", "-f", "-L", *tls, "--noproxy", "*",
                           "-H", f"Accept: {MANIFEST}", "-o", target, f"{scheme}://{host}{path}"])
        return seconds

    def pull(self, host, repository, reference, ca=None):
        file = self.directory / "got"
        seconds = self._get(host, f"/v2/{repository}/manifests/{reference[1:]}", file, ca)
        manifest, digest = json.loads(file.read_bytes()), digest_of(file)
        for blob in [manifest["config"], *manifest["layers"]]:
            seconds += self._get(host, f"/v2/{repository}/blobs/{blob['digest']}", file, ca)
            assert digest_of(file) == blob["digest"], f"{blob} is not what its name says"
        return Pulled(digest, seconds)


ALL = (Skopeo, Podman, Containerd, Curl)
