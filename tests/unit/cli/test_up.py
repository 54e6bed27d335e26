"""What `meguru up` prints to paste, and that only one runs."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.account import Account
from cli.cloud_process import CloudFailed
from cli.loop import Loop, LoopFailed
from cli.progress import Progress
from cli.synthesis import REPOSITORY
from cli.up import Up, commands, commands_without_a_model, embedding_commands, only_one

STUB = """#!/bin/sh
for word in "$@"; do printf '%s\\0' "$word"; done
"""


class FakeAccount(Account):
    """An account with these outputs and this key."""

    outputs = {  # noqa: RUF012
        "ApiBase": "http://127.0.0.1:4566/_aws/execute-api/x/poc/v1",
        "ModelName": "meguru-text",
        "ModelPackageGroup": "meguru-poc--meguru-text",
        "LakeBucket": "the-lake",
    }
    api_key = "it's a 'key' $HOME"


@pytest.fixture
def shell(tmp_path: Path) -> Any:
    """Run a command line in a shell that has only stubs; the words each was given."""
    programs = [tmp_path / "bin" / "curl"]
    programs += [tmp_path / ".venv" / "bin" / name for name in ("aws", "python")]
    for program in programs:
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(STUB)
        program.chmod(0o755)

    def run(command: str) -> list[str]:
        said = subprocess.run(
            ["sh", "-c", command],
            cwd=tmp_path,
            env={"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "HOME": "/home"},
            capture_output=True,
            check=True,
            text=True,
        )
        return said.stdout.split("\0")[:-1]

    return run


def test_commands_survive_a_shell(shell: Any) -> None:
    account = FakeAccount("poc", "http://127.0.0.1:4566")
    curl, aws, python = (shell(command) for command in commands(account))
    assert curl[0] == f"{account.outputs['ApiBase']}/chat/completions"
    assert f"Authorization: Bearer {account.api_key}" in curl
    body = json.loads(curl[curl.index("-d") + 1])
    assert body["model"] == "meguru-text"
    assert "経費" in body["messages"][0]["content"]
    assert aws[-2:] == ["--model-package-group-name", "meguru-poc--meguru-text"]
    assert aws[aws.index("--endpoint-url") + 1] == account.endpoint_url
    compile(python[1], "command", "exec")
    assert repr(account.api_key) in python[1]


def test_commands_for_vectors_survive_a_shell(shell: Any) -> None:
    account = FakeAccount("poc", "http://127.0.0.1:4566")
    curl, _, python = (shell(command) for command in embedding_commands(account, "経費は?"))
    assert curl[0] == f"{account.outputs['ApiBase']}/embeddings"
    body = json.loads(curl[curl.index("-d") + 1])
    assert body == {"model": "meguru-text", "input": "経費は?"}
    compile(python[1], "command", "exec")
    assert repr(account.api_key) in python[1]


def test_commands_of_an_empty_cloud_ask_no_model(shell: Any) -> None:
    account = FakeAccount("poc", "http://127.0.0.1:4566")
    curl, versions, documents = (shell(command) for command in commands_without_a_model(account))
    assert curl[0] == f"{account.outputs['ApiBase']}/models"
    assert f"Authorization: Bearer {account.api_key}" in curl
    assert versions[-1] == "meguru-poc--meguru-text"
    source, target = documents[-2:]
    assert (REPOSITORY / source).is_dir()
    assert re.fullmatch(r"s3://the-lake/raw/example-company/\d{4}/\d\d/\d\d/", target)


@pytest.mark.parametrize("page", ["walk-through.md", "walk-through.ja.md"])
def test_the_walk_through_puts_documents_where_the_printed_command_does(
    shell: Any, page: str
) -> None:
    text = (REPOSITORY / "docs" / page).read_text("utf-8")
    [written] = [line for line in text.splitlines() if "s3 cp --recursive" in line]
    printed = commands_without_a_model(FakeAccount("poc", "http://127.0.0.1:4566"))[-1]
    assert shell(f"lake=the-lake; {written}")[-1] == shell(printed)[-1]


def test_commands_are_printed_in_one_line_each() -> None:
    said = io.StringIO()
    command = FakeAccount("poc", "http://127.0.0.1:4566").aws_command("x [bold] " + "long " * 50)
    Progress(Console(file=said, width=40)).command(command)
    assert said.getvalue() == command + "\n\n"


class FakeLoop(Loop):
    """A loop whose model is refused by the gate, or released."""

    def __init__(self, refused: bool = False) -> None:
        super().__init__(Account("poc"))
        self._refused, self.is_released = refused, False

    def put_documents(self, folder: Path, source: str) -> list[str]:
        return []

    def dataset_version(self, after: str | None = None) -> str:
        return "v1"

    def training_run(self, dataset_version: str) -> dict[str, Any]:
        return {"executionArn": "arn:run"}

    def registered(self, execution_arn: str) -> dict[str, Any]:
        if self._refused:
            raise LoopFailed("the gate refused the model")
        return {"model_package_arn": "arn:package"}

    def approve(self, model_package_arn: str) -> None:
        pass

    def released(self, model_package_arn: str) -> None:
        self.is_released = True


class UsableDataset:
    def check_usable(self) -> None:
        pass


@pytest.fixture
def turn(
    monkeypatch: pytest.MonkeyPatch, poc: Path
) -> Callable[[dict[str, Loop]], tuple[str, str]]:
    """Turn loops; the model that commands are given for, and what is said."""
    monkeypatch.setattr("cli.up.read_dataset", lambda loop, version: UsableDataset())

    def turn(loops: dict[str, Loop]) -> tuple[str, str]:
        said = io.StringIO()
        serving = Up(Progress(Console(file=said)), poc, empty=False, port=0)._turn(loops)
        return serving, said.getvalue()

    return turn


def test_a_model_that_is_refused_stops_no_other(
    turn: Callable[[dict[str, Loop]], tuple[str, str]],
) -> None:
    bad, good = FakeLoop(refused=True), FakeLoop()
    serving, said = turn({"drafts": bad, "chat": good})
    assert "drafts does not serve: the gate refused" in said
    assert serving == "chat"
    assert (bad.is_released, good.is_released) == (False, True)


def test_without_a_model_that_serves_it_fails(
    turn: Callable[[dict[str, Loop]], tuple[str, str]],
) -> None:
    with pytest.raises(LoopFailed, match="the gate refused"):
        turn({"drafts": FakeLoop(refused=True), "chat": FakeLoop(refused=True)})


def test_only_one(tmp_path: Path) -> None:
    lock = tmp_path / "up" / "lock"
    with only_one(lock), pytest.raises(CloudFailed, match="running in this folder"), only_one(lock):
        pass
    with only_one(lock):
        pass
