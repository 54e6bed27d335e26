"""Uploads by an HTML form, as browsers and boto3's presigned posts make them."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.calls import Caller
from localcloud.cloud import Cloud

MakeRole = Callable[..., Caller]
_BOUNDARY = "form-boundary"


@pytest.fixture
def s3(ground: Cloud) -> Any:
    client = ground.client("s3")
    client.create_bucket(Bucket="lake")
    return client


def post(url: str, fields: dict[str, str], body: bytes = b"hello") -> tuple[int, Any, str]:
    """Status, headers and body of the answer to a form."""
    head = "".join(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="photo.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    data = head.encode() + body + f"\r\n--{_BOUNDARY}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    request = urllib.request.Request(url, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


def presigned(s3: Any, *conditions: Any, **fields: str) -> tuple[str, dict[str, str]]:
    made = s3.generate_presigned_post(
        "lake", "in/${filename}", fields, [*conditions, *({n: v} for n, v in fields.items())]
    )
    return made["url"], made["fields"]


def test_a_presigned_form_puts_the_object_it_describes(s3: Any) -> None:
    url, fields = presigned(s3, **{"Content-Type": "image/png", "x-amz-meta-who": "aki"})
    status, headers, _ = post(url, fields)
    found = s3.get_object(Bucket="lake", Key="in/photo.png")
    assert (status, headers["ETag"]) == (204, found["ETag"])
    assert found["Body"].read() == b"hello"
    assert (found["ContentType"], found["Metadata"]) == ("image/png", {"who": "aki"})


def test_the_form_says_how_it_is_answered(s3: Any) -> None:
    url, fields = presigned(s3, success_action_status="201")
    status, _, body = post(url, fields)
    assert status == 201
    assert "<Bucket>lake</Bucket><Key>in/photo.png</Key>" in body


@pytest.mark.parametrize(
    ("condition", "size", "expected"),
    [
        (["content-length-range", 1, 10], 11, (400, "EntityTooLarge")),
        (["content-length-range", 6, 10], 5, (400, "EntityTooSmall")),
        (["content-length-range", "a", "b"], 5, (400, "InvalidPolicyDocument")),
        (["starts-with", "$acl", "public"], 5, (403, "AccessDenied")),
        (["ends-with", "$acl", "public"], 5, (400, "InvalidPolicyDocument")),
        (["eq"], 5, (400, "InvalidPolicyDocument")),
        ("eq", 5, (400, "InvalidPolicyDocument")),
    ],
)
def test_a_form_that_breaks_its_policy_is_refused(
    s3: Any, condition: Any, size: int, expected: tuple[int, str]
) -> None:
    url, fields = presigned(s3, condition)
    status, _, body = post(url, fields, b"x" * size)
    assert status == expected[0]
    assert f"<Code>{expected[1]}</Code>" in body
    assert s3.list_objects_v2(Bucket="lake")["KeyCount"] == 0


@pytest.mark.parametrize(
    "policy",
    ["", "no base64", *(base64.b64encode(p).decode() for p in (b"[]", b"{}", b"nonsense"))],
)
def test_a_policy_that_makes_no_sense_is_refused(s3: Any, policy: str) -> None:
    url, fields = presigned(s3)
    status, _, body = post(url, fields | {"policy": policy})
    assert status == 400
    assert "<Code>InvalidPolicyDocument</Code>" in body


def test_a_policy_that_is_past_its_time_is_refused(s3: Any) -> None:
    url, fields = presigned(s3)
    policy = json.loads(base64.b64decode(fields["policy"]))
    policy["expiration"] = "2020-01-01T00:00:00Z"
    written = base64.b64encode(json.dumps(policy).encode()).decode()
    status, _, body = post(url, fields | {"policy": written})
    assert status == 403
    assert "Policy expired" in body


def test_a_field_that_the_policy_does_not_mention_is_refused(s3: Any) -> None:
    url, fields = presigned(s3)
    status, _, body = post(url, fields | {"x-amz-meta-more": "x"})
    assert status == 403
    assert "Extra input fields: x-amz-meta-more" in body


def test_a_form_acts_as_who_signed_it(ground: Cloud, s3: Any, make_role: MakeRole) -> None:
    url, fields = presigned(ground.client("s3", make_role("nobody")))
    status, _, body = post(url, fields)
    assert status == 403
    assert "s3:PutObject" in body


def test_nobody_uploads_where_no_policy_lets_everyone_in(s3: Any) -> None:
    url, _ = presigned(s3)
    assert post(url, {"key": "a"})[0] == 403


@pytest.mark.parametrize(
    ("path", "fields", "expected"),
    [
        ("/lake", {"acl": "private"}, (400, "InvalidArgument")),
        ("/lake/folder", {"key": "a"}, (405, "MethodNotAllowed")),
        ("/", {"key": "a"}, (405, "MethodNotAllowed")),
        (
            "/lake",
            {"key": "a", **{f"x{n}": "" for n in range(1100)}},
            (400, "MalformedPOSTRequest"),
        ),
    ],
)
def test_a_form_that_is_none_of_s3s_is_refused(
    ground: Cloud, s3: Any, path: str, fields: dict[str, str], expected: tuple[int, str]
) -> None:
    status, _, body = post(ground.endpoint_url + path, fields)
    assert status == expected[0]
    assert f"<Code>{expected[1]}</Code>" in body


def test_a_bucket_that_is_not_there_is_told(s3: Any) -> None:
    url, fields = presigned(s3)
    s3.delete_bucket(Bucket="lake")
    status, _, body = post(url, fields)
    assert status == 404
    assert "<Code>NoSuchBucket</Code>" in body
