"""What the object stores of the tests have in common: one port, its faults, its clock, its log.

A store is a `Service`: it gets requests whose bodies lie in temporary files, and answers. Around it
is an HTTP server that fails when a test tells it to, by paths below `/_control` that no bucket can
have:

    POST   /_control/faults            adds a fault; see `Fault` for its keys
    DELETE /_control/faults            forgets all faults, and lets go what `hold` held
    GET    /_control/faults            how many requests each has met, in the order they were added
    GET    /_control/requests          what has come since the start or the last DELETE
    DELETE /_control/requests
    POST   /_control/clock             {"offset": seconds} that the server's clock is ahead
    PUT    /_control/bucket/NAME       makes a bucket; {"public": true} lets everybody read
    GET    /_control/bucket/NAME       its objects, with size and time
    GET    /_control/uploads/NAME      its uploads in parts that were neither completed nor aborted
    PUT    /_control/object/NAME/KEY   stores an object that nobody signed
    GET    /_control/object/NAME/KEY   an object, as it is stored
"""

from __future__ import annotations

import abc
import base64
import contextlib
import hashlib
import json
import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, Any
from urllib.parse import parse_qsl, unquote

BLOCK = 256 * 1024
# What is larger lies in a file.
IN_MEMORY = 1024 * 1024


@dataclass
class Request:
    """A request with all of its body."""

    method: str
    # As it was sent, still encoded.
    path: str
    raw_query: str
    # By names in lower case.
    headers: dict[str, str]
    body: IO[bytes]
    size: int
    sha256: bytes
    md5: bytes

    @property
    def query(self) -> dict[str, str]:
        """The decoded query."""
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    def bucket_and_key(self) -> tuple[str, str]:
        """The two halves of the path."""
        bucket, _, key = self.path.removeprefix("/").partition("/")
        return unquote(bucket), unquote(key)


@dataclass
class Answer:
    """What is sent back: bytes, or a file from its start."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | IO[bytes] = b""
    # Of a file, or of a HEAD request's object.
    length: int | None = None

    def with_header(self, name: str, value: str) -> Answer:
        """The same with one header more."""
        self.headers.append((name, value))
        return self


def as_json(value: object, status: int = 200) -> Answer:
    """An answer in JSON."""
    return Answer(status, [("Content-Type", "application/json")], json.dumps(value).encode())


@dataclass
class Fault:
    """What goes wrong with the requests that match.

    `kind` is one of

    status       nothing is done, and `status` is answered
    lost         it is done, and the connection ends without an answer
    cut_request  after `bytes` of the body the connection ends
    cut_answer   it is done, and after `bytes` of the answer's body the connection ends
    delay        it is done `seconds` later
    hold         it is done when faults are forgotten
    """

    kind: str
    method: str = ""
    # Searched in the decoded path, and the query as it was sent.
    path: str = ""
    # So many matching requests go well before.
    skip: int = 0
    # How many requests fail; without end if it is None.
    times: int | None = 1
    status: int = 503
    code: str = "SlowDown"
    message: str = "Please reduce your request rate."
    retry_after: str = ""
    bytes: int = 0
    seconds: float = 0.0
    met: int = 0

    def strikes(self, method: str, target: str) -> bool:
        """Whether it is this request's turn."""
        if self.method and self.method != method:
            return False
        path, mark, query = target.partition("?")
        if not re.search(self.path, unquote(path) + mark + query):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None and self.met >= self.times:
            return False
        self.met += 1
        return True


