"""The whole fleet on this machine: an emulator instead of AWS, three workers, a coordinator, Prometheus.

    up [--faults]      builds the programs, starts everything, begins two jobs, says where to look
    down               stops everything and removes what it wrote

Everything it writes is in target/local. Prometheus comes from Debian (apt-get install prometheus), all else by itself.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

from cloud import Cloud

ROOT = pathlib.Path(__file__).resolve().parents[2]
STATE = ROOT / "target/local"
PIDS = STATE / "pids.json"
EMULATOR_PORT = 4566
BEHIND_FAULTS_PORT = 4567
WORKER_PORTS = [9464, 9474, 9484]
COORDINATOR_PORT = 9465
PROMETHEUS_PORT = 9090
START_SECONDS = 60
STOP_SECONDS = 20
ITEMS = 12_000
QUEUE = "backfleet"
TABLE = "orders"


class Places:
    """What the fleet works with: made here, or by the template on the emulator."""

    def __init__(self, queue_url, dlq_url, exports, lake, worker_environment=()):
        self.queue_url, self.dlq_url = queue_url, dlq_url
        self.exports, self.lake = exports, lake
        self.worker_environment = dict(worker_environment)


def made_here(stack):
    """Two buckets and a pair of queues."""
    for bucket in ("exports", "lake"):
        stack.cloud.put_bucket(bucket)
    stack.tool("doctor", "--create-queues", QUEUE)
    queue_url = stack.cloud.queue_url(QUEUE)
    allowed = {"BACKFLEET_ALLOW_SOURCE": f"s3://exports,dynamodb://{TABLE}", "BACKFLEET_ALLOW_DEST": "s3://lake"}
    return Places(queue_url, f"{queue_url}-dlq", "exports", "lake", {"BACKFLEET_QUEUE": queue_url, **allowed})


class Stack:
    """Processes of the stack, by name, kept in a file so that another call can stop them."""

    def __init__(self):
        self.pids = json.loads(PIDS.read_text()) if PIDS.exists() else {}
        self.endpoint = f"http://127.0.0.1:{EMULATOR_PORT}"
        self.cloud = Cloud(self.endpoint)
        self.places = None

    def spawn(self, name, command, more=()):
        """Starts a process of its own session, whose output goes to a file; it ends with `stop` or `down`."""
        log = (STATE / f"{name}.log").open("ab")
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**environment(), **dict(more)},
        )
        self.pids[name] = process.pid
        PIDS.write_text(json.dumps(self.pids))
        return process

    def stop(self, name, how=signal.SIGTERM):
        """Tells a process to stop, and kills it if it does not."""
        pid = self.pids.pop(name, None)
        PIDS.write_text(json.dumps(self.pids))
        if pid is None or not send(pid, how):
            return
        deadline = time.monotonic() + STOP_SECONDS
        while alive(pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        send(pid, signal.SIGKILL)

    def down(self):
        for name in sorted(self.pids, key=shutdown_order):
            self.stop(name)

    def tool(self, *words, **options):
        """`backfleet <words>`; its output."""
        done = subprocess.run(
            [program("backfleet"), *map(str, words)], env=self.environment(), capture_output=True, text=True, check=False
        )
        if done.returncode not in options.get("codes", [0]):
            sys.exit(f"backfleet {' '.join(map(str, words))} ended with {done.returncode}:\n{done.stderr}{done.stdout}")
        return done.stdout

    def environment(self):
        """Of an operator who knows the queues."""
        if self.places is None:
            return environment()
        return {**environment(), "BACKFLEET_QUEUE": self.places.queue_url, "BACKFLEET_DLQ": self.places.dlq_url}

    def start_emulator(self, faults):
        port = BEHIND_FAULTS_PORT if faults else EMULATOR_PORT
        python = subprocess.run(
            [ROOT / "tests/emulator/setup.sh"], check=True, capture_output=True, text=True
        ).stdout.strip()
        # It runs for as long as somebody holds its standard input, and nobody here stays to do that.
        hold = f"sleep infinity | BIND_HOST=127.0.0.1 GATEWAY_PORT={port} exec {python} {ROOT}/tests/emulator/serve.py"
        self.spawn("emulator", ["sh", "-c", hold])
        wait_for(f"http://127.0.0.1:{port}/_ministack/health", "the emulator")
        if faults:
            proxy = pathlib.Path(__file__).with_name("faults.py")
            listen, to = f"127.0.0.1:{EMULATOR_PORT}", f"127.0.0.1:{port}"
            self.spawn("faults", [sys.executable, proxy, "--listen", listen, "--to", to])
            wait_for(f"{self.endpoint}/_ministack/health", "the proxy")

    def start_worker(self, number):
        port = WORKER_PORTS[number]
        self.spawn(
            f"worker-{number}",
            [program("backfleet-worker"), "--concurrency", 2, "--metrics-addr", f"127.0.0.1:{port}"],
            self.places.worker_environment,
        )
        wait_for(f"http://127.0.0.1:{port}/readyz", f"worker {number}")

    def start_prometheus(self):
        config = STATE / "prometheus.yml"
        config.write_text(prometheus_config())
        shutil.copy(ROOT / "deploy/prometheus/rules.yml", STATE / "rules.yml")
        self.spawn(
            "prometheus",
            [find_prometheus(), f"--config.file={config}", f"--storage.tsdb.path={STATE}/prometheus",
             f"--web.listen-address=127.0.0.1:{PROMETHEUS_PORT}"],
        )
        wait_for(f"http://127.0.0.1:{PROMETHEUS_PORT}/-/ready", "Prometheus")

    def coordinate(self, name, source, dest, *words):
        """A coordinator that stays until its job is done. One at a time has the port."""
        return self.spawn(
            name,
            [program("backfleet"), "start", "--wait", "--source", source, "--dest", dest,
             "--metrics-addr", f"127.0.0.1:{COORDINATOR_PORT}", *words],
            self.environment(),
        )


def up(faults, visibility_seconds=None, make_places=made_here):
    """Starts everything, and a scan that lasts for a while; an export is there for whoever wants to convert it."""
    if Stack().pids:
        sys.exit(f"a stack is there already: {ROOT.name}/deploy/local/down stops it")
    find_prometheus()
    build()
    shutil.rmtree(STATE, ignore_errors=True)
    STATE.mkdir(parents=True)
    stack = Stack()
    stack.start_emulator(faults)
    places = make_places(stack)
    if visibility_seconds:
        stack.cloud.set_visibility(places.queue_url, visibility_seconds)
    stack.places = places
    stack.tool("synth", "--to", STATE / "export", "--items", ITEMS, "--files", 12, "--table", TABLE)
    stack.cloud.upload(STATE / "export", places.exports)
    stack.cloud.create_table(TABLE)
    stack.cloud.put_items(TABLE, [item(number) for number in range(ITEMS)])
    for number in range(len(WORKER_PORTS)):
        stack.start_worker(number)
    stack.start_prometheus()
    return stack


def item(number):
    return {
        "pk": {"S": f"customer-{number // 7}"},
        "sk": {"N": str(number)},
        "kind": {"S": f"kind-{number % 3}"},
        "text": {"S": "x" * (number % 300)},
    }


def down():
    Stack().down()
    shutil.rmtree(STATE, ignore_errors=True)


def build():
    """The programs, unless BACKFLEET_BIN names a folder that has them."""
    if "BACKFLEET_BIN" not in os.environ:
        subprocess.run(
            ["cargo", "build", "--release", "--locked", "-p", "backfleet", "-p", "backfleet-worker"], cwd=ROOT, check=True
        )


def program(name):
    return pathlib.Path(os.environ.get("BACKFLEET_BIN", ROOT / "target/release")) / name


def environment():
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{EMULATOR_PORT}",
        "BACKFLEET_EMULATED": "true",
        "AWS_REGION": "us-east-1",
        "BACKFLEET_MEMORY_LIMIT": str(2 << 30),
    }


def prometheus_config():
    """deploy/prometheus/local.yml with the ports of this stack."""
    text = (ROOT / "deploy/prometheus/local.yml").read_text()
    workers = ", ".join(f'"127.0.0.1:{port}"' for port in WORKER_PORTS)
    example = '["127.0.0.1:9464", "127.0.0.1:9474"]'
    if example not in text:
        sys.exit(f"deploy/prometheus/local.yml has no targets {example} to replace")
    return text.replace(example, f"[{workers}]")


def find_prometheus():
    found = shutil.which("prometheus")
    if not found:
        sys.exit("Prometheus is missing: apt-get install prometheus (its service need not run)")
    return found


def wait_for(url, what):
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError as error:
            if time.monotonic() > deadline:
                sys.exit(f"{what} does not answer at {url} ({error}); see target/local/*.log")
            time.sleep(0.2)


def shutdown_order(name):
    """Whoever uses another stops before it."""
    order = ["coordinator", "worker", "prometheus", "faults", "emulator"]
    return next((place for place, kind in enumerate(order) if name.startswith(kind)), len(order))


def send(pid, how):
    """To the whole session that `spawn` made; whether anybody was there."""
    try:
        os.killpg(pid, how)
        return True
    except ProcessLookupError:
        return False


def alive(pid):
    try:
        # One of ours that has ended stays until it is asked for.
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass
    return send(pid, 0)


def main():
    parser = argparse.ArgumentParser(description="The whole fleet on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("up")
    starting.add_argument("--faults", action="store_true", help="through a proxy that makes trouble")
    commands.add_parser("down")
    args = parser.parse_args()
    if args.command == "down":
        return down()
    stack = up(args.faults)
    budget = ["--segments", 60, "--lanes", 3, "--read-budget", 3]
    stack.coordinate("coordinator", f"dynamodb://{TABLE}", "s3://lake", *budget)
    print(f"""A scan of {ITEMS:,} items is under way at three read units a second.
  queries     http://127.0.0.1:{PROMETHEUS_PORT}        deploy/grafana/backfleet.json has those of the dashboard
  metrics     http://127.0.0.1:{WORKER_PORTS[0]}/metrics (workers), http://127.0.0.1:{COORDINATOR_PORT}/metrics (coordinator)
  commands    export AWS_ENDPOINT_URL={stack.endpoint} BACKFLEET_EMULATED=true
              {program("backfleet")} status --watch --dest s3://lake
              {program("backfleet")} rate 50 --dest s3://lake
              {program("backfleet")} run --source s3://exports --dest s3://lake --keys pk,sk
  stop        deploy/local/down""")
    return None


if __name__ == "__main__":
    main()
