"""Ctrl-C and SIGTERM at any moment leave no process behind."""

from __future__ import annotations

import signal
import uuid
from pathlib import Path

import pytest

from cli.synthesis import REPOSITORY
from tests.e2e.command import running

SYNTHESIS = "Synthesize the templates"
START = "Bring up every resource"
CURATION = "Put the company's documents"
TRAINING = "managed spot"


def of_a_new_environment(folder: Path) -> list[str]:
    """The option that names a file whose assembly is not kept: its synthesis takes seconds."""
    text = (REPOSITORY / "environments" / "poc.yaml").read_text()
    file = folder / "new.yaml"
    file.write_text(f"{text}\n# {uuid.uuid4()}\n")
    return ["--environment", str(file)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", [SYNTHESIS, START, CURATION])
def test_a_demo_that_is_ended(tmp_path: Path, moment: str, number: signal.Signals) -> None:
    words = of_a_new_environment(tmp_path) if moment == SYNTHESIS else []
    with running(tmp_path, "demo", *words) as command:
        command.wait_until_said(moment)
        assert command.stop(number) == 128 + number
        assert command.left_behind() == []
        assert "Traceback" not in command.said()


def test_a_demo_that_is_ended_while_it_trains(tmp_path: Path) -> None:
    with running(tmp_path, "demo") as command:
        command.wait_until_said(TRAINING)
        assert command.stop(signal.SIGINT) == 128 + signal.SIGINT
        assert command.left_behind() == []


def test_a_demo_that_is_killed(tmp_path: Path) -> None:
    """Nobody can catch SIGKILL: the cloud notices that its parent has gone."""
    with running(tmp_path, "demo") as command:
        command.wait_until_said(CURATION)
        command.process.kill()
        command.process.wait()
        assert command.left_behind(40) == []


@pytest.mark.parametrize(
    # Ctrl-C is its normal end.
    ("number", "status"),
    [(signal.SIGINT, 0), (signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGHUP, 129)],
)
def test_a_cloud_that_is_ended_while_it_waits(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    with running(tmp_path, "up", "--empty", "--port", "0") as command:
        command.wait_until_said("ready")
        assert (tmp_path / ".meguru" / "up.json").exists()
        assert command.stop(number) == status
        assert command.left_behind() == []
        assert not (tmp_path / ".meguru" / "up.json").exists()
