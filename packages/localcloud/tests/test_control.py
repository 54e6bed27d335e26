"""The cloud's own addresses."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from moto.core.request import Request as HttpRequest

from localcloud.account import Account
from localcloud.cloud import Cloud
from localcloud.service import Control, Service
from localcloud.wire.json_body import json_body


class Jobs(Service):
    service_name = "sagemaker"

    def controls(self) -> Mapping[tuple[str, str], Control]:
        return {("POST", "/_localcloud/spot/reclaim"): self._reclaim}

    def _reclaim(self, request: HttpRequest) -> dict[str, Any]:
        name = json_body(request)["training_job"]
        if name != "spot":
            raise ValueError(f"no training job {name} runs on spot capacity")
        return {"training_job": name}


class Stacks(Service):
    service_name = "cloudformation"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.received: dict[str, bytes] = {}

    def controls(self) -> Mapping[tuple[str, str], Control]:
        return {("PUT", "/_localcloud/cfn-response/"): self._receive}

    def _receive(self, request: HttpRequest) -> dict[str, Any]:
        token = request.path.rpartition("/")[2]
        if token == "unknown":
            raise ValueError("nobody waits for this response")
        self.received[token] = request.get_data()
        return {}


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with Cloud(services=[Jobs, Stacks], work_dir=tmp_path) as running:
        yield running


def ask(
    cloud: Cloud, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"{cloud.endpoint_url}/_localcloud/{path}", data=body, method=method, headers=headers
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            status, answer = response.status, response.read()
    except urllib.error.HTTPError as error:
        status, answer = error.code, error.read()
    return status, json.loads(answer) if answer else None


def test_health_says_where_one_is(cloud: Cloud) -> None:
    expected = {"status": "running", "account": cloud.account.id, "region": cloud.region}
    assert ask(cloud, "GET", "health") == (200, expected)


def test_the_clock_goes_forward(cloud: Cloud) -> None:
    before = cloud.clock.time()
    status, _ = ask(cloud, "POST", "clock", b'{"advance_seconds": 3600}')
    assert status == 200
    assert 3600 <= cloud.clock.time() - before < 3660


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"advance_seconds": -1}',
        b'{"advance_seconds": "1"}',
        b'{"advance_seconds": true}',
        b'{"advance_seconds": null}',
        b'{"advance_seconds": 1e300}',
        b'{"advance_seconds": NaN}',
        b"\xff",
    ],
)
def test_a_bad_advance_changes_nothing(cloud: Cloud, body: bytes) -> None:
    before = cloud.clock.time()
    status, answer = ask(cloud, "POST", "clock", body)
    assert status == 400
    assert answer["message"]
    assert cloud.clock.time() - before < 5


def test_spot_capacity_is_reclaimed(cloud: Cloud) -> None:
    assert ask(cloud, "POST", "spot/reclaim", b'{"training_job": "spot"}')[0] == 200
    status, answer = ask(cloud, "POST", "spot/reclaim", b'{"training_job": "other"}')
    assert (status, answer["message"]) == (400, "no training job other runs on spot capacity")
    assert ask(cloud, "POST", "spot/reclaim", b'{"training_job": 7}')[0] == 400


def test_a_service_answers_below_its_path(cloud: Cloud) -> None:
    stacks = cloud.service(Stacks)
    assert ask(cloud, "PUT", "cfn-response/abc", b'{"Status": "SUCCESS"}')[0] == 200
    assert stacks.received == {"abc": b'{"Status": "SUCCESS"}'}
    assert ask(cloud, "PUT", "cfn-response/unknown", b"{}")[0] == 400
    assert ask(cloud, "GET", "cfn-response/abc")[0] == 404


def test_other_addresses_are_refused_with_those_there_are(cloud: Cloud) -> None:
    status, answer = ask(cloud, "GET", "clock")
    assert status == 404
    assert "POST /_localcloud/clock" in answer["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "https://evil.example"},
    ],
)
def test_a_page_of_the_web_can_ask_nothing(cloud: Cloud, headers: dict[str, str]) -> None:
    before = cloud.clock.time()
    status, _ = ask(cloud, "POST", "clock", b'{"advance_seconds": 3600}', **headers)
    assert status == 403
    assert cloud.clock.time() - before < 60
