"""`meguru run start` starts every model's run, and one that can't be keeps no other from it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from cli.account import Account
from cli.run_start import start_runs

LAKE = {
    "datasets/text/HEAD": {"version": "v2"},
    "datasets/text/v2/manifest.json": {"rows": "r2"},
}


class FakeAccount(Account):
    """Three models; runs of those in `broken` can't be started."""

    def __init__(self, lake: dict[str, Any], broken: tuple[str, ...] = ()) -> None:
        super().__init__("poc", "http://127.0.0.1:9")
        self._lake, self._broken = lake, broken
        self.started: dict[str, Any] = {}

    def stacks(self) -> dict[str, dict[str, str]]:
        models = {
            f"Meguru-poc-Model-{name}": {"ModelName": name, "TrainAndRegisterArn": f"arn:{name}"}
            for name in ("c", "a", "b")
        }
        return {"Meguru-poc-Lake": {"LakeBucket": "lake"}, **models}

    @property
    def outputs(self) -> dict[str, str]:
        return {"LakeBucket": "lake"}

    def client(self, service: str) -> Any:
        return self

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        if Key not in self._lake:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "no"}}, "GetObject")
        return {"Body": io.BytesIO(json.dumps(self._lake[Key]).encode())}

    def start_execution(self, **asked: str) -> dict[str, str]:
        model = asked["stateMachineArn"].removeprefix("arn:")
        if model in self._broken:
            raise ClientError(
                {"Error": {"Code": "AccessDenied", "Message": "no"}}, "StartExecution"
            )
        self.started[model] = json.loads(asked["input"])["detail"]
        return {"executionArn": f"arn:x:{model}-run"}


def start(account: FakeAccount, *models: str) -> tuple[bool, list[str]]:
    console = Console(file=io.StringIO(), width=200)
    are_started = start_runs(account, models, console)
    file = console.file
    assert isinstance(file, io.StringIO)
    return are_started, file.getvalue().splitlines()


def test_all_models_are_started_on_the_newest_rows() -> None:
    account = FakeAccount(LAKE)
    assert start(account) == (True, ["a: a-run", "b: b-run", "c: c-run"])
    detail = {"version": "v2", "rows": "r2", "reason": "manual"}
    assert account.started == dict.fromkeys("abc", detail)


def test_one_that_is_not_started_keeps_no_other_from_it() -> None:
    account = FakeAccount(LAKE, broken=("a",))
    are_started, said = start(account)
    assert not are_started
    assert said[0].startswith("a: not started: ")
    assert "these credentials may not call StartExecution" in said[0]
    assert set(account.started) == {"b", "c"}


def test_those_that_are_named_are_started() -> None:
    account = FakeAccount(LAKE)
    assert start(account, "b")[0]
    assert set(account.started) == {"b"}
    with pytest.raises(ValueError, match="no model d: there are a, b, c"):
        start(account, "b", "d")
    assert set(account.started) == {"b"}


def test_without_a_dataset_nothing_is_started() -> None:
    account = FakeAccount({})
    with pytest.raises(ValueError, match="no dataset version yet"):
        start(account)
    assert account.started == {}
