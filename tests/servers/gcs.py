"""Google Cloud Storage for the tests: the XML API in front of gcp-storage-emulator.

The emulator keeps buckets and objects, but speaks only the JSON half of Google's two APIs, and lets
everybody in. Here is the other half, as Google documents it and as far as clients of object stores
use it, on top of the emulator's: objects with their metadata and preconditions, lists, and uploads
in parts, which are joined before the emulator gets them. Tokens are verified, those that a service
account signs for itself and those that are given here, and so are V4 signatures in addresses.

Beside it, on the same port, is what Google has at other hosts: the OAuth token endpoint, the token
exchange for workload identity, and of the IAM credentials service `generateAccessToken` and
`signBlob`.

Arguments: a folder, which gets `service-account.json`, and `external-account.json` with the file
`subject-token` that it names. Prints the address, and ends with its standard input.
"""

from __future__ import annotations

import base64
import datetime
import gzip
import hashlib
import io
import json
import re
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from control import Answer, Request, Service, digest_is, serve, xml_error
from gcs_emulator import Emulator
from gcs_tokens import Refused, Tokens

SMALLEST_PART = 5 * 1024 * 1024
# Headers of the XML API, and their names in the JSON API.
FIELDS = {
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "content-type": "contentType",
}
META = "x-goog-meta-"


class Upload:
    """An upload in parts."""

    def __init__(self, bucket: str, key: str, headers: dict[str, str]) -> None:
        self.bucket, self.key, self.headers = bucket, key, headers
        self.parts: dict[int, tuple[str, bytes]] = {}


