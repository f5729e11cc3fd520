"""A proxy before the emulator that makes what AWS makes on bad days: refusals, throttles, conflicts, lost replies, waits.

    faults.py --listen 127.0.0.1:4566 --to 127.0.0.1:4567 --seed 1

Which request meets what is drawn by a seed; a fault never lies about what happened to the data. SIGTERM ends it.
"""

import argparse
import http.client
import http.server
import random
import socketserver
import threading
import time

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection"}
JSON = "application/x-amz-json-1.0"
THROTTLED = (
    b'{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down",'
    b'"ThrottlingReasons":[{"reason":"TableReadKeyRangeThroughputExceeded","resource":"arn:aws:dynamodb"}]}'
)


def refused(status, code):
    body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
    return status, "application/xml", body


class Fault:
    """What happens to some requests: an answer instead of being passed on, a wait, or a reply that is lost."""

    def __init__(self, share, wanted, answer=None, wait=0.0, lost=False):
        self.share, self.wanted, self.answer, self.wait, self.lost = share, wanted, answer, wait, lost


def is_put_new(request):
    return request.command == "PUT" and "if-none-match" in request.headers


def is_scan(request):
    return request.headers.get("x-amz-target", "").endswith(".Scan")


def is_s3_read(request):
    return request.command == "GET"


FAULTS = [
    Fault(0.03, is_s3_read, answer=refused(503, "SlowDown")),
    Fault(0.03, is_put_new, answer=refused(409, "ConditionalRequestConflict")),
    Fault(0.03, is_put_new, lost=True),
    Fault(0.10, is_put_new, wait=1.5),
    Fault(0.15, is_scan, answer=(400, JSON, THROTTLED)),
]


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    backend = ("127.0.0.1", 0)
    draw = random.Random()
    lock = threading.Lock()

    def handle_request(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        fault = self.fault()
        if fault and fault.answer:
            return self.reply(fault.answer[0], {"content-type": fault.answer[1]}, fault.answer[2])
        if fault:
            time.sleep(fault.wait)
        status, headers, data = self.pass_on(body)
        if fault and fault.lost:
            self.close_connection = True
            return self.connection.close()
        return self.reply(status, headers, data)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_request

    def fault(self):
        with self.lock:
            dice = self.draw.random()
        for fault in FAULTS:
            if fault.wanted(self):
                if dice < fault.share:
                    return fault
                dice -= fault.share
        return None

    def pass_on(self, body):
        connection = http.client.HTTPConnection(*self.backend, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def reply(self, status, headers, data):
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in HOP_BY_HOP and (name.lower() != "content-length" or self.command == "HEAD"):
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        """Whoever hangs up in the middle is no concern of the others."""


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def main():
    parser = argparse.ArgumentParser(description="A proxy that makes trouble.")
    parser.add_argument("--listen", type=address, required=True)
    parser.add_argument("--to", type=address, required=True)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    Proxy.backend, Proxy.draw = args.to, random.Random(args.seed)
    Server(args.listen, Proxy).serve_forever()


if __name__ == "__main__":
    main()
