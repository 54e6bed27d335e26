"""Uploads by an HTML form: a PutObject whose key, headers and signature are a form's fields.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from botocore.utils import parse_timestamp
from moto.core.request import Request as WireRequest
from werkzeug.exceptions import HTTPException

from localcloud.calls import ServiceError
from localcloud.wire.protocol import Reply

# What a policy needn't mention.
_FREE = {"policy", "x-amz-signature", "signature", "awsaccesskeyid", "file"}
_HEADERS = {
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-type",
    "expires",
}


@dataclass(frozen=True)
class FormUpload:
    """The PutObject that a form asks for, and how the form's sender wants to be answered."""

    request: WireRequest
    bucket: str
    key: str
    fields: dict[str, str]

    def answer(self, reply: Reply) -> Reply:
        """The answer to the form, from the one to the PutObject."""
        if reply.status >= 300:
            return reply
        etag = reply.headers.get("ETag", reply.headers.get("etag", ""))
        headers = {"ETag": etag, "Location": f"{self.request.host_url}{self.bucket}/{self.key}"}
        if redirect := self.fields.get("success_action_redirect"):
            query = f"bucket={quote(self.bucket)}&key={quote(self.key)}&etag={quote(etag)}"
            headers["Location"] = f"{redirect}{'&' if '?' in redirect else '?'}{query}"
            return Reply(303, headers, b"")
        asked = self.fields.get("success_action_status", "204")
        if asked != "201":
            return Reply(200 if asked == "200" else 204, headers, b"")
        members = {"Location": headers["Location"], "Bucket": self.bucket, "Key": self.key}
        written = "".join(f"<{n}>{escape(v)}</{n}>" for n, v in (members | {"ETag": etag}).items())
        body = f'<?xml version="1.0" encoding="UTF-8"?><PostResponse>{written}</PostResponse>'
        return Reply(201, headers | {"Content-Type": "application/xml"}, body.encode())


def is_form_upload(request: WireRequest) -> bool:
    """Whether a request is a form that no header signs."""
    is_form = request.method == "POST" and request.mimetype == "multipart/form-data"
    return is_form and "Authorization" not in request.headers


def read_form_upload(request: WireRequest) -> FormUpload:
    """What a form asks for. ServiceError where it isn't one of S3, or breaks its own policy."""
    try:
        fields = {name.lower(): value for name, value in request.form.items()}
        file = request.files.get("file")
    except HTTPException as error:  # too many parts, or a field longer than any header
        message = f"The form can't be read: {error.description}"
        raise ServiceError("MalformedPOSTRequest", message) from error
    body = file.stream.read() if file else fields.get("file", "").encode()
    if "key" not in fields:
        message = "Bucket POST must contain a field named 'key'."
        raise ServiceError("InvalidArgument", message)
    bucket = request.path.strip("/")
    if not bucket or "/" in bucket:
        message = "The specified method is not allowed against this resource."
        raise ServiceError("MethodNotAllowed", message, 405)
    key = fields["key"].replace("${filename}", (file and file.filename) or "")
    if "policy" in fields:
        _check_policy(fields["policy"], {**fields, "bucket": bucket}, len(body))
    url = f"{request.host_url}{quote(bucket)}/{quote(key)}"
    put = WireRequest.from_primitives("PUT", url, _headers(fields), body)
    put.environ["REMOTE_ADDR"] = request.remote_addr or "127.0.0.1"
    return FormUpload(put, bucket, key, fields)


def _headers(fields: dict[str, str]) -> dict[str, str]:
    headers = {n: v for n, v in fields.items() if n in _HEADERS or n.startswith("x-amz-meta-")}
    passed = ("x-amz-server-side", "x-amz-storage-class", "x-amz-checksum", "x-amz-security-token")
    headers |= {name: value for name, value in fields.items() if name.startswith(passed)}
    if "acl" in fields:
        headers["x-amz-acl"] = fields["acl"]
    if "policy" not in fields:
        return headers
    if credential := fields.get("x-amz-credential"):
        headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}"
    elif access_key_id := fields.get("awsaccesskeyid"):
        headers["Authorization"] = f"AWS {access_key_id}:{fields.get('signature', '')}"
    return headers


def _check_policy(encoded: str, fields: dict[str, str], size: int) -> None:
    try:
        policy = json.loads(base64.b64decode(encoded))
        until = parse_timestamp(policy["expiration"]).timestamp()
        conditions = [_condition(written) for written in policy["conditions"]]
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        message = f"Invalid Policy: {error}"
        raise ServiceError("InvalidPolicyDocument", message) from error
    if time.time() > until:
        raise _refused("Policy expired.")
    for operator, name, wanted in conditions:
        if operator == "content-length-range":
            _check_size(size, int(name), int(wanted))
            continue
        actual = fields.get(name.lstrip("$").lower(), "")
        if not (actual.startswith(wanted) if operator == "starts-with" else actual == wanted):
            raise _refused(f'Policy Condition failed: ["{operator}", "{name}", "{wanted}"]')
    named = {name.lstrip("$").lower() for _, name, _ in conditions} | _FREE | {"bucket"}
    extra = sorted(n for n in fields if n not in named and not n.startswith("x-ignore-"))
    if extra:
        raise _refused(f"Extra input fields: {', '.join(extra)}")


def _condition(written: Any) -> tuple[str, str, str]:
    if isinstance(written, dict):
        [(name, wanted)] = written.items()
        return "eq", f"${name}", str(wanted)
    operator, name, wanted = (str(part) for part in written)
    if operator.lower() not in ("eq", "starts-with", "content-length-range"):
        raise ValueError(f"unknown condition {operator!r}")
    if operator.lower() == "content-length-range" and not (name + wanted).isdecimal():
        raise ValueError(f"content-length-range takes two numbers of bytes, not {name}, {wanted}")
    return operator.lower(), name, wanted


def _check_size(size: int, least: int, most: int) -> None:
    if size > most:
        message = "Your proposed upload exceeds the maximum allowed size"
        raise ServiceError("EntityTooLarge", message, ProposedSize=size, MaxSizeAllowed=most)
    if size < least:
        message = "Your proposed upload is smaller than the minimum allowed size"
        raise ServiceError("EntityTooSmall", message, ProposedSize=size, MinSizeAllowed=least)


def _refused(reason: str) -> ServiceError:
    return ServiceError("AccessDenied", f"Invalid according to Policy: {reason}", 403)