class Gcs(Service):
    """The XML API."""

    def __init__(self, url: str, folder: Path) -> None:
        self.tokens = Tokens(self, url, folder)
        self.emulator = Emulator(self)
        self.public: set[str] = set()
        self.under_way: dict[str, Upload] = {}
        # By generation, of objects that came in parts: their tag is no digest of the whole.
        self.tags: dict[str, str] = {}

    def answer(self, request: Request) -> Answer:
        """Verifies a request and carries it out."""
        try:
            found = self.tokens.answer(request)
            if found is not None:
                return found
            self.verify(request)
            return self.carry_out(request)
        except Refused as refused:
            return refused.answer

    def verify(self, request: Request) -> None:
        """Refuses what Google would refuse."""
        if not digest_is(request):
            raise Refused(400, "BadDigest", "The Content-MD5 you specified did not match.")
        bucket, key = request.bucket_and_key()
        if "X-Goog-Algorithm" in request.query:
            self.tokens.verify_signed_address(request)
        elif "authorization" in request.headers:
            if not self.tokens.admits(request):
                raise Refused(401, "AuthenticationRequired", "Authentication required.")
        elif bucket not in self.public or not key or request.method not in ("GET", "HEAD"):
            raise Refused(403, "AccessDenied", "Access denied.")

    def carry_out(self, request: Request) -> Answer:
        bucket, key = request.bucket_and_key()
        query, method = request.query, request.method
        if not self.emulator.bucket_exists(bucket):
            raise Refused(404, "NoSuchBucket", "The specified bucket does not exist.")
        if not key and method == "GET":
            return self.page(bucket, query)
        if method == "POST" and "uploads" in query:
            return self.initiate(bucket, key, request)
        if "uploadId" in query:
            return self.upload(query["uploadId"], request)
        if method == "PUT" and key:
            return self.store(bucket, key, request)
        if method in ("GET", "HEAD") and key:
            return self.load(bucket, key, request)
        if method == "DELETE" and key:
            self.existing(bucket, key)
            self.emulator.call("DELETE", self.emulator.place(bucket, key))
            return Answer(204)
        raise Refused(405, "MethodNotAllowed", "The specified method is not allowed.")

    def existing(self, bucket: str, key: str) -> dict[str, Any]:
        found = self.emulator.object(bucket, key)
        if found is None:
            raise Refused(404, "NoSuchKey", "The specified key does not exist.")
        return found

    def keep(
        self, bucket: str, key: str, content: bytes, headers: dict[str, str]
    ) -> dict[str, Any]:
        """Has the emulator store an object, if its precondition holds."""
        fields: dict[str, Any] = {
            FIELDS[name]: value for name, value in headers.items() if name in FIELDS
        }
        fields["metadata"] = {
            name.removeprefix(META): value
            for name, value in headers.items()
            if name.startswith(META)
        }
        wanted = headers.get("x-goog-if-generation-match")
        with self.emulator.lock:
            if wanted is not None:
                present = self.emulator.object(bucket, key) or {"generation": "0"}
                if present["generation"] != wanted:
                    raise Refused(
                        412,
                        "PreconditionFailed",
                        "At least one of the pre-conditions you specified did not hold.",
                    )
            return self.emulator.put(bucket, key, content, fields)

    def store(self, bucket: str, key: str, request: Request) -> Answer:
        source = request.headers.get("x-goog-copy-source")
        if source is None:
            stored = self.keep(bucket, key, request.body.read(), request.headers)
            return Answer(200, self.headers_of(stored))
        other, _, name = unquote(source.removeprefix("/")).partition("/")
        found = self.existing(other, name)
        headers = {h: found[f] for h, f in FIELDS.items() if found.get(f)}
        headers |= {META + n: v for n, v in (found.get("metadata") or {}).items()}
        self.keep(bucket, key, self.emulator.content(other, name), {**request.headers, **headers})
        return Answer(200, [("Content-Type", "application/xml")], b"<CopyObjectResult/>")

    def load(self, bucket: str, key: str, request: Request) -> Answer:
        found = self.existing(bucket, key)
        headers = self.headers_of(found)
        if request.method == "HEAD":
            return Answer(200, headers, length=int(found["size"]))
        content = self.emulator.content(bucket, key)
        encoding, kept = found.get("contentEncoding"), found.get("cacheControl") or ""
        accepted = "gzip" in request.headers.get("accept-encoding", "")
        if encoding == "gzip" and not accepted and "no-transform" not in kept:
            # Google unpacks what the client does not say it could.
            headers = [it for it in headers if it[0] != "Content-Encoding"]
            return Answer(200, headers, gzip.decompress(content))
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
        if match is None:
            return Answer(200, headers, content)
        if match[1]:
            start, end = int(match[1]), min(int(match[2] or len(content)), len(content) - 1)
        else:
            start, end = max(0, len(content) - int(match[2])), len(content) - 1
        if start > end:
            raise Refused(416, "InvalidRange", "The requested range cannot be satisfied.")
        headers.append(("Content-Range", f"bytes {start}-{end}/{len(content)}"))
        return Answer(206, headers, content[start : end + 1])

    def headers_of(self, found: dict[str, Any]) -> list[tuple[str, str]]:
        modified = datetime.datetime.fromisoformat(found["updated"].replace("Z", "+00:00"))
        md5 = base64.b64decode(found["md5Hash"]).hex()
        tag = self.tags.get(found["generation"])
        digests = f"crc32c={found['crc32c']}" + ("" if tag else f",md5={found['md5Hash']}")
        headers = [
            ("ETag", f'"{tag or md5}"'),
            ("Last-Modified", f"{modified:%a, %d %b %Y %H:%M:%S GMT}"),
            ("x-goog-generation", found["generation"]),
            ("x-goog-metageneration", found["metageneration"]),
            ("x-goog-hash", digests),
            ("x-goog-stored-content-encoding", found.get("contentEncoding") or "identity"),
            ("x-goog-stored-content-length", str(found["size"])),
        ]
        headers += [(h.title(), found[f]) for h, f in FIELDS.items() if found.get(f)]
        headers += [(META + n, v) for n, v in (found.get("metadata") or {}).items()]
        return headers

    def page(self, bucket: str, query: dict[str, str]) -> Answer:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        after = query.get("continuation-token") or query.get("start-after") or ""
        entries: dict[str, dict[str, Any] | None] = {}
        for found in sorted(self.emulator.everything(bucket), key=lambda it: str(it["name"])):
            name = str(found["name"])
            if not name.startswith(prefix):
                continue
            head, cut, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
            entry = prefix + head + cut if cut else name
            if entry > after:
                entries[entry] = None if cut else found
        most = min(int(query.get("max-keys", "1000")), 1000)
        page, truncated = sorted(entries)[:most], len(entries) > most
        lines = [
            f"<Name>{escape(bucket)}</Name>",
            f"<IsTruncated>{str(truncated).lower()}</IsTruncated>",
        ]
        for entry in page:
            one = entries[entry]
            lines.append(
                f"<CommonPrefixes><Prefix>{escape(entry)}</Prefix></CommonPrefixes>"
                if one is None
                else f"<Contents><Key>{escape(entry)}</Key><Size>{one['size']}</Size>"
                f"<LastModified>{one['updated']}</LastModified>"
                f"<ETag>{escape(dict(self.headers_of(one))['ETag'])}</ETag></Contents>"
            )
        if truncated:
            lines.append(f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>")
        return as_xml("ListBucketResult", "".join(lines))

    def initiate(self, bucket: str, key: str, request: Request) -> Answer:
        upload = secrets.token_urlsafe(24)
        self.under_way[upload] = Upload(bucket, key, request.headers)
        return as_xml(
            "InitiateMultipartUploadResult",
            f"<Bucket>{bucket}</Bucket><Key>{escape(key)}</Key><UploadId>{upload}</UploadId>",
        )

    def upload(self, name: str, request: Request) -> Answer:
        upload = self.under_way.get(name)
        if upload is None or (upload.bucket, upload.key) != request.bucket_and_key():
            raise Refused(404, "NoSuchUpload", "The requested upload was not found.")
        if request.method == "PUT":
            etag = f'"{request.md5.hex()}"'
            upload.parts[int(request.query["partNumber"])] = (etag, request.body.read())
            return Answer(200, [("ETag", etag)])
        if request.method == "DELETE":
            del self.under_way[name]
            return Answer(204)
        asked = ElementTree.parse(request.body).getroot()
        chosen = []
        for part in asked.iter("Part"):
            number = int(part.findtext("PartNumber", "0"))
            etag, content = upload.parts.get(number, ("", b""))
            if not etag or part.findtext("ETag", "").strip('"') != etag.strip('"'):
                raise Refused(400, "InvalidPart", "A specified part could not be found.")
            chosen.append(content)
        if not chosen or any(len(it) < SMALLEST_PART for it in chosen[:-1]):
            raise Refused(400, "EntityTooSmall", "Your proposed upload is too small.")
        stored = self.keep(upload.bucket, upload.key, b"".join(chosen), upload.headers)
        del self.under_way[name]
        digest = hashlib.md5(b"".join(hashlib.md5(it).digest() for it in chosen)).hexdigest()
        self.tags[stored["generation"]] = f"{digest}-{len(chosen)}"
        answer = as_xml(
            "CompleteMultipartUploadResult",
            f"<Bucket>{upload.bucket}</Bucket><Key>{escape(upload.key)}</Key>"
            f"<ETag>{escape(dict(self.headers_of(stored))['ETag'])}</ETag>",
        )
        return answer.with_header("x-goog-generation", stored["generation"])

    def refusal(self, status: int, code: str, message: str) -> Answer:
        """In the XML of the API."""
        return xml_error(status, code, message)

    def create_bucket(self, bucket: str, public: bool) -> None:
        """Through the JSON API."""
        status, _, body = self.emulator.call(
            "POST",
            "/storage/v1/b?project=daglab-tests",
            json.dumps({"name": bucket}).encode(),
            {"Content-Type": "application/json"},
        )
        if status != 200:
            raise RuntimeError(f"{bucket}: {status} {body.decode()}")
        if public:
            self.public.add(bucket)

    def objects(self, bucket: str) -> list[dict[str, Any]]:
        """Through the JSON API."""
        return [
            {"key": it["name"], "size": int(it["size"]), "modified": it["updated"]}
            for it in self.emulator.everything(bucket)
        ]

    def uploads(self, bucket: str) -> list[str]:
        """Those of this process."""
        return [it.key for it in self.under_way.values() if it.bucket == bucket]

    def get(self, bucket: str, key: str) -> Answer:
        """As it is stored."""
        request = Request("GET", "", "", {"accept-encoding": "gzip"}, io.BytesIO(), 0, b"", b"")
        try:
            return self.load(bucket, key, request)
        except Refused as refused:
            return refused.answer

    def put(self, bucket: str, key: str, request: Request) -> Answer:
        """Through the JSON API."""
        self.keep(bucket, key, request.body.read(), request.headers)
        return Answer(200)


def as_xml(name: str, inside: str) -> Answer:
    """An answer of the XML API."""
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} '
        f'xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{inside}</{name}>'
    )
    return Answer(200, [("Content-Type", "application/xml; charset=UTF-8")], body.encode())


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    serve(lambda url: Gcs(url, folder))
