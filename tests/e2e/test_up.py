"""`meguru up`: what it writes, the commands it gives, and a port that is taken."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from cli.company import DOCUMENTS
from tests.e2e.command import Command, running

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    folder = tmp_path_factory.mktemp("up")
    with running(folder, "up", "--empty", "--port", "0") as command:
        command.wait_until_said("ready")
        yield command


@pytest.fixture
def addresses(up: Command) -> dict[str, Any]:
    file = up.output.parent / ".meguru" / "up.json"
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_up_json_has_its_fields(addresses: dict[str, Any]) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", addresses["endpoint_url"])
    assert addresses["api_base"].startswith(addresses["endpoint_url"])
    assert addresses["api_base"].endswith("/v1")
    assert len(addresses["api_key"]) >= 20
    credentials = addresses["admin_credentials"]
    assert {"access_key_id", "secret_access_key"} <= set(credentials)


def test_all_of_it_is_printed(up: Command, addresses: dict[str, Any]) -> None:
    said = up.said()
    for text in (addresses["endpoint_url"], addresses["api_base"], addresses["api_key"]):
        assert text in said
    assert all(command in said for command in addresses["commands"])
    assert "No model answers" in said and "chat/completions" not in said


def test_the_three_commands_run_as_they_are_printed(addresses: dict[str, Any]) -> None:
    """Without a model nothing is printed that a model would have to answer."""
    models, versions, documents = addresses["commands"]
    assert json.loads(run(models)) == {"object": "list", "data": []}
    assert json.loads(run(versions)) == {"ModelPackageSummaryList": []}
    # Whatever they start would go on beside the tests after this one.
    said = run(f"{documents} --dryrun")
    assert said.count("upload: ") == len([p for p in DOCUMENTS.rglob("*") if p.is_file()])


def run(command: str) -> str:
    said = subprocess.run(
        ["sh", "-c", command], cwd=REPOSITORY, capture_output=True, text=True, timeout=60
    )
    assert said.returncode == 0, said.stderr
    return said.stdout


def test_nothing_is_served_yet_and_no_key_is_refused(addresses: dict[str, Any]) -> None:
    models = requests.get(
        f"{addresses['api_base']}/models",
        headers={"authorization": f"Bearer {addresses['api_key']}"},
        timeout=30,
    )
    assert models.json() == {"object": "list", "data": []}
    assert requests.get(f"{addresses['api_base']}/models", timeout=30).status_code == 403


def test_lineage_of_an_unknown_answer_is_one_line(up: Command) -> None:
    folder = up.output.parent / "lineage"
    folder.mkdir()
    address = json.loads((up.output.parent / ".meguru" / "up.json").read_text())["endpoint_url"]
    with running(folder, "lineage", "chatcmpl-unknown", "--endpoint-url", address) as command:
        assert command.process.wait(60) == 1
        assert "there is no inference 'chatcmpl-unknown'" in command.said()
        assert len(command.said().strip().splitlines()) == 1


@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path, command: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running(tmp_path, command, "--port", str(port)) as started:
            assert started.process.wait(90) == 1
            errors = [line for line in started.said().splitlines() if "error:" in line]
            assert len(errors) == 1, started.said()
            assert str(port) in errors[0]
            assert "Traceback" not in started.said()
            assert started.left_behind() == []


def test_a_wrong_environment_file_is_refused_by_place(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    poc = (REPOSITORY / "environments" / "poc.yaml").read_text()
    file.write_text(poc.replace("  burst: 10", "  burst: ten"))
    for arguments in (("demo",), ("up", "--port", "0")):
        with running(tmp_path, *arguments, "--environment", str(file)) as started:
            assert started.process.wait(60) == 1
            assert re.search(r"wrong\.yaml:\d+: api\.burst: ", started.said()), started.said()
            assert "Traceback" not in started.said()
