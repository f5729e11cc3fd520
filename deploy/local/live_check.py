"""A fleet that meets every kind of trouble under the eyes of a real Prometheus, on the queues and buckets of the template's own
stack, by workers with the environment of its task. Everything that the dashboard and the alerts ask for must then give data,
and every call must be granted by the stack's roles, and every grant used. Ends with 1 where that is not so. --picture draws
the dashboard from what Prometheus saw.
"""

import argparse
import base64
import gzip
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.request

import stack as local

# What coordinators of the jobs below end with.
DONE, DEAD_LETTERS, UNPROVEN = 0, 4, 6
JOB_SECONDS_MAX = 240
FROZEN_SECONDS = 16
UNIT_SECONDS_MAX = 60
VISIBILITY_SECONDS = 10
SCAN = ["--segments", 12, "--lanes", 3, "--read-budget", 1, "--filter", "#k <> :k"]
NAMES = ["--expression-names", '{"#k":"kind"}', "--expression-values", '{":k":{"S":"kind-1"}}']
KEYS = ["--keys", "pk,sk"]
# What the programs asked of AWS, for deploy/checks/iam_proof.py.
CALLS, VALUES = local.STATE / "calls.ndjson", local.STATE / "values.json"
BROKEN_LINE = b"this is no item\n"


def made_by_template(check_with):
    """Places of a stack that the template made on the emulator; its names are kept for the proof of the roles."""

    def make(stack):
        command = [check_with, local.ROOT / "deploy/checks/emulated_stack.py", "--endpoint", stack.endpoint]
        made = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        VALUES.write_text(json.dumps(made["values"]))
        outputs, buckets = made["outputs"], made["values"]["resources"]
        return local.Places(
            outputs["QueueUrl"],
            outputs["DeadLetterQueueUrl"],
            buckets["ExportBucket"],
            buckets["DestinationBucket"],
            made["worker_environment"],
        )

    return make


def scan_through_trouble(stack):
    """A scan under a budget and a filter, while a worker freezes for longer than its lease and another is killed."""
    source = f"dynamodb://{local.TABLE}"
    coordinator = stack.coordinate("coordinator-scan", source, lake(stack), *SCAN, *NAMES)
    time.sleep(10)
    frozen = who_holds_a_unit()
    os.killpg(stack.pids[f"worker-{frozen}"], signal.SIGSTOP)
    time.sleep(FROZEN_SECONDS)
    os.killpg(stack.pids[f"worker-{frozen}"], signal.SIGCONT)
    killed = (frozen + 1) % len(local.WORKER_PORTS)
    stack.stop(f"worker-{killed}", signal.SIGKILL)
    stack.start_worker(killed)
    ends_with(stack, coordinator, "coordinator-scan", DONE)
    # Another's object where only this job's may be: the next proof finds it.
    stray = f"{shards_of(stack, source, *SCAN, *NAMES)}-000000-00099.json.gz"
    stack.cloud.put_object(stack.places.lake, stray, gzip.compress(b"{}\n"))
    coordinator = stack.coordinate("coordinator-proof", source, lake(stack), *SCAN, *NAMES)
    ends_with(stack, coordinator, "coordinator-proof", UNPROVEN)


def convert_what_is_whole(stack):
    """By as many tasks as a service of ECS is told to have; the workers here know nothing of that."""
    service = ["--ecs-service", "backfleet/backfleet-worker", "--tasks", 2]
    coordinator = stack.coordinate("coordinator-whole", exports(stack), lake(stack), *KEYS, *service)
    ends_with(stack, coordinator, "coordinator-whole", DONE)


def every_other_command(stack):
    """What the jobs do not ask of AWS: the index, an export, the dead letters, and whoever looks at all of it."""
    table, queue = f"dynamodb://{local.TABLE}", ["--queue", stack.places.queue_url]
    index = [f"{table}/index/by-kind", "--segments", 3, "--partition", "index"]
    coordinator = stack.coordinate("coordinator-index", index[0], lake(stack), *index[1:])
    ends_with(stack, coordinator, "coordinator-index", DONE)
    job = json.loads(stack.tool("plan", "--json", "--source", *index))["job"]
    dest = ["--dest", lake(stack), "--job", job]
    for command in (["rate", 500], ["pause"], ["unpause"], ["status"], ["finish"]):
        stack.tool(*command, *dest)
    stack.tool("resume", *dest, *queue)
    # The queue's window is not that of a fleet, and the table has no recovery yet: both are said, and end with 1.
    stack.tool("doctor", *queue, "--source", exports(stack), "--dest", lake(stack), codes=[1])
    stack.tool("doctor", "--source", table, codes=[1])
    stack.tool("export", "--table", local.TABLE, "--to", exports(stack), "--enable-pitr", "--wait")
    letters = json.loads(stack.tool("dlq", "list", "--json", *queue))["letters"]
    if len(letters) != 2:
        sys.exit(f"not two dead letters: {letters}")
    stack.tool("dlq", "replay", *queue, "--dest", lake(stack), "--unit", 2)
    stack.tool("dlq", "discard", *queue, "--yes")
    stack.tool("dlq", "replay", *queue, "--dest", lake(stack), "--all")


