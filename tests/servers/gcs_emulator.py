"""gcp-storage-emulator, spoken to by its JSON API."""

from __future__ import annotations

import datetime
import http.client
import json
import threading
from typing import Any
from urllib.parse import quote

import gcp_storage_emulator.handlers.objects as emulated
from gcp_storage_emulator.server import create_server

from control import Service


class Emulator:
    """The JSON API, spoken over its own socket, one request at a time."""

    def __init__(self, service: Service) -> None:
        server = create_server("127.0.0.1", 0, in_memory=True)
        # It would write all it knows about all objects with every one, for its next start.
        server._storage._write_config_to_file = lambda: None
        emulated.datetime = shifted(service)
        server._api.daemon = True
        server.start()
        while server._api._httpd is None:
            server._api.is_running.wait(0.01)
        self.port: int = server._api._httpd.server_address[1]
        self.lock = threading.RLock()

    def call(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        with self.lock:
            connection = http.client.HTTPConnection("127.0.0.1", self.port)
            connection.request(method, target, body, headers or {})
            answer = connection.getresponse()
            found = answer.status, dict(answer.getheaders()), answer.read()
            connection.close()
            return found

    def bucket_exists(self, bucket: str) -> bool:
        return self.call("GET", f"/storage/v1/b/{quote(bucket, safe='')}")[0] == 200

    def object(self, bucket: str, key: str) -> dict[str, Any] | None:
        status, _, body = self.call("GET", self.place(bucket, key))
        return dict(json.loads(body)) if status == 200 else None

    def content(self, bucket: str, key: str) -> bytes:
        return self.call("GET", f"/download{self.place(bucket, key)}?alt=media")[2]

    def place(self, bucket: str, key: str) -> str:
        return f"/storage/v1/b/{quote(bucket, safe='')}/o/{quote(key, safe='')}"

    def everything(self, bucket: str) -> list[dict[str, Any]]:
        return list(json.loads(self.call("GET", f"/storage/v1/b/{bucket}/o")[2])["items"])

    def put(self, bucket: str, key: str, content: bytes, fields: dict[str, Any]) -> dict[str, Any]:
        status, headers, body = self.call(
            "POST",
            f"/upload/storage/v1/b/{bucket}/o?uploadType=resumable&name={quote(key, safe='')}",
            json.dumps(fields).encode(),
            {
                "Content-Type": "application/json",
                "X-Upload-Content-Type": fields.get("contentType", "application/octet-stream"),
            },
        )
        assert status == 200, (status, body)
        # A session that gets all at once.
        span = f"0-{len(content) - 1}" if content else "*"
        target = headers["Location"].split(str(self.port), 1)[1]
        status, _, body = self.call(
            "PUT", target, content, {"Content-Range": f"bytes {span}/{len(content)}"}
        )
        assert status == 200, (status, body)
        return dict(json.loads(body))


def shifted(service: Service) -> type[datetime.datetime]:
    """Time as the server's clock has it, for what the emulator writes down."""

    class Shifted(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Shifted:
            return cls.fromtimestamp(service.now(), tz)

    return Shifted
