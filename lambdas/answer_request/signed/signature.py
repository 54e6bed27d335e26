"""AWS's signature of a request: version 4, by the standard library alone.

Source: IAM user guide, "Create a signed AWS API request".
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Credentials:
    """A role's keys for a while; `token` is "" where they are a user's."""

    access_key: str
    secret_key: str
    token: str = ""


@dataclass(frozen=True)
class Signer:
    """Signs requests to one service in one region, under the name that its signatures have."""

    service: str
    region: str

    def headers(
        self,
        credentials: Credentials,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        moment: datetime | None = None,
    ) -> dict[str, str]:
        """What a POST without a query is sent with: `headers`, `host` among them, and ours.

        Their names are in lower case, and the path is as it is before it is encoded.
        """
        at = _moment(moment) if moment else _second(int(time.time()))
        signed = {**headers, "x-amz-date": at}
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        names = sorted(signed)
        lines = "".join(f"{name}:{' '.join(signed[name].split())}\n" for name in names)
        listed = ";".join(names)
        # Its segments are encoded a second time, for all services but S3.
        place = quote(quote(path))
        request = f"POST\n{place}\n\n{lines}\n{listed}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{at[:8]}/{self.region}/{self.service}/aws4_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        key = _key(credentials.secret_key, at[:8], self.region, self.service)
        signature = _hmac(key, f"{ALGORITHM}\n{at}\n{scope}\n{digest}").hex()
        signed["authorization"] = (
            f"{ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={listed}, Signature={signature}"
        )
        return signed


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    """A moment, written once for all calls of its second."""
    return _moment(datetime.fromtimestamp(seconds, UTC))


@lru_cache(maxsize=16)
def _key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