def convert_what_is_broken(stack):
    """An export with a line that is no item, a file that is not what its MD5 says, and a shard that is there already."""
    break_export(local.STATE / "export")
    stack.cloud.upload(local.STATE / "export", stack.places.exports)
    shard = f"{shards_of(stack, exports(stack), *KEYS)}-000002-00000.json.gz"
    stack.cloud.put_object(stack.places.lake, shard, gzip.compress(b"somebody else's\n"))
    coordinator = stack.coordinate("coordinator-export", exports(stack), lake(stack), "--max-quarantine", 1, *KEYS)
    ends_with(stack, coordinator, "coordinator-export", DEAD_LETTERS)


def break_export(folder):
    """The first file gets a line that is none, as its manifest says; the second is damaged, which its manifest does not say."""
    manifest = next(folder.rglob("manifest-files.json"))
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    first, second = (manifest.parent / "data" / pathlib.Path(line["dataFileS3Key"]).name for line in lines[:2])
    data = gzip.compress(gzip.decompress(first.read_bytes()) + BROKEN_LINE, mtime=0)
    first.write_bytes(data)
    lines[0]["itemCount"] += 1
    lines[0]["md5Checksum"] = base64.b64encode(hashlib.md5(data).digest()).decode()
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    summary = manifest.with_name("manifest-summary.json")
    told = json.loads(summary.read_text())
    summary.write_text(json.dumps({**told, "itemCount": told["itemCount"] + 1}))
    for checksum in manifest.parent.glob("*.md5"):
        checksum.write_bytes(base64.b64encode(hashlib.md5(checksum.with_suffix(".json").read_bytes()).digest()))
    damaged = bytearray(second.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    second.write_bytes(bytes(damaged))


def who_holds_a_unit():
    """The number of a worker that does, by its own metrics."""
    deadline = time.monotonic() + UNIT_SECONDS_MAX
    while time.monotonic() < deadline:
        for number, port in enumerate(local.WORKER_PORTS):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
            if any(line.startswith("backfleet_in_flight_units ") and float(line.split()[1]) > 0 for line in lines):
                return number
        time.sleep(0.2)
    sys.exit(f"no worker held a unit within {UNIT_SECONDS_MAX} s")


def exports(stack):
    return f"s3://{stack.places.exports}"


def lake(stack):
    return f"s3://{stack.places.lake}"


def shards_of(stack, source, *words):
    """What every shard of a job begins with."""
    plan = json.loads(stack.tool("plan", "--json", "--source", source, *words))
    return f"{plan['options']['partition']}/part-{plan['job'][:8]}"


def ends_with(stack, coordinator, name, code):
    try:
        found = coordinator.wait(timeout=JOB_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        sys.exit(f"{name} is not done after {JOB_SECONDS_MAX} s; see target/local/{name}.log")
    stack.stop(name)
    if found != code:
        sys.exit(f"{name} ended with {found}, not {code}:\n{(local.STATE / f'{name}.log').read_text()}")
    print(f"{name} ended with {code}, as it should")


def main():
    parser = argparse.ArgumentParser(description="Every query of dashboard and alerts, asked of a real Prometheus.")
    parser.add_argument("--picture", type=pathlib.Path, help="draw the dashboard there, with the Python of --draw-with")
    parser.add_argument("--draw-with", default=sys.executable, help="a Python that has deploy/grafana/requirements.txt")
    parser.add_argument("--check-with", default=sys.executable, help="a Python that has deploy/checks/requirements.txt")
    args = parser.parse_args()
    url = f"http://127.0.0.1:{local.PROMETHEUS_PORT}"
    began = time.time()
    os.environ["BACKFLEET_EMULATOR_CALLS"] = str(CALLS)
    try:
        stack = local.up(faults=True, visibility_seconds=VISIBILITY_SECONDS, make_places=made_by_template(args.check_with))
        # Whoever makes queues is nobody of the fleet.
        CALLS.unlink()
        scan_through_trouble(stack)
        convert_what_is_whole(stack)
        convert_what_is_broken(stack)
        minutes = (time.time() - began) / 60
        check = [args.check_with, local.ROOT / "deploy/prometheus/check.py", "--live", url, "--interval", "30s"]
        found = subprocess.run([*map(str, check), "--minutes", f"{minutes:.1f}"], check=False).returncode
        every_other_command(stack)
        proof = [args.check_with, local.ROOT / "deploy/checks/iam_proof.py", "--calls", CALLS, "--values", VALUES]
        found |= subprocess.run([*map(str, proof)], check=False).returncode
        if args.picture:
            draw = [args.draw_with, local.ROOT / "deploy/grafana/render.py", "--prometheus", url, "--out", args.picture]
            subprocess.run([*map(str, draw), "--minutes", f"{minutes:.1f}"], check=True)
    finally:
        local.Stack().down()
    return found


if __name__ == "__main__":
    sys.exit(main())
