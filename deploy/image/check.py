"""Looks into the image that build.sh made, and starts it in an empty root: what is in it, as whom it runs, that its programs
are static, that they find names by hosts and by DNS, and that they trust whom the bundle of certificates names.

Needs root (chroot, a name server on port 53 of a loopback address of its own) and openssl.
"""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
ARCHIVE = ROOT / "target/image/backfleet.tar"
PROGRAMS = ("backfleet", "backfleet-worker")
BUNDLE = "etc/ssl/certs/ca-certificates.crt"
FILES = {"backfleet", "backfleet-worker", BUNDLE}
USER = "65532:65532"
BYTES_MAX = 120 << 20
NAME_SERVER = "127.0.0.77"
SECONDS_MAX = 60


def main():
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        config, root = unpack(ARCHIVE, scratch)
        check_config(config)
        check_files(root)
        check_programs(root)
        check_names(root)
        check_trust(root, scratch)


def unpack(archive, scratch):
    """The image's configuration, and its files laid out as a root."""
    layout, root = scratch / "layout", scratch / "root"
    with tarfile.open(archive) as tar:
        tar.extractall(layout, filter="data")
    blob = lambda digest: layout / "blobs" / digest.replace(":", "/")
    index = json.loads((layout / "index.json").read_text())
    manifest = json.loads(blob(index["manifests"][0]["digest"]).read_text())
    for layer in manifest["layers"]:
        with tarfile.open(blob(layer["digest"])) as tar:
            # Ours, and its modes are what is looked at.
            tar.extractall(root, filter="fully_trusted")
    return json.loads(blob(manifest["config"]["digest"]).read_text())["config"], root


def check_config(config):
    expect(config.get("User") == USER, f"runs as {config.get('User')}, not {USER}")
    expect(config.get("Entrypoint") == ["/backfleet-worker"], f"starts {config.get('Entrypoint')}")
    expect(f"SSL_CERT_FILE=/{BUNDLE}" in config.get("Env", []), "does not name its certificates")
    expect("/tmp" in config.get("Volumes", {}), "does not say that /tmp is a volume")
    said("configuration", f"user {USER}, starts /backfleet-worker")


def check_files(root):
    files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if not path.is_dir()}
    expect(set(files) == FILES, f"holds {sorted(files)}, not {sorted(FILES)}")
    size = sum(path.stat().st_size for path in files.values())
    expect(size <= BYTES_MAX, f"is {size} bytes, more than {BYTES_MAX}")
    expect(oct((root / "tmp").stat().st_mode & 0o7777) == "0o1777", "/tmp is not everybody's")
    for name, path in files.items():
        expect(not path.stat().st_mode & 0o6000, f"{name} runs as another user than the one who starts it")
    said("files", f"{len(files)}, {size / 1e6:.1f} MB unpacked, {ARCHIVE.stat().st_size / 1e6:.1f} MB archived")


def check_programs(root):
    for program in PROGRAMS:
        expect(interpreter(root / program) is None, f"{program} asks for {interpreter(root / program)}")
        run = in_root(root, f"/{program}", "--version")
        expect(run.returncode == 0 and run.stdout.startswith(program), f"{program} does not start: {run}")
        said("program", f"{run.stdout.strip()}, static, starts in the empty root")


def check_names(root):
    """A program that gets an answer from a server that it was given by name has found the name."""
    with served(Answering()) as port, name_server({"by-dns.test": "127.0.0.1"}):
        (root / "etc/hosts").write_text("127.0.0.1 localhost by-hosts.test\n")
        (root / "etc/resolv.conf").write_text(f"nameserver {NAME_SERVER}\n")
        for name in ("by-hosts.test", "by-dns.test"):
            Answering.heard.clear()
            doctor(root, f"http://{name}:{port}")
            expect(Answering.heard, f"{name} was not found")
        Answering.heard.clear()
        doctor(root, f"http://nowhere.test:{port}")
        expect(not Answering.heard, "a name that is none was found")
    said("names", "found by /etc/hosts and by DNS")


def check_trust(root, scratch):
    """Whom the bundle names is trusted, and nobody else."""
    authority = certify("by-hosts.test", scratch)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(scratch / "server.pem", scratch / "server.key")
    with served(Answering(), context) as port:
        Answering.heard.clear()
        doctor(root, f"https://by-hosts.test:{port}")
        expect(not Answering.heard, "a server that nobody vouches for was spoken to")
        shutil.copy(authority, root / BUNDLE)
        doctor(root, f"https://by-hosts.test:{port}")
        expect(Answering.heard, "a server that the bundle vouches for was not spoken to")
    said("trust", "whom the bundle of certificates names, and nobody else")


def certify(name, folder):
    """An authority of its own, whose certificate is given, and a server of that name that it vouches for."""
    (folder / "names").write_text(f"subjectAltName=DNS:{name}\nbasicConstraints=CA:FALSE\n")
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout authority.key -out authority.pem",
        f"req -newkey rsa:2048 -nodes -subj /CN={name} -keyout server.key -out server.csr",
        "x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -extfile names -out server.pem",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    return folder / "authority.pem"


def doctor(root, url):
    """Asks for the attributes of a queue, once or a few times; whatever comes of it."""
    return in_root(
        root, "/backfleet", "doctor", "--emulated", "--endpoint-url", url, "--queue", f"{url}/1/queue"
    )


def in_root(root, *command):
    return subprocess.run(
        [shutil.which("chroot"), f"--userspec={USER}", str(root), *command],
        env={"SSL_CERT_FILE": f"/{BUNDLE}"},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
    )


def interpreter(program):
    """The dynamic loader that an ELF program asks for; None for a static one."""
    data = program.read_bytes()
    expect(data[:5] == b"\x7fELF\x02", f"{program.name} is no 64-bit ELF program")
    (offset,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for number in range(count):
        kind, _, start = struct.unpack_from("<IIQ", data, offset + number * size)
        if kind == 3:
            return data[start : data.index(b"\0", start)].decode()
    return None


class Answering:
    """A server that refuses everything, and remembers that it was asked."""

    heard = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            Answering.heard.append(self.path)
            body = json.dumps({"__type": "com.amazonaws.sqs#AccessDenied", "message": "no"}).encode()
            self.send_response(403)
            self.send_header("content-type", "application/x-amz-json-1.0")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass


@contextlib.contextmanager
def served(answering, context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), answering.Handler)
    # A handshake that fails is a matter of the one who called.
    server.handle_error = lambda *_: None
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with running(server):
        yield server.server_address[1]


@contextlib.contextmanager
def name_server(names):
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            data, reply = self.request
            reply.sendto(dns_answer(data, names), self.client_address)

    with running(socketserver.UDPServer((NAME_SERVER, 53), Handler)):
        yield


def dns_answer(query, names):
    """The answer to one question (RFC 1035): an address, no address, or no such name."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += 1 + query[at]
    question = query[12 : at + 5]
    (kind,) = struct.unpack_from(">H", query, at + 1)
    address = names.get(".".join(labels).lower())
    code = 0 if address else 3
    found = bool(address) and kind == 1
    head = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, int(found), 0, 0)
    record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(address) if found else b""
    return head + question + record


@contextlib.contextmanager
def running(server):
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def expect(holds, otherwise):
    if not holds:
        sys.exit(f"image: {otherwise}")


def said(what, how):
    print(f"image: {what}: {how}")


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("image: this check starts programs in a root of their own, which only root may")
    main()
