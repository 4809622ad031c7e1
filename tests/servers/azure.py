"""Azure Blob Storage for the tests: Azurite behind the faults.

Azurite verifies shared keys and shared access signatures itself. What it leaves out is looked at
here: whether a request's date is anywhere near the server's. The container is the first part of a
path, as at Azure, where the account is in the host's name; Azurite's own spelling, with the account
first, works as well.

Arguments: the folder with the `node_modules` that hold azurite, and an empty folder. Prints the
address, and ends with its standard input.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import email.utils
import hashlib
import hmac
import http.client
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote
from xml.etree import ElementTree

from control import Answer, Request, Service, serve, xml_error

ACCOUNT = "daglabtests"
KEY = base64.b64encode(b"the account key of the tests, of as many bytes as Azure's".ljust(64, b"."))
VERSION = "2023-11-03"
SKEW = 15 * 60
# Of a connection, not of what it carries.
HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "host", "date")


class Azure(Service):
    """Azurite in a process of its own."""

    def __init__(self, modules: Path, folder: Path) -> None:
        self.clock = folder / "clock"
        self.clock.write_text("0")
        self._offset = 0.0
        main = modules / "node_modules/azurite/dist/src/blob/main.js"
        command = ["node", "--require", str(Path(__file__).with_name("clock.cjs")), str(main)]
        command += ["--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"]
        command += ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        accounts = f"{ACCOUNT}:{KEY.decode()}"
        self.azurite = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "AZURITE_ACCOUNTS": accounts, "DAGLAB_CLOCK": str(self.clock)},
            # Its end is that of this process, however that ends.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.azurite.stdout is not None
        for line in self.azurite.stdout:
            found = re.search(r"listens on http://127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found[1])
                return
        raise RuntimeError("azurite has ended")

    @property
    def offset(self) -> float:
        """Seconds that this server's clock is ahead, and Azurite's."""
        return self._offset

    @offset.setter
    def offset(self, seconds: float) -> None:
        self._offset = seconds
        other = self.clock.with_suffix(".new")
        other.write_text(str(seconds))
        other.rename(self.clock)

    def answer(self, request: Request) -> Answer:
        """Azurite's, if the date is right."""
        if "authorization" in request.headers:
            stamp = request.headers.get("x-ms-date") or request.headers.get("date", "")
            with contextlib.suppress(ValueError):
                sent = email.utils.parsedate_to_datetime(stamp).timestamp()
                if abs(sent - self.now()) <= SKEW:
                    return self.forward(request)
            return xml_error(
                403,
                "AuthenticationFailed",
                "Server failed to authenticate the request. Make sure the value of Authorization "
                "header is formed correctly including the signature.",
                "<AuthenticationErrorDetail>Request date header too old: "
                f"'{stamp}'</AuthenticationErrorDetail>",
            ).with_header("x-ms-error-code", "AuthenticationFailed")
        return self.forward(request)

    def forward(self, request: Request) -> Answer:
        """Azurite's answer to the same request."""
        by_path = request.path.startswith(f"/{ACCOUNT}/") or request.path == f"/{ACCOUNT}"
        host = "127.0.0.1" if by_path else f"{ACCOUNT}.blob.localhost"
        headers = {n: v for n, v in request.headers.items() if n not in HOP or n == "date"}
        headers |= {"host": host, "content-length": str(request.size)}
        target = request.path + (f"?{request.raw_query}" if request.raw_query else "")
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        while block := request.body.read(256 * 1024):
            connection.send(block)
        found = connection.getresponse()
        length = found.getheader("content-length")
        answer = Answer(found.status, body=found.read())
        connection.close()
        if request.method == "HEAD":
            answer.length = int(length or 0)
        answer.headers = [(n, v) for n, v in found.getheaders() if n.lower() not in HOP]
        return answer

    def refusal(self, status: int, code: str, message: str) -> Answer:
        """In Azure's XML."""
        code = {"SlowDown": "ServerBusy"}.get(code, code)
        return xml_error(status, code, message).with_header("x-ms-error-code", code)

    def inside(
        self,
        method: str,
        path: str,
        raw_query: str = "",
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """A request that the account's owner has signed."""
        now = datetime.datetime.fromtimestamp(self.now(), datetime.timezone.utc)
        sent = {
            "x-ms-date": f"{now:%a, %d %b %Y %H:%M:%S GMT}",
            "x-ms-version": VERSION,
            **(headers or {}),
        }
        plain = ["content-encoding", "content-language", None, "content-md5", "content-type"]
        lines = [method, *(sent.get(n, "") if n else str(len(body) or "") for n in plain)]
        lines += ["", *(sent.get(n, "") for n in ("if-modified-since", "if-match"))]
        lines += [sent.get(n, "") for n in ("if-none-match", "if-unmodified-since", "range")]
        lines += [f"{n}:{sent[n]}" for n in sorted(sent) if n.startswith("x-ms-")]
        lines.append(f"/{ACCOUNT}{quote(path)}")
        lines += [f"{n}:{v}" for n, v in sorted(parse_qsl(raw_query, keep_blank_values=True))]
        digest = hmac.digest(base64.b64decode(KEY), "\n".join(lines).encode(), "sha256")
        sent["authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
        file, sha256, md5 = io.BytesIO(body), hashlib.sha256(body), hashlib.md5(body)
        return self.forward(
            Request(
                method,
                quote(path),
                raw_query,
                sent,
                file,
                len(body),
                sha256.digest(),
                md5.digest(),
            )
        )

    def create_bucket(self, bucket: str, public: bool) -> None:
        """A container."""
        headers = {"x-ms-blob-public-access": "blob"} if public else {}
        answer = self.inside("PUT", f"/{bucket}", "restype=container", headers)
        if answer.status != 201:
            raise RuntimeError(f"{bucket}: {answer}")

    def blobs(self, bucket: str, more: str) -> list[ElementTree.Element]:
        """All that a container lists, page by page."""
        found: list[ElementTree.Element] = []
        marker = ""
        while True:
            asked = f"restype=container&comp=list{more}&marker={quote(marker, safe='')}"
            body = self.inside("GET", f"/{bucket}", asked).body
            assert isinstance(body, bytes)
            page = ElementTree.fromstring(body.decode("utf-8-sig"))
            found += page.iter("Blob")
            marker = page.findtext("NextMarker", "")
            if not marker:
                return found

    def objects(self, bucket: str) -> list[dict[str, Any]]:
        """What is committed."""
        return [
            {
                "key": blob.findtext("Name"),
                "size": int(blob.findtext("Properties/Content-Length", "0")),
                "modified": email.utils.parsedate_to_datetime(
                    blob.findtext("Properties/Last-Modified", "")
                ).isoformat(),
            }
            for blob in self.blobs(bucket, "")
        ]

    def uploads(self, bucket: str) -> list[str]:
        """Blobs of which there are blocks and nothing else; Azure forgets them after a week."""
        whole = {blob.findtext("Name") for blob in self.blobs(bucket, "")}
        all_of_them = self.blobs(bucket, "&include=uncommittedblobs")
        names = [blob.findtext("Name", "") for blob in all_of_them]
        return [name for name in names if name not in whole]

    def get(self, bucket: str, key: str) -> Answer:
        """A blob."""
        return self.inside("GET", f"/{bucket}/{key}")

    def put(self, bucket: str, key: str, request: Request) -> Answer:
        """A blob."""
        kept = {n: v for n, v in request.headers.items() if n.startswith("x-ms-")}
        for name in ("content-type", "content-encoding", "cache-control"):
            if name in request.headers:
                kept[f"x-ms-blob-{name}"] = request.headers[name]
        kept["x-ms-blob-type"] = "BlockBlob"
        return self.inside("PUT", f"/{bucket}/{unquote(key)}", "", kept, request.body.read())


if __name__ == "__main__":
    azure = Azure(Path(sys.argv[1]), Path(sys.argv[2]))
    try:
        serve(lambda _: azure)
    finally:
        azure.azurite.kill()
        azure.azurite.wait()
