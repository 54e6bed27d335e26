"""What a request's AWS signature says: access key, session token, signing name of the service."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from moto.core.request import Request as WireRequest

from localcloud.calls import ServiceError

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/([^,\s]+)")
_SIGV2 = re.compile(r"^AWS ([^:\s]+):")


@dataclass(frozen=True)
class Signature:
    """Who signed, and for which service (its signing name)."""

    access_key_id: str
    signing_name: str
    session_token: str | None


def read_signature(request: WireRequest) -> Signature | None:
    """The signature of a request's header or presigned query; None where it has none.

    Raises ServiceError: IncompleteSignature, or AccessDenied for a presigned URL past its time.
    """
    authorization = request.headers.get("Authorization", "")
    token = request.headers.get("X-Amz-Security-Token")
    if authorization.startswith("AWS4-"):
        return _scoped(_CREDENTIAL.search(authorization), token)
    if older := _SIGV2.match(authorization):
        return Signature(older[1], "s3", token)
    arguments = request.args
    if "X-Amz-Credential" in arguments:
        _refuse_expired(_presigned_until(arguments))
        credential = _CREDENTIAL.search("Credential=" + arguments["X-Amz-Credential"])
        return _scoped(credential, arguments.get("X-Amz-Security-Token"))
    if "AWSAccessKeyId" in arguments and "Signature" in arguments:
        _refuse_expired(_number(arguments.get("Expires")))
        token = arguments.get("x-amz-security-token")
        return Signature(arguments["AWSAccessKeyId"], "s3", token)
    return None


def _scoped(credential: re.Match[str] | None, token: str | None) -> Signature:
    scope = credential[2].split("/") if credential else []
    # Signatures for many regions at once (SigV4A) name none.
    if credential is None or len(scope) not in (3, 4):
        message = "Credential must be ACCESS_KEY/DATE/REGION/SERVICE/aws4_request"
        raise ServiceError("IncompleteSignature", message, 400)
    return Signature(credential[1], scope[-2], token)


def _presigned_until(arguments: object) -> float:
    date = arguments.get("X-Amz-Date", "")  # type: ignore[attr-defined]
    try:
        signed = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        message = f"X-Amz-Date must look like 20250131T235959Z, not {date!r}"
        raise ServiceError("AuthorizationQueryParametersError", message) from error
    return signed + _number(arguments.get("X-Amz-Expires"))  # type: ignore[attr-defined]


def _number(value: str | None) -> float:
    if value is None or not value.isdecimal():
        message = f"X-Amz-Expires must be a number of seconds, not {value!r}"
        raise ServiceError("AuthorizationQueryParametersError", message)
    return float(value)


def _refuse_expired(until: float) -> None:
    # Clients sign with real time, so real time decides, not the cloud's.
    if time.time() > until:
        raise ServiceError("AccessDenied", "Request has expired", 403)
