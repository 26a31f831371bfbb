"""geranos under test."""

import json
import os
import subprocess
from pathlib import Path

from . import archeio
from .program import SANITIZER

# What else would name keys, logins, a region or an endpoint.
CONFIGURING = ("AWS_", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "JOB_COMPLETION_INDEX", "http_proxy",
               "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy",
               "NO_PROXY")


def binary():
    path = Path(archeio.binary()).parent / "geranos"
    assert path.is_file(), f"{path} is missing: build it (make)"
    return path


def environment(home, keys=None, **extra):
    """keys: (access key, secret key) for S3."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(CONFIGURING)}
    env |= {"HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true"}
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1")
    if keys:
        env |= {"AWS_ACCESS_KEY_ID": keys[0], "AWS_SECRET_ACCESS_KEY": keys[1]}
    return env | extra


def events(text):
    """The JSON lines of a log; what is none is not among them."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def _complaints(text):
    """What a person on a terminal would have been told was wrong, a line each."""
    for line in text.splitlines():
        event = json.loads(line) if line.startswith("{") else {"message": line}
        if event.get("event") == "failure":
            yield f"{event['what']}\t{event['why']}"
        elif "message" in event:
            yield event["message"]


def run(home, *arguments, keys=None, stdin="", timeout=300, user=None, **extra):
    """A subcommand, run to its end (as another user, by number): a CompletedProcess with text,
    whose stderr is what was wrong, and whose log is all events. A sanitizer report fails."""
    done = subprocess.run([binary(), *map(str, arguments)], input=stdin, capture_output=True,
                          text=True, env=environment(home, keys, **extra), timeout=timeout,
                          user=user, check=False)
    assert not SANITIZER.search(done.stderr), done.stderr
    assert done.returncode >= 0, f"signal {-done.returncode}: {done.stderr}"
    done.log = events(done.stderr)
    done.stderr = "".join(line + "\n" for line in _complaints(done.stderr))
    return done
