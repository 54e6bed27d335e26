"""Where code comes from: inline text, zips, objects, and what is refused."""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from localcloud.calls import ServiceError
from localcloud.functions.code import fetch_code

INLINE = b"""
import cfnresponse
def handler(event, context):
    cfnresponse.send(event, context, cfnresponse.SUCCESS, {"answer": "\xe7\xad\x94"}, "physical")
"""
INLINE_NODE = b"""
const response = require("cfn-response");
exports.handler = (event, context) =>
  response.send(event, context, response.FAILED, { answer: "x" });
"""


class Answers(http.server.BaseHTTPRequestHandler):
    received: list[dict[str, Any]] = []  # noqa: RUF012 (one server a test)

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append(json.loads(content))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def response_url() -> Any:
    Answers.received.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/answer?signature=a"
        server.shutdown()


@pytest.mark.parametrize(
    ("runtime", "code", "status"),
    [("python3.13", INLINE, "SUCCESS"), ("nodejs22.x", INLINE_NODE, "FAILED")],
)
def test_inline_code_answers_custom_resources(
    account: Any, response_url: str, runtime: str, code: bytes, status: str
) -> None:
    name = account.function("", Runtime=runtime, Code={"ZipFile": code})
    request = {
        "ResponseURL": response_url,
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Thing",
    }
    account.invoke(name, request)
    assert Answers.received[0]["Status"] == status
    assert Answers.received[0]["LogicalResourceId"] == "Thing"
    assert Answers.received[0]["Data"]["answer"] in ("答", "x")


def test_code_from_an_object_and_its_update(account: Any) -> None:
    s3 = account.cloud.client("s3")
    s3.create_bucket(Bucket="code")
    name = account.function("def handler(e, c): return 1")
    assert account.invoke(name) == 1
    from_conftest = account.archive({"index.py": "def handler(e, c): return 2"})
    s3.put_object(Bucket="code", Key="k.zip", Body=from_conftest)
    account.api.update_function_code(FunctionName=name, S3Bucket="code", S3Key="k.zip")
    assert account.invoke(name) == 2


class FakeAccount:
    """What `fetch_code` needs of an account: here, assets that are given."""

    def __init__(self, assets: dict[str, Path]) -> None:
        self.assets = self
        self.file_asset = assets.get


def test_an_asset_is_used_where_it_lies(tmp_path: Path) -> None:
    asset = tmp_path / "asset"
    asset.mkdir()
    (asset / "index.py").write_text("x = 1")
    account: Any = FakeAccount({"key.zip": asset})
    source = {"S3Bucket": "assets", "S3Key": "key.zip"}
    code = fetch_code(account, source, tmp_path / "unused", "python3.12")
    assert (code.folder, code.size) == (asset, 5)
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ({"ZipFile": b"PK\x03\x04\x00broken"}, "unzip"),
        ({}, "must be"),
        ({"ImageUri": "i"}, "must be"),
    ],
)
def test_what_is_no_code_is_refused(tmp_path: Path, source: dict[str, Any], reason: str) -> None:
    with pytest.raises(ServiceError, match=reason):
        fetch_code(FakeAccount({}), source, tmp_path / "code", "python3.12")  # type: ignore[arg-type]


def test_a_zip_stays_in_its_folder(account: Any, tmp_path: Path) -> None:
    content = account.archive({"../../outside.py": "x", "index.py": "y"})
    fetch_code(FakeAccount({}), {"ZipFile": content}, tmp_path / "a" / "code", "python3.12")  # type: ignore[arg-type]
    assert not (tmp_path / "outside.py").exists()
    assert (tmp_path / "a" / "code" / "index.py").read_text() == "y"
