"""What `meguru destroy` does beside unmaking what runs have made."""

from __future__ import annotations

from typing import Any

import pytest

from cli.account import Account
from cli.destroy import Destruction
from cli.leftovers import API_KEY, Leftover
from stacks.environment import Environment

MODELS: Any = {"a": {}}
FOUND = [Leftover(API_KEY, "id-1", "app"), Leftover("KMS key", "id-2")]


class NothingLeft:
    """All that runs had made is gone."""

    def __init__(self, *arguments: Any, **settings: Any) -> None: ...

    def step(self) -> list[str]:
        return []


class FakeAccount(Account):
    def __init__(self, stacks: dict[str, dict[str, str]]) -> None:
        super().__init__("poc")
        self._there, self.deleted = stacks, list[str]()

    def stacks(self) -> dict[str, dict[str, str]]:
        return self._there

    def client(self, service: str) -> Any:
        return self

    def delete_api_key(self, **request: Any) -> None:
        self.deleted.append(request["apiKey"])


@pytest.mark.parametrize(
    ("stacks", "deleted"),
    [
        ({}, ["id-1"]),
        ({"Meguru-poc-Lake": {"LakeBucket": "b"}}, ["id-1"]),
        ({"Meguru-poc-Api": {"ApiBase": "https://a"}}, []),
    ],
)
def test_consumers_keys_go_once_the_api_is_gone(
    monkeypatch: pytest.MonkeyPatch, stacks: dict[str, dict[str, str]], deleted: list[str]
) -> None:
    monkeypatch.setattr("cli.destroy.Unmaking", NothingLeft)
    account = FakeAccount(stacks)
    Destruction(account, Environment(name="poc", models=MODELS), FOUND).run(print)
    assert account.deleted == deleted
