"""Our signatures beside botocore's."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as TheirCredentials

from lambdas.answer_request.signed.signature import Credentials, Signer

MOMENT = datetime(2026, 11, 27, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("token", ["", "a/session+token=="])
@pytest.mark.parametrize("path", ["/", "/endpoints/text-1/invocations", "/a b/日本語~/c"])
def test_as_botocore_signs(monkeypatch: pytest.MonkeyPatch, path: str, token: str) -> None:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: MOMENT.replace(tzinfo=None))
    headers = {"host": "example.com", "content-type": "a/b", "x-amz-target": "Two   spaces "}
    body = "経費は?".encode()
    request = AWSRequest("POST", f"https://example.com{quote(path)}", headers=headers, data=body)
    theirs = TheirCredentials("AKID", "secret/+key", token or None)
    SigV4Auth(theirs, "sagemaker", "ap-northeast-1").add_auth(request)
    signer = Signer("sagemaker", "ap-northeast-1")
    ours = signer.headers(Credentials("AKID", "secret/+key", token), path, headers, body, MOMENT)
    assert ours["authorization"] == request.headers["Authorization"]
    assert ours["x-amz-date"] == request.headers["X-Amz-Date"] == "20261127T030405Z"
    assert ours.get("x-amz-security-token") == (token or None)


def test_another_day_has_another_key() -> None:
    signer, credentials = Signer("dynamodb", "us-east-1"), Credentials("AKID", "secret")
    moments = [MOMENT, MOMENT.replace(day=28), MOMENT]
    signed = [signer.headers(credentials, "/", {}, b"", one)["authorization"] for one in moments]
    assert signed[0] == signed[2] != signed[1]
