"""Stores to fill, and a look into them by other code than the one under test."""

import uuid

BLOBS = "containers/images/"
RECORDS = "geranos/uploaded-images/"


class Target:
    """url, get() and everything(): {key: bytes}."""

    def blobs(self):
        """{digest: bytes}."""
        return {key.removeprefix(BLOBS): data for key, data in self.everything().items()
                if key.startswith(BLOBS)}

    def records(self):
        """The digests of the images that are said to be whole."""
        return {key.removeprefix(RECORDS) for key in self.everything() if key.startswith(RECORDS)}


class Bucket(Target):
    """A new bucket of a radosgw; parameters: more of the URL ("&part-size=5MiB")."""

    def __init__(self, radosgw, parameters=""):
        self.name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.s3 = radosgw.s3
        self.s3.make_bucket(self.name)
        self.url = f"s3://{self.name}?endpoint={radosgw.url}{parameters}"

    def everything(self):
        return {key: self.s3.get(self.name, key) for key in self.s3.keys(self.name)}

    def get(self, key):
        """None if there is none."""
        return self.s3.get(self.name, key)

    def put(self, key, data):
        status, _, text = self.s3.request("PUT", f"/{self.name}/{key}", body=data)
        assert status == 200, text

    def remove(self, key):
        status, _, text = self.s3.request("DELETE", f"/{self.name}/{key}")
        assert status == 204, text


class Folder(Target):
    """A new directory."""

    def __init__(self, directory):
        self.root = directory / f"blobs-{uuid.uuid4().hex[:12]}"
        self.root.mkdir()
        self.url = f"file://{self.root}"

    def everything(self):
        return {str(f.relative_to(self.root)): f.read_bytes()
                for f in self.root.rglob("*") if f.is_file()}

    def get(self, key):
        """None if there is none."""
        file = self.root / key
        return file.read_bytes() if file.exists() else None

    def put(self, key, data):
        (self.root / key).parent.mkdir(parents=True, exist_ok=True)
        (self.root / key).write_bytes(data)

    def remove(self, key):
        (self.root / key).unlink()