class Service(abc.ABC):
    """A store behind the faults."""

    # Seconds that its clock is ahead of the machine's.
    offset: float = 0.0

    def now(self) -> float:
        """Its idea of the time, in seconds since 1970."""
        return time.time() + self.offset

    @abc.abstractmethod
    def answer(self, request: Request) -> Answer:
        """What a client gets."""

    @abc.abstractmethod
    def refusal(self, status: int, code: str, message: str) -> Answer:
        """An error as this store words it."""

    @abc.abstractmethod
    def create_bucket(self, bucket: str, public: bool) -> None:
        """Makes one without a signature."""

    @abc.abstractmethod
    def objects(self, bucket: str) -> list[dict[str, Any]]:
        """`key`, `size` and `modified` of all there is."""

    @abc.abstractmethod
    def uploads(self, bucket: str) -> list[str]:
        """The keys of uploads that are under way."""

    @abc.abstractmethod
    def get(self, bucket: str, key: str) -> Answer:
        """An object without a signature."""

    @abc.abstractmethod
    def put(self, bucket: str, key: str, request: Request) -> Answer:
        """Stores an object without a signature."""


class Control:
    """The faults and the log of a server."""

    def __init__(self, service: Service) -> None:
        """Without faults."""
        self.service = service
        self.lock = threading.Lock()
        self.faults: list[Fault] = []
        self.requests: list[dict[str, Any]] = []
        self.released = threading.Event()

    def fault(self, method: str, target: str) -> Fault | None:
        """The first fault whose turn it is."""
        with self.lock:
            return next((it for it in self.faults if it.strikes(method, target)), None)

    def record(self, entry: dict[str, Any]) -> None:
        """Keeps a request."""
        with self.lock:
            self.requests.append(entry)

    def answer(self, request: Request) -> Answer:
        """What a test asks for."""
        _, what, *rest = unquote(request.path.removeprefix("/")).split("/", 2)
        place = rest[0] if rest else ""
        bucket, _, key = place.partition("/")
        deed: Callable[[], Answer] | None = {
            ("POST", "faults"): lambda: self.add_fault(request),
            ("DELETE", "faults"): self.forget_faults,
            ("GET", "faults"): lambda: as_json([it.met for it in self.faults]),
            ("GET", "requests"): lambda: as_json(self.requests),
            ("DELETE", "requests"): self.forget_requests,
            ("POST", "clock"): lambda: self.set_clock(request),
            ("PUT", "bucket"): lambda: self.create_bucket(place, request),
            ("GET", "bucket"): lambda: as_json(self.service.objects(place)),
            ("GET", "uploads"): lambda: as_json(self.service.uploads(place)),
            ("PUT", "object"): lambda: self.service.put(bucket, key, request),
            ("GET", "object"): lambda: self.service.get(bucket, key),
        }.get((request.method, what))
        if deed is None:
            return Answer(404)
        if what not in ("faults", "requests"):
            return deed()
        with self.lock:
            return deed()

    def add_fault(self, request: Request) -> Answer:
        """One more, after those that are there."""
        self.faults.append(Fault(**json.load(request.body)))
        return Answer(204)

    def forget_faults(self) -> Answer:
        """All of them, and what they hold."""
        self.faults.clear()
        self.released.set()
        self.released = threading.Event()
        return Answer(204)

    def forget_requests(self) -> Answer:
        """The log starts anew."""
        self.requests.clear()
        return Answer(204)

    def set_clock(self, request: Request) -> Answer:
        """The server's clock from now on."""
        self.service.offset = float(json.load(request.body)["offset"])
        return Answer(204)

    def create_bucket(self, bucket: str, request: Request) -> Answer:
        """Makes one."""
        asked = json.load(request.body) if request.size else {}
        self.service.create_bucket(bucket, bool(asked.get("public")))
        return Answer(204)


class CutError(Exception):
    """The connection has ended, or is to end."""


