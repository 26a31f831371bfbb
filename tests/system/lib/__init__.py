"""What the whole-system tests share: real programs started on loopback, and ways to talk to them.

ports.py     free ports, waiting for one
program.py   one program that a test started: its log, its end, no sanitizer report
archeio.py   archeio: configuration, start, readiness, metrics, access log, stop
http.py      one request and its answer, without following redirects; raw bytes
nginx.py     nginx as a bucket, and in front of archeio
publisher.py an https server: ranges files, or a store
registry.py  docker-registry, the upstream
image.py     container images made from random bytes
clients.py   skopeo, podman, containerd
loader.py    many connections at once
site.py      all of it put together: registry, two buckets, archeio, a front port per client
"""
