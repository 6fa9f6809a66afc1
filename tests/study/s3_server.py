"""A local S3-protocol server (moto) in a process of its own, and a proxy before it that answers badly when told to."""

import http.client
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BUCKET = "studies"
ACCESS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Moto:
    """The server; it keeps its objects in memory, so that one that was killed comes back empty."""

    port: int = field(default_factory=free_port)
    process: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        code = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{self.port}'])"
        self.process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                urllib.request.urlopen(urllib.request.Request(f"{self.url}/{BUCKET}", method="PUT")).close()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def moto_running() -> Iterator[Moto]:
    server = Moto()
    server.start()
    try:
        yield server
    finally:
        server.kill()


@dataclass
class Faults:
    """What the proxy does to the next requests, one after another, before it behaves again: "500", "drop", "slow", "lost" (done, not answered)."""

    port: int
    upcoming: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)


@contextmanager
def proxy(target: int) -> Iterator[Faults]:
    """A proxy before the server at `target`."""
    faults = Faults(free_port())

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            fault = faults.upcoming.pop(0) if faults.upcoming else ""
            faults.seen.append(f"{self.command} {fault}".strip())
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, content = 500, [], b"<Error><Code>InternalError</Code></Error>"
            if fault == "slow":
                time.sleep(1.5)
            if fault not in ("500", "drop"):
                connection = http.client.HTTPConnection("127.0.0.1", target)
                connection.request(self.command, self.path, body, dict(self.headers.items()))
                answer = connection.getresponse()
                status, headers, content = answer.status, answer.getheaders(), answer.read()
                connection.close()
            self.close_connection = True
            if fault in ("drop", "lost"):
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response_only(status)
            length = (
                next((v for k, v in headers if k.lower() == "content-length"), len(content)) if self.command == "HEAD" else len(content)
            )
            for name, value in [
                *((k, v) for k, v in headers if k.lower() not in ("content-length", "connection", "transfer-encoding")),
                ("Content-Length", str(length)),
                ("Connection", "close"),
            ]:
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_one

        def log_message(self, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", faults.port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield faults
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
