"""S3 by hand, so that a store is looked at by other code than the one under test."""

import datetime
import hashlib
import hmac
import http.client
import re
import urllib.parse


def _quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "~")


class S3:
    """Signs with Signature Version 4; keys are paths behind the bucket."""

    def __init__(self, host, access_key, secret_key, region="us-east-1"):
        self.host = host
        self.access_key = access_key
        self.secret_key = secret_key
        self.region = region

    def _signature(self, request, stamp, scope):
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope,
                          hashlib.sha256(request.encode()).hexdigest()])
        key = ("AWS4" + self.secret_key).encode()
        for part in scope.split("/") + [text]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key.hex()

    def presigned(self, method, path, payload=None):
        """A URL that whoever has it may use for an hour. payload: None, or what the header field
        x-amz-content-sha256 has to say, and the body to be."""
        stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        fields = {"host": self.host} | ({"x-amz-content-sha256": payload} if payload else {})
        names = ";".join(fields)
        query = {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Date": stamp,
                 "X-Amz-Credential": f"{self.access_key}/{scope}", "X-Amz-Expires": "3600",
                 "X-Amz-SignedHeaders": names}
        line = "&".join(f"{_quote(k)}={_quote(v)}" for k, v in sorted(query.items()))
        signed = "\n".join([method, _quote(path, "/"), line,
                            *(f"{k}:{v}" for k, v in fields.items()), "", names,
                            payload or "UNSIGNED-PAYLOAD"])
        return (f"http://{self.host}{_quote(path, '/')}?{line}"
                f"&X-Amz-Signature={self._signature(signed, stamp, scope)}")

    def request(self, method, path, query=None, body=b""):
        """(status, headers, body)."""
        stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        payload = hashlib.sha256(body).hexdigest()
        fields = {"host": self.host, "x-amz-content-sha256": payload, "x-amz-date": stamp}
        names = ";".join(fields)
        line = "&".join(f"{_quote(k)}={_quote(v)}" for k, v in sorted((query or {}).items()))
        signed = "\n".join([method, _quote(path, "/"), line,
                            *(f"{k}:{v}" for k, v in fields.items()), "", names, payload])
        fields["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope},SignedHeaders={names},"
            f"Signature={self._signature(signed, stamp, scope)}")
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.request(method, _quote(path, "/") + ("?" + line if line else ""), body, fields)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def make_bucket(self, name):
        status, _, text = self.request("PUT", f"/{name}")
        assert status == 200, text

    def get(self, bucket, key):
        """The object's bytes; None if there is none."""
        status, _, data = self.request("GET", f"/{bucket}/{key}")
        assert status in (200, 404), data
        return data if status == 200 else None

    def keys(self, bucket, prefix=""):
        """{key: size} of all objects."""
        found, token = {}, {}
        while True:
            status, _, text = self.request(
                "GET", f"/{bucket}", {"list-type": "2", "prefix": prefix, **token})
            assert status == 200, text
            text = text.decode()
            for part in re.findall(r"<Contents>(.*?)</Contents>", text):
                found[re.search(r"<Key>(.*?)</Key>", part)[1]] = int(
                    re.search(r"<Size>(\d+)</Size>", part)[1])
            more = re.search(r"<NextContinuationToken>(.*?)</NextContinuationToken>", text)
            if not more:
                return found
            token = {"continuation-token": more[1]}

    def uploads(self, bucket):
        """The keys of uploads in parts that are not complete."""
        status, _, text = self.request("GET", f"/{bucket}", {"uploads": ""})
        assert status == 200, text
        return [re.search(r"<Key>(.*?)</Key>", part)[1]
                for part in re.findall(r"<Upload>(.*?)</Upload>", text.decode(), re.S)]
