"""The command as a person meets it: help that reads well, and one line for each trouble."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from cli.up import UP_FILE
from tests.unit.cli.test_leftovers import FakeAccount


@pytest.fixture
def meguru(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command in an empty folder, without an AWS account."""
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("cli.main.end_on_signals", lambda **options: None)
    return lambda *words: CliRunner().invoke(app, words)


def complaint(result: Result) -> str:
    """The one line a command failed with."""
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    lines = result.output.strip().split("\n")
    assert len(lines) == 1 and lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize("words", [("--help",), ("demo", "--help"), ("up", "--help"), ()])
def test_help(meguru: Callable[..., Result], words: tuple[str, ...]) -> None:
    said = meguru(*words).output
    assert "Usage" in said and "\033" not in said


def test_lineage_with_nothing_running(meguru: Callable[..., Result]) -> None:
    said = complaint(meguru("lineage", "chatcmpl-1"))
    assert said.startswith(
        "error: no local cloud was started from this folder: run `meguru up` here, or give "
        "--endpoint-url; for an AWS account"
    )
    assert ".." not in said and ".)" not in said


@pytest.mark.parametrize(
    "name",
    ["", " ", "chatcmpl-1 ", "a b", "chatcmpl-1\n", "\x1b[31m", "\0", "質問", "\udc80", "a" * 201],
    ids=ascii,
)
def test_lineage_of_what_is_no_id(meguru: Callable[..., Result], name: str) -> None:
    said = complaint(meguru("lineage", name, "--endpoint-url", "http://127.0.0.1:9"))
    assert said.startswith(f"error: {name[:60]!a} is no id of an answer: ")
    assert said.isascii() and said.isprintable()


@pytest.mark.parametrize("words", [(), ("--endpoint-url",)])
def test_lineage_of_a_cloud_that_is_gone(
    meguru: Callable[..., Result], words: tuple[str, ...], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"http://127.0.0.1:{gone.getsockname()[1]}"
    UP_FILE.parent.mkdir()
    UP_FILE.write_text(json.dumps({"endpoint_url": address}))
    more = (*words, address) if words else ()
    said = complaint(meguru("lineage", "chatcmpl-1", *more))
    assert address in said and "meguru up" in said


def test_leftovers_of_an_unknown_name(
    meguru: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.commands.shared.Account", FakeAccount)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    result = meguru("leftovers", "--environment-name", "pok")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Nothing is there of 'pok' in the local cloud at http://127.0.0.1:9" in result.stderr
    assert "is no environment's name" in complaint(meguru("leftovers", "--environment-name", "P"))


@pytest.mark.parametrize("address", ["here", "ftp://x", "http://", "http://x y", "http://x/v1"])
@pytest.mark.parametrize("words", [("lineage", "chatcmpl-1"), ("run", "list"), ("ask", "hi")])
def test_what_is_no_address(
    meguru: Callable[..., Result], words: tuple[str, ...], address: str
) -> None:
    said = complaint(meguru(*words, "--endpoint-url", address))
    assert f"--endpoint-url {address!r} is no address of a local cloud" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("compare", "none.yaml"), "none.yaml: there is no such file: give a comparison's file"),
        (("compare", "."), ".: a comparison's file can't be read here"),
        (("label", "none.jsonl"), "none.jsonl: there is no such file or folder"),
        (("label", "."), ".: is a folder, where a file is needed"),
        (("source", "workflow", "-e", "none.yaml"), "none.yaml: there is no such file"),
    ],
)
def test_a_file_that_is_none(
    meguru: Callable[..., Result], words: tuple[str, ...], said: str
) -> None:
    assert complaint(meguru(*words)).startswith(f"error: {said}")


@pytest.mark.parametrize("name", ["../..", "A b", "a" * 64])
@pytest.mark.parametrize("words", [("show",), ("register",), ("plan", "lora-8b", "--base")])
def test_what_is_no_base_model_s_name(
    meguru: Callable[..., Result], words: tuple[str, ...], name: str
) -> None:
    said = complaint(meguru("model", *words, name, "--endpoint-url", "http://127.0.0.1:9"))
    assert f"{name!r} is no name for a base model" in said


def test_a_labeller_without_a_name_gives_one(
    meguru: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_user() -> str:
        raise KeyError("getpwuid(): uid not found: 1000")

    monkeypatch.setattr("getpass.getuser", no_user)
    assert "say it with --by NAME" in complaint(meguru("label", "x.jsonl"))


@pytest.mark.parametrize("content", ["", "{", "{}", "[]"])
def test_broken_up_file(meguru: Callable[..., Result], content: str) -> None:
    UP_FILE.parent.mkdir()
    UP_FILE.write_text(content)
    assert "remove it" in complaint(meguru("lineage", "chatcmpl-1"))


@pytest.mark.parametrize("command", ["demo", "up"])
@pytest.mark.parametrize("port", ["99999", "65536", "-1"])
def test_what_is_no_port(meguru: Callable[..., Result], command: str, port: str) -> None:
    assert f"--port {port} is no port" in complaint(meguru(command, "--port", port))


@pytest.mark.parametrize("command", ["demo", "up"])
def test_no_documents(
    meguru: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(f"cli.{command}.DOCUMENTS", tmp_path / "none")
    assert f"no documents in {tmp_path / 'none'}: put " in complaint(meguru(command))


def test_broken_corrections(
    meguru: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.demo.CORRECTIONS", tmp_path / "corrections.jsonl")
    (tmp_path / "corrections.jsonl").write_text("{")
    said = complaint(meguru("demo"))
    assert f"{tmp_path / 'corrections.jsonl'}:1: not JSON" in said
    report = json.loads((tmp_path / ".meguru" / "demo" / "report.json").read_text("utf-8"))
    assert (report["ok"], f"error: {report['error']}") == (False, said)


@pytest.mark.parametrize("name", ["notes.txt", "notes.txt/demo"])
def test_demo_folder_that_is_a_file(
    meguru: Callable[..., Result], tmp_path: Path, name: str
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert f"{name} is a file" in complaint(meguru("demo", "--folder", name))
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("command", ["demo", "up"])
@pytest.mark.parametrize("content", [None, "name: [", "name: POC", "5"])
def test_bad_environment_file(
    meguru: Callable[..., Result], tmp_path: Path, command: str, content: str | None
) -> None:
    path = tmp_path / "bad.yaml"
    if content is not None:
        path.write_text(content)
    result = meguru(command, "-e", str(path))
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert str(path) in result.output and "Traceback" not in result.output
