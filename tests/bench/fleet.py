"""Owns the fleet's part of the bench: the same binaries over an emulator of S3 and SQS on this machine.

What a worker asks of the services is counted by itself and read from its own /metrics. The emulator takes its share of the
same CPUs, so wall times here are lower bounds of what a fleet does; CPU time and requests are what they are anywhere.
"""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import environment
from contenders import OURS, WORKERS
from export_data import Export
from measure import RunFailed, Usage, run

SOURCE_BUCKET = "exports"
DEST_BUCKET = "lake"
DEST = f"s3://{DEST_BUCKET}/bench"
WAIT_SECONDS = 60
# One line of the text format: name, perhaps labels, value.
SAMPLE = re.compile(r'^backfleet_requests_total\{call="([^"]+)"\} (\d+)')
SHARDS = re.compile(r"^backfleet_shards_written_total (\d+)")


@dataclass(frozen=True)
class Shift:
    """A job done by one worker process through the emulator."""

    export: Export
    wall_seconds: float
    cpu_seconds: float
    shards: int
    requests: Mapping[str, int]

    @property
    def units(self) -> int:
        return self.export.files

    @property
    def requests_beyond_shards(self) -> float:
        """S3 and SQS requests of the worker for a unit, the puts of its shards left out."""
        return (sum(self.requests.values()) - self.shards) / self.units


@dataclass(frozen=True)
class Fleet:
    """What the fleet was found to do."""

    tiny: Shift
    big: Shift
    local: Usage


def measure(tiny: Export, big: Export, local_out: Path) -> Fleet:
    """Many tiny units, then few big ones, and the big ones once more between folders."""
    local = run(OURS.command(big, local_out))
    return Fleet(shift(tiny), shift(big), local)


def shift(export: Export) -> Shift:
    """One job from bucket to bucket, from an emulator with nothing in it."""
    with emulator() as address:
        upload(export, address)
        flags = ["--endpoint-url", f"http://{address}", "--emulated"]
        queue = ["--queue", made_queue(flags)]
        with worker([*flags, *queue]) as (process, metrics):
            where = ["--source", f"s3://{SOURCE_BUCKET}", "--dest", DEST]
            began = time.monotonic()
            told([environment.BINARY, "start", "--wait", "--json", *flags, *queue, *where, "--keys", export.keys])
            wall = time.monotonic() - began
            seen = get(metrics, "/metrics")
            process.send_signal(signal.SIGTERM)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise RunFailed(f"the worker ended with {process.returncode}")
    requests = {call: int(count) for call, count in matches(SAMPLE, seen)}
    shards = sum(int(count) for (count,) in matches(SHARDS, seen))
    return Shift(export, wall, usage.ru_utime + usage.ru_stime, shards, requests)


@contextlib.contextmanager
def emulator() -> Iterator[str]:
    """An emulator on a port of its own; it ends with the pipe that we hold."""
    here = environment.ROOT / "tests" / "emulator"
    made = subprocess.run(["sh", here / "setup.sh"], capture_output=True, text=True, check=True)
    port = free_port()
    settings = {**os.environ, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    argv = [made.stdout.strip(), here / "serve.py"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, env=settings) as process:
        try:
            address = f"127.0.0.1:{port}"
            wait_for(address, "/_ministack/health")
            yield address
        finally:
            process.kill()


def made_queue(flags: list[str]) -> str:
    """The URL of a new work queue, which has its dead-letter queue."""
    return told([environment.BINARY, "doctor", "--create-queues", "bench", "--json", *flags])["queue"]


@contextlib.contextmanager
def worker(flags: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """One worker process that takes work, with as many units at a time as the local run has workers."""
    metrics = f"127.0.0.1:{free_port()}"
    allowed = ["--allow-source", f"s3://{SOURCE_BUCKET}", "--allow-dest", DEST]
    argv = [environment.BINARY.with_name("backfleet-worker"), *flags, *allowed]
    argv += ["--metrics-addr", metrics, "--concurrency", str(WORKERS)]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(metrics, "/readyz")
        yield process, metrics
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()


def upload(export: Export, address: str) -> None:
    """The export's folder into the source bucket, under the keys that AWS gives it."""
    connection = http.client.HTTPConnection(address, timeout=WAIT_SECONDS)
    for bucket in (SOURCE_BUCKET, DEST_BUCKET):
        put(connection, f"/{bucket}", b"")
    root = export.folder.parents[1]
    for file in sorted(path for path in export.folder.rglob("*") if path.is_file()):
        put(connection, f"/{SOURCE_BUCKET}/{quote(str(file.relative_to(root)))}", file.read_bytes())
    connection.close()


def put(connection: http.client.HTTPConnection, path: str, body: bytes) -> None:
    connection.request("PUT", path, body)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise RunFailed(f"PUT {path} was answered with {answer.status}")


def get(address: str, path: str) -> str:
    connection = http.client.HTTPConnection(address, timeout=WAIT_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    if answer.status != 200:
        raise ConnectionError(f"{path} was answered with {answer.status}")
    return text


def wait_for(address: str, path: str) -> None:
    """Until it answers 200."""
    give_up = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            get(address, path)
            return
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def told(argv: list[str | Path]) -> dict:
    """The JSON document that a command ends with."""
    ended = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if ended.returncode != 0:
        raise RunFailed(f"{argv[1]} ended with {ended.returncode}: {ended.stderr[-2000:]}")
    return json.loads(ended.stdout)


def matches(pattern: re.Pattern[str], text: str) -> Iterator[tuple[str, ...]]:
    for line in text.splitlines():
        if found := pattern.match(line):
            yield found.groups()