class Handler(BaseHTTPRequestHandler):
    """Reads a request, has it answered, and fails where it is told to."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    control: Control

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Tests read the log by its address."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The server's clock, for the header of every answer."""
        return super().date_time_string(timestamp or self.control.service.now())

    def serve(self) -> None:
        """Any request."""
        try:
            self.exchange()
        except (CutError, ConnectionError, TimeoutError):
            self.close_connection = True
            # Without this the client would wait for what a child of ours may still hold.
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = serve  # noqa: N815

    def exchange(self) -> None:
        path, _, raw_query = self.path.partition("?")
        if path.startswith("/_control/"):
            request = self.receive(path, raw_query, None)
            with request.body:
                self.reply(self.controlled(request), None)
            return
        fault = self.control.fault(self.command, self.path)
        entry: dict[str, Any] = {
            "method": self.command,
            "path": path,
            "query": raw_query,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "fault": fault.kind if fault else None,
            "status": None,
        }
        self.control.record(entry)
        request = self.receive(path, raw_query, fault)
        entry["size"] = request.size
        with request.body:
            answer = self.act(request, fault)
            entry["status"] = answer.status
            self.reply(answer, fault)

    def controlled(self, request: Request) -> Answer:
        """What a test asks for, or why it can't be."""
        try:
            return self.control.answer(request)
        except Exception as error:
            return Answer(500, body=f"{type(error).__name__}: {error}".encode())

    def act(self, request: Request, fault: Fault | None) -> Answer:
        """What the store answers, or the fault in its place."""
        service = self.control.service
        if fault is None:
            return service.answer(request)
        if fault.kind == "status":
            answer = service.refusal(fault.status, fault.code, fault.message)
            if fault.retry_after:
                answer.with_header("Retry-After", fault.retry_after)
            return answer
        if fault.kind == "delay":
            time.sleep(fault.seconds)
        if fault.kind == "hold":
            # The test may end first, and the process with it.
            self.control.released.wait()
        answer = service.answer(request)
        if fault.kind == "lost":
            raise CutError
        return answer

    def receive(self, path: str, raw_query: str, fault: Fault | None) -> Request:
        """Reads all of the body, by its length or its chunks."""
        limit = fault.bytes if fault and fault.kind == "cut_request" else None
        body: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)
        sha256, md5, size = hashlib.sha256(), hashlib.md5(), 0
        for block in self.blocks():
            size += len(block)
            if limit is not None and size >= limit:
                raise CutError
            sha256.update(block)
            md5.update(block)
            body.write(block)
        if limit is not None:
            raise CutError
        body.seek(0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(
            self.command, path, raw_query, headers, body, size, sha256.digest(), md5.digest()
        )

    def blocks(self) -> Iterable[bytes]:
        """The body, piece by piece."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield from self.exactly(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
        else:
            yield from self.exactly(int(self.headers.get("Content-Length", "0")))

    def exactly(self, size: int) -> Iterable[bytes]:
        while size > 0:
            block = self.rfile.read(min(BLOCK, size))
            if not block:
                raise CutError
            size -= len(block)
            yield block

    def reply(self, answer: Answer, fault: Fault | None) -> None:
        """Sends it, or its beginning."""
        body = answer.body
        length = len(body) if isinstance(body, bytes) else answer.length
        if answer.length is not None:
            length = answer.length
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "HEAD" or answer.status == 204:
            if fault and fault.kind == "cut_answer":
                raise CutError
            return
        left = fault.bytes if fault and fault.kind == "cut_answer" else None
        for block in [body] if isinstance(body, bytes) else iter(lambda: body.read(BLOCK), b""):
            if left is not None and len(block) >= left:
                self.wfile.write(block[:left])
                raise CutError
            left = None if left is None else left - len(block)
            self.wfile.write(block)
        if left is not None:
            raise CutError


class Server(ThreadingHTTPServer):
    """One thread for each connection."""

    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients may go at any time; everything else is a mistake of ours."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def serve(make: Callable[[str], Service]) -> None:
    """Serves on a free port, prints its address, and ends with its standard input."""
    server = Server(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    Handler.control = Control(make(url))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(url, flush=True)
    sys.stdin.read()


def digest_is(request: Request) -> bool:
    """Whether the body is the one that `Content-MD5` announces, if it does."""
    announced = request.headers.get("content-md5")
    return announced is None or announced == base64.b64encode(request.md5).decode()


def xml_error(status: int, code: str, message: str, more: str = "") -> Answer:
    """An error as S3 and Google Cloud Storage word it."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
    )
    return Answer(status, [("Content-Type", "application/xml")], body.encode())
