"""S3 for the tests: moto's, behind what moto does not do.

moto keeps buckets and objects, but lets everybody in. Here signatures are verified, in headers and
in presigned addresses, by having botocore sign the same request again; so are dates, expiries, the
digests of bodies, and the tokens of temporary credentials. Chunks of `aws-chunked` bodies have
signatures of their own, which nobody looks at here.

Arguments: the region. Prints the address, and ends with its standard input.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import io
import mmap
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

# Before moto is imported: `127.0.0.1` is no bucket called `127`.
os.environ["S3_IGNORE_SUBDOMAIN_BUCKETNAME"] = "true"
os.environ["MOTO_S3_DEFAULT_KEY_BUFFER_SIZE"] = str(64 * 1024)

import moto.s3.models as models
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import create_backend_app

from control import Answer, Request, Service, digest_is, serve, xml_error

ACCESS_KEY = "AKIADAGLABTESTS00001"
SECRET_KEY = "5ecret/Of+The/Tests/0nly/n0tUsedAnywhereElse"
TEMPORARY_KEY = "ASIADAGLABTESTS00001"
TEMPORARY_SECRET = "Temp0rary/Secret+Of/The/Tests/n0tUsedElsewhere"
TOKEN = "session-token-of-the-tests//with+signs=="

SKEW = 15 * 60
STAMP = "%Y%m%dT%H%M%SZ"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<credential>[^,]+), ?"
    r"SignedHeaders=(?P<signed>[^,]+), ?Signature=(?P<signature>[0-9a-f]+)"
)


class Refused(Exception):  # noqa: N818
    """A request that S3 does not carry out."""

    def __init__(self, status: int, code: str, message: str) -> None:
        """In the words of S3."""
        super().__init__(code)
        self.answer = xml_error(status, code, message)


def strictly(path: str) -> str:
    """A path or a part of a query as S3 encodes it, however it was sent."""
    return quote(unquote(path), safe="/-_.~")


def strict_query(raw: str) -> Iterator[tuple[str, str]]:
    """Encoded names and values, sorted."""
    for pair in raw.split("&") if raw else []:
        name, _, value = pair.partition("=")
        yield quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~")


class S3(Service):
    """moto, with its doors locked."""

    def __init__(self, region: str) -> None:
        """All buckets are in this region."""
        self.region = region
        self.public: set[str] = set()
        self.moto = create_backend_app("s3")
        self.moto.debug = False
        self.keys = {
            ACCESS_KEY: Credentials(ACCESS_KEY, SECRET_KEY),
            TEMPORARY_KEY: Credentials(TEMPORARY_KEY, TEMPORARY_SECRET, TOKEN),
        }
        real = models.utcnow
        models.utcnow = lambda: real() + datetime.timedelta(seconds=self.offset)
        models.FakeMultipart.complete = complete  # type: ignore[method-assign]

    def answer(self, request: Request) -> Answer:
        """Verifies it, and has moto carry it out."""
        try:
            self.verify(request)
        except Refused as refused:
            return refused.answer
        return self.carry_out(request)

    def verify(self, request: Request) -> None:
        """Refuses what S3 would refuse."""
        if not digest_is(request):
            raise Refused(400, "BadDigest", "The Content-MD5 you specified did not match.")
        announced = request.headers.get("x-amz-checksum-sha256")
        if announced and announced != base64.b64encode(request.sha256).decode():
            raise Refused(400, "BadDigest", "The SHA256 you specified did not match.")
        if "X-Amz-Algorithm" in request.query:
            self.verify_presigned(request)
        elif "authorization" in request.headers:
            self.verify_signed(request)
        elif request.method not in ("GET", "HEAD") or not self.is_public(request):
            raise Refused(403, "AccessDenied", "Access Denied")

    def is_public(self, request: Request) -> bool:
        bucket, key = request.bucket_and_key()
        return bucket in self.public and key != ""

    def verify_signed(self, request: Request) -> None:
        """A signature in the headers."""
        match = AUTHORIZATION.fullmatch(request.headers["authorization"])
        if match is None:
            raise Refused(
                400, "AuthorizationHeaderMalformed", "The authorization header is malformed"
            )
        stamp = request.headers.get("x-amz-date", "")
        if abs(self.at(stamp) - self.now()) > SKEW:
            raise Refused(
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            )
        payload = request.headers.get("x-amz-content-sha256")
        if payload is None:
            raise Refused(
                400,
                "InvalidRequest",
                "Missing required header for this request: x-amz-content-sha256",
            )
        is_digest = re.fullmatch("[0-9a-f]{64}", payload) is not None
        if is_digest and payload != request.sha256.hex():
            raise Refused(
                400,
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
        if not is_digest and not re.fullmatch(r"(STREAMING|UNSIGNED)-[A-Z0-9-]+", payload):
            raise Refused(400, "InvalidArgument", "x-amz-content-sha256 must be valid")
        token = request.headers.get("x-amz-security-token")
        self.compare(request, match, stamp, token, presigned=False)

    def verify_presigned(self, request: Request) -> None:
        """A signature in the address."""
        query = request.query
        match = re.match(
            "(?P<credential>.*)\n(?P<signed>.*)\n(?P<signature>.*)",
            "\n".join(
                query.get(f"X-Amz-{name}", "")
                for name in ("Credential", "SignedHeaders", "Signature")
            ),
        )
        expires = query.get("X-Amz-Expires", "")
        if match is None or not expires.isdigit() or not 0 < int(expires) <= 604800:
            raise Refused(
                400,
                "AuthorizationQueryParametersError",
                "X-Amz-Expires must be less than a week (in seconds)",
            )
        stamp = query.get("X-Amz-Date", "")
        signed = self.at(stamp)
        if self.now() > signed + int(expires):
            raise Refused(403, "AccessDenied", "Request has expired")
        if signed > self.now() + SKEW:
            raise Refused(403, "AccessDenied", "Request is not yet valid")
        token = query.get("X-Amz-Security-Token")
        self.compare(request, match, stamp, token, presigned=True)

    def at(self, stamp: str) -> float:
        try:
            time = datetime.datetime.strptime(stamp, STAMP)
        except ValueError:
            raise Refused(403, "AccessDenied", "a valid X-Amz-Date is required") from None
        return time.replace(tzinfo=datetime.timezone.utc).timestamp()

    def compare(
        self,
        request: Request,
        match: re.Match[str],
        stamp: str,
        token: str | None,
        presigned: bool,
    ) -> None:
        """Signs the request anew, and compares."""
        key, *scope = match["credential"].split("/")
        if scope != [stamp[:8], self.region, "s3", "aws4_request"]:
            raise Refused(
                400,
                "AuthorizationHeaderMalformed",
                f"the scope is wrong; expecting '{stamp[:8]}/{self.region}/s3/aws4_request'",
            )
        credentials = self.keys.get(key)
        if credentials is None or (credentials.token and token is None):
            raise Refused(
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            )
        if token != credentials.token:
            raise Refused(400, "InvalidToken", "The provided token is malformed or invalid.")
        names = match["signed"].split(";")
        must = [n for n in request.headers if n.startswith("x-amz-") and not presigned]
        if "host" not in names or not set(must) <= set(names):
            raise Refused(403, "AccessDenied", "There were headers which were not signed")
        query = sorted(strict_query(request.raw_query))
        again = AWSRequest(
            method=request.method,
            url=f"http://{request.headers['host']}{strictly(request.path)}?"
            + "&".join(f"{n}={v}" for n, v in query if n != "X-Amz-Signature"),
            headers={name: request.headers.get(name, "") for name in names},
        )
        again.context["timestamp"] = stamp
        kind = S3SigV4QueryAuth if presigned else S3SigV4Auth
        auth = kind(credentials, "s3", self.region)
        text = auth.string_to_sign(again, auth.canonical_request(again))
        if not hmac.compare_digest(auth.signature(text, again), match["signature"]):
            raise Refused(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. "
                "Check your key and signing method.",
            )

    def carry_out(self, request: Request) -> Answer:
        """moto's part."""
        target = request.path + (f"?{request.raw_query}" if request.raw_query else "")
        host, _, port = request.headers.get("host", "127.0.0.1:80").partition(":")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(request.path, "latin-1"),
            "QUERY_STRING": request.raw_query,
            "REQUEST_URI": target,
            "RAW_URI": target,
            "SERVER_NAME": host,
            "SERVER_PORT": port or "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": str(request.size),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": request.body,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in request.headers.items():
            if name == "content-type":
                environ["CONTENT_TYPE"] = value
            elif name not in ("content-length", "transfer-encoding"):
                environ["HTTP_" + name.upper().replace("-", "_")] = value
        # moto's own idea of who may read is not asked.
        signed = f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/{self.region}/s3/aws4_request"
        environ.setdefault("HTTP_AUTHORIZATION", signed)
        began: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], _: object = None) -> None:
            began.append((status, headers))

        body = b"".join(self.moto(environ, start))  # type: ignore[arg-type]
        status, headers = began[0]
        answer = Answer(int(status.split()[0]), body=body)
        for name, value in headers:
            if name.lower() == "content-length":
                answer.length = int(value) if request.method == "HEAD" else None
            elif name.lower() not in ("connection", "date", "server"):
                answer.with_header(name, value)
        return answer

    def inside(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        """A request that nobody has signed."""
        request = Request(
            method,
            quote(path),
            "",
            {"host": "127.0.0.1", **(headers or {})},
            io.BytesIO(body),
            len(body),
            hashlib.sha256(body).digest(),
            hashlib.md5(body).digest(),
        )
        return self.carry_out(request)

    def refusal(self, status: int, code: str, message: str) -> Answer:
        """In S3's XML."""
        return xml_error(status, code, message)

    def create_bucket(self, bucket: str, public: bool) -> None:
        """In the region of all."""
        place = f"<LocationConstraint>{self.region}</LocationConstraint>"
        asked = f"<CreateBucketConfiguration>{place}</CreateBucketConfiguration>".encode()
        answer = self.inside("PUT", f"/{bucket}", asked if self.region != "us-east-1" else b"")
        if answer.status != 200:
            raise RuntimeError(f"{bucket}: {answer}")
        if public:
            self.public.add(bucket)

    def bucket(self, name: str) -> Any:
        return models.s3_backends[DEFAULT_ACCOUNT_ID]["aws"].get_bucket(name)

    def objects(self, bucket: str) -> list[dict[str, Any]]:
        """As moto keeps them."""
        return [
            {"key": key.name, "size": key.size, "modified": key.last_modified.isoformat()}
            for key in self.bucket(bucket).keys.values()
        ]

    def uploads(self, bucket: str) -> list[str]:
        """As moto keeps them."""
        return [it.key_name for it in list(self.bucket(bucket).multiparts.values())]

    def get(self, bucket: str, key: str) -> Answer:
        """From moto."""
        return self.inside("GET", f"/{bucket}/{key}")

    def put(self, bucket: str, key: str, request: Request) -> Answer:
        """To moto."""
        kept = {
            name: value
            for name, value in request.headers.items()
            if name.startswith(("content-", "cache-control", "x-amz-meta-"))
        }
        kept.pop("content-length", None)
        return self.inside("PUT", f"/{bucket}/{key}", request.body.read(), kept)


def complete(
    self: models.FakeMultipart, body: Iterator[tuple[int, str]]
) -> tuple[bytes, str, None]:
    """Joins the parts in a file; moto itself would hold all of them four times."""
    joined = tempfile.TemporaryFile()
    md5s = hashlib.md5()
    count, last = 0, None
    for number, etag in body:
        part = self.parts.get(number)
        if part is None or part.etag.strip('"') != etag.strip('"'):
            raise models.InvalidPart
        if last is not None and last.contentsize < models.S3_UPLOAD_PART_MIN_SIZE:
            raise models.EntityTooSmall
        md5s.update(bytes.fromhex(part.etag.strip('"')))
        joined.write(part.value)
        count, last = count + 1, part
    if count == 0:
        raise models.MalformedXML
    joined.flush()
    whole = mmap.mmap(joined.fileno(), 0, access=mmap.ACCESS_READ)
    # It is written to a file of moto's, which takes any bytes-like object.
    return whole, f"{md5s.hexdigest()}-{count}", None  # type: ignore[return-value]


if __name__ == "__main__":
    region = sys.argv[1]
    serve(lambda _: S3(region))
