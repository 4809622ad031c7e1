"""Who may ask Google Cloud Storage of the tests for what: tokens, and signatures in addresses."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import re
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from control import Answer, Request, Service, as_json, xml_error

EMAIL = "publisher@daglab-tests.iam.gserviceaccount.com"
KEY_ID = "0123456789abcdef0123456789abcdef01234567"
SUBJECT_TOKEN = "subject-token-of-the-tests"
AUDIENCE = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p"
# The host that clients sign for when this server stands for Google's.
HOST = "storage.googleapis.com"
SKEW = 15 * 60
STAMP = "%Y%m%dT%H%M%SZ"


class Refused(Exception):  # noqa: N818
    """A request that is not carried out."""

    def __init__(self, status: int, code: str, message: str, more: str = "") -> None:
        """In the words of the XML API."""
        super().__init__(code)
        self.answer = xml_error(status, code, message, more)


def unpadded(text: str) -> bytes:
    """URL-safe base64 without padding, as JWTs have it."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def stamped(seconds: float) -> datetime.datetime:
    """A time in UTC."""
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)


class Tokens:
    """Who may do what: the keys and tokens of the one service account."""

    def __init__(self, service: Service, url: str, folder: Path) -> None:
        """With a new key, whose file is written into the folder."""
        self.service = service
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.given: dict[str, float] = {}
        pem = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        account = {
            "type": "service_account",
            "project_id": "daglab-tests",
            "private_key_id": KEY_ID,
            "private_key": pem.decode(),
            "client_email": EMAIL,
            "client_id": "1",
            "token_uri": f"{url}/token",
            "universe_domain": "googleapis.com",
        }
        (folder / "service-account.json").write_text(json.dumps(account, indent=2))
        (folder / "subject-token").write_text(SUBJECT_TOKEN)
        external = {
            "type": "external_account",
            "audience": AUDIENCE,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{url}/v1/token",
            "service_account_impersonation_url": (
                f"{url}/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken"
            ),
            "credential_source": {"file": str(folder / "subject-token")},
        }
        (folder / "external-account.json").write_text(json.dumps(external, indent=2))

    def sign(self, payload: bytes) -> bytes:
        return self.key.sign(payload, padding.PKCS1v15(), hashes.SHA256())

    def is_ours(self, signature: bytes, payload: bytes) -> bool:
        try:
            public = self.key.public_key()
            public.verify(signature, payload, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    def claims(self, jwt: str) -> dict[str, Any] | None:
        """What the account says in a token that it has signed, if it is valid now."""
        try:
            head, body, signature = jwt.split(".")
            header, claims = json.loads(unpadded(head)), json.loads(unpadded(body))
            signed = self.is_ours(unpadded(signature), f"{head}.{body}".encode())
        except ValueError:
            return None
        now = self.service.now()
        valid = (
            signed
            and header.get("alg") == "RS256"
            and claims.get("iss") == EMAIL
            and claims.get("iat", now) - SKEW <= now <= claims.get("exp", 0)
        )
        return claims if valid else None

    def give(self) -> str:
        token = f"ya29.{secrets.token_urlsafe(24)}"
        self.given[token] = self.service.now() + 3600
        return token

    def admits(self, request: Request) -> bool:
        """Whether the request has a token that is good for objects."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        if token in self.given:
            return self.service.now() < self.given[token]
        claims = self.claims(token) or {}
        scopes = str(claims.get("scope", "")).split()
        return any(
            scope.endswith(("/cloud-platform", "/devstorage.full_control")) for scope in scopes
        )

    def answer(self, request: Request) -> Answer | None:
        """The token endpoints and IAM; nothing for what belongs to storage."""
        if request.method != "POST":
            return None
        if request.path in ("/token", "/v1/token"):
            return self.exchange(parse_qs(request.body.read().decode()))
        match = re.fullmatch(r"/v1/projects/-/serviceAccounts/([^/]+):(\w+)", unquote(request.path))
        if match is None:
            return None
        if not self.admits(request):
            return as_json({"error": {"code": 401, "status": "UNAUTHENTICATED"}}, 401)
        if match[1] != EMAIL:
            return as_json({"error": {"code": 403, "status": "PERMISSION_DENIED"}}, 403)
        if match[2] == "generateAccessToken":
            end = stamped(self.service.now() + 3600)
            return as_json({"accessToken": self.give(), "expireTime": f"{end:%Y-%m-%dT%H:%M:%SZ}"})
        if match[2] == "signBlob":
            payload = base64.b64decode(json.load(request.body)["payload"])
            signed = base64.b64encode(self.sign(payload)).decode()
            return as_json({"keyId": KEY_ID, "signedBlob": signed})
        return as_json({"error": {"code": 404, "status": "NOT_FOUND"}}, 404)

    def exchange(self, form: dict[str, list[str]]) -> Answer:
        asked = {name: values[0] for name, values in form.items()}
        kind = asked.get("grant_type", "").rsplit(":", 1)[-1]
        if kind == "jwt-bearer":
            admitted = self.claims(asked.get("assertion", "")) is not None
        else:
            admitted = (
                kind == "token-exchange"
                and asked.get("subject_token") == SUBJECT_TOKEN
                and asked.get("audience") == AUDIENCE
            )
        if not admitted:
            return as_json(
                {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400
            )
        return as_json(
            {
                "access_token": self.give(),
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
                "token_type": "Bearer",
                "expires_in": 3600,
            }
        )

    def verify_signed_address(self, request: Request) -> None:
        """A V4 signature, its dates, and its signer."""
        query = request.query
        credential = unquote(query.get("X-Goog-Credential", ""))
        stamp, expires = query.get("X-Goog-Date", ""), query.get("X-Goog-Expires", "")
        scope = f"{stamp[:8]}/auto/storage/goog4_request"
        if query["X-Goog-Algorithm"] != "GOOG4-RSA-SHA256" or not expires.isdigit():
            raise Refused(400, "InvalidArgument", "Invalid argument.")
        if credential != f"{EMAIL}/{scope}":
            raise Refused(403, "SignatureDoesNotMatch", "Access denied.")
        try:
            signed = datetime.datetime.strptime(stamp, STAMP).replace(tzinfo=datetime.timezone.utc)
        except ValueError:
            raise Refused(400, "InvalidArgument", "Invalid argument.") from None
        if int(expires) > 604800 or signed.timestamp() > self.service.now() + SKEW:
            raise Refused(400, "InvalidArgument", "Invalid argument.")
        end = signed.timestamp() + int(expires)
        if self.service.now() > end:
            raise Refused(
                400,
                "ExpiredToken",
                "Invalid argument.",
                f"<Details>Request signature expired at: {stamped(end).isoformat()}</Details>",
            )
        names = query.get("X-Goog-SignedHeaders", "").split(";")
        pairs = sorted(
            (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
            for name, value in parse_qsl(request.raw_query, keep_blank_values=True)
            if name != "X-Goog-Signature"
        )
        for host in (request.headers["host"], HOST):
            headers = {**request.headers, "host": host}
            lines = [f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in names]
            canonical = "\n".join(
                [
                    request.method,
                    request.path,
                    "&".join(f"{name}={value}" for name, value in pairs),
                    "".join(lines),
                    ";".join(names),
                    "UNSIGNED-PAYLOAD",
                ]
            )
            digest = hashlib.sha256(canonical.encode()).hexdigest()
            text = f"GOOG4-RSA-SHA256\n{stamp}\n{scope}\n{digest}"
            try:
                signature = bytes.fromhex(query.get("X-Goog-Signature", ""))
            except ValueError:
                break
            if "host" in names and self.is_ours(signature, text.encode()):
                return
        raise Refused(403, "SignatureDoesNotMatch", "Access denied.")
