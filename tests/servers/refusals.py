"""What the stores of tests/servers say to clients that are not ours.

    refusals.py s3 URL REGION BUCKET KEY              what botocore meets, and an address it signs
    refusals.py gcs URL BUCKET KEY ACCOUNT-FILE       what tokens meet, and an address

Prints one JSON object: `codes` by the name of the case, and `address`, which is good for ten
minutes.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import sys
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

import s3


def of_s3(url: str, region: str, bucket: str, key: str) -> dict[str, Any]:
    """botocore as it comes, but without another try."""

    def client(access: str, secret: str, token: str | None = None, at: str = region) -> Any:
        config = Config(signature_version="s3v4", retries={"max_attempts": 0})
        return botocore.session.get_session().create_client(
            "s3",
            region_name=at,
            endpoint_url=url,
            aws_access_key_id=access,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=config.merge(Config(s3={"addressing_style": "path"})),
        )

    good = client(s3.ACCESS_KEY, s3.SECRET_KEY)
    clients = {
        "good": good,
        "unknown key": client("AKIANOBODY", s3.SECRET_KEY),
        "wrong secret": client(s3.ACCESS_KEY, "wrong"),
        "wrong region": client(s3.ACCESS_KEY, s3.SECRET_KEY, at="us-west-2"),
        "temporary": client(s3.TEMPORARY_KEY, s3.TEMPORARY_SECRET, s3.TOKEN),
        "temporary without its token": client(s3.TEMPORARY_KEY, s3.TEMPORARY_SECRET),
        "temporary with another token": client(s3.TEMPORARY_KEY, s3.TEMPORARY_SECRET, "other"),
    }

    def code(client: Any, bucket: str) -> str:
        try:
            client.list_objects_v2(Bucket=bucket)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "OK"

    codes = {name: code(it, bucket) for name, it in clients.items()}
    codes["missing bucket"] = code(good, "missing-bucket")
    place = {"Bucket": bucket, "Key": key}
    address = good.generate_presigned_url("get_object", Params=place, ExpiresIn=600)
    return {"codes": codes, "address": address}


def of_gcs(url: str, bucket: str, key: str, account_file: str) -> dict[str, Any]:
    """As Google documents both, signed with the account's key or with another."""
    with open(account_file) as file:
        account = json.load(file)
    email = account["client_email"]
    ours = serialization.load_pem_private_key(account["private_key"].encode(), None)
    assert isinstance(ours, rsa.RSAPrivateKey)
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def signed(text: str, by: rsa.RSAPrivateKey) -> bytes:
        return by.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())

    def token(by: rsa.RSAPrivateKey, **more: Any) -> str:
        now = int(time.time())
        scope = "https://www.googleapis.com/auth/cloud-platform"
        claims = {"iss": email, "sub": email, "scope": scope, "iat": now, "exp": now + 3600}
        parts = [json.dumps(it).encode() for it in ({"alg": "RS256"}, {**claims, **more})]
        text = b".".join(base64.urlsafe_b64encode(it).rstrip(b"=") for it in parts).decode()
        return f"{text}.{base64.urlsafe_b64encode(signed(text, by)).rstrip(b'=').decode()}"

    def code(token: str | None) -> str:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(f"{url}/{bucket}?list-type=2", headers=headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return str(answer.status)
        except urllib.error.HTTPError as error:
            return str(error.code)

    codes = {
        "good": code(token(ours)),
        "of another key": code(token(other)),
        "of another account": code(token(ours, iss="somebody@example.com")),
        "expired": code(token(ours, exp=int(time.time()) - 1)),
        "without a scope": code(token(ours, scope="")),
        "made up": code("ya29.something"),
        "anonymous": code(None),
    }
    stamp = f"{datetime.datetime.now(datetime.timezone.utc):%Y%m%dT%H%M%SZ}"
    scope = f"{stamp[:8]}/auto/storage/goog4_request"
    path = f"/{bucket}/{quote(key, safe='/-_.~')}"
    parts = {
        "X-Goog-Algorithm": "GOOG4-RSA-SHA256",
        "X-Goog-Credential": f"{email}/{scope}",
        "X-Goog-Date": stamp,
        "X-Goog-Expires": "600",
        "X-Goog-SignedHeaders": "host",
    }
    query = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in parts.items())
    host = url.removeprefix("http://")
    lines = ["GET", path, query, f"host:{host}\n", "host", "UNSIGNED-PAYLOAD"]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    signature = signed(f"GOOG4-RSA-SHA256\n{stamp}\n{scope}\n{digest}", ours).hex()
    return {"codes": codes, "address": f"{url}{path}?{query}&X-Goog-Signature={signature}"}


if __name__ == "__main__":
    cloud, *arguments = sys.argv[1:]
    print(json.dumps(of_s3(*arguments) if cloud == "s3" else of_gcs(*arguments)))
