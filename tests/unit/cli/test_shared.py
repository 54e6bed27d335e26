"""With whose key a command asks the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.commands.shared import reach_as_consumer
from cli.up import UP_FILE

HERE, ELSEWHERE = "http://127.0.0.1:4566", "http://127.0.0.1:9"


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The key for an address, in a folder where `meguru up` runs its cloud."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEGURU_API_KEY", raising=False)
    UP_FILE.parent.mkdir()
    UP_FILE.write_text(json.dumps({"endpoint_url": HERE, "api_key": "of-up"}))

    def find(endpoint_url: str | None, given: str = "") -> str:
        if given:
            monkeypatch.setenv("MEGURU_API_KEY", given)
        return reach_as_consumer("poc", endpoint_url).api_key

    return find


@pytest.mark.parametrize("endpoint_url", [None, HERE])
def test_the_key_of_the_cloud_that_runs_here(
    key: Callable[..., str], endpoint_url: str | None
) -> None:
    assert key(endpoint_url) == "of-up"


def test_a_key_that_is_given_counts(key: Callable[..., str]) -> None:
    assert key(HERE, "given") == key(ELSEWHERE) == "given"


def test_another_cloud_is_asked_with_no_key_of_this_one(key: Callable[..., str]) -> None:
    with pytest.raises(ValueError, match="MEGURU_API_KEY"):
        key(ELSEWHERE)
