"""A first run is waited for, and what it waits for is said."""

from __future__ import annotations

from typing import Any

import pytest

from cli.run_wait import wait_for_run
from tests.unit.cli.test_run_watch import FakeAccount


class Curating(FakeAccount):
    """No run at first: the lake is empty, then curated in vain, then with success, then a run."""

    def __init__(self, *statuses: str) -> None:
        super().__init__([{}])
        self._statuses = statuses

    def _list_executions(self, **asked: Any) -> dict[str, Any]:
        return super()._list_executions() if self.number >= len(self._statuses) else _NONE

    def list_executions(self, **asked: Any) -> dict[str, Any]:
        assert asked["stateMachineArn"] == "arn:curate"
        status = self._statuses[self.number]
        return {"executions": [{"status": status, "executionArn": "arn:c"}]} if status else _NONE

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        assert executionArn == "arn:c"
        return {"status": "FAILED", "executionArn": "arn:c", "error": "E", "cause": "it broke"}


_NONE: dict[str, Any] = {"executions": []}


def waited(account: FakeAccount, minutes: int) -> tuple[str, list[str]]:
    said: list[str] = []

    def pause(seconds: float) -> None:
        account.number += 1

    return wait_for_run(account, minutes, said.append, pause).name, said


def test_a_first_run_is_waited_for() -> None:
    name, said = waited(Curating("", "", "FAILED", "RUNNING", "RUNNING", "SUCCEEDED"), 1)
    assert name == "run-1"
    assert [line.partition("most: ")[2] for line in said] == [
        "waiting for documents in the lake; one starts once they are a dataset version, or by "
        "`meguru run start`",
        "the last curation failed, waiting for another: E: it broke (the execution arn:c)",
        "waiting for the lake's documents to be curated; one starts once they are a dataset "
        "version, or by `meguru run start`",
        "the documents are curated; waiting for a run to start, or for `meguru run start`",
    ]


def test_a_wait_ends() -> None:
    account = Curating(*["RUNNING"] * 100)
    with pytest.raises(ValueError, match=r"there is no training run of 'poc'.*waited 1 min"):
        waited(account, 1)
    assert account.number == 30
    account.number = 0
    with pytest.raises(ValueError, match="there is no training run of 'poc'"):
        waited(account, 0)
    assert account.number == 0
