"""A demo's training that is done before its capacity can be taken away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.account import Account
from cli.demo import TOO_SHORT_TO_RECLAIM, Demo
from cli.loop import Loop
from cli.progress import Progress


class DoneLoop(Loop):
    """A loop whose training job is done, with a checkpoint or without."""

    def __init__(self, has_checkpoint: bool) -> None:
        super().__init__(Account("poc"))
        self._has_checkpoint = has_checkpoint

    def wait_for_checkpoint(self, job: dict[str, Any]) -> bool:
        return self._has_checkpoint

    def has_completed(self, training_job: str) -> bool:
        return True


class Refusal:
    """What a local cloud answers to a reclaim of a job that is done."""

    ok, text = False, "job-1 is not running"


@pytest.mark.parametrize("has_checkpoint", [False, True])
def test_what_cannot_be_shown_is_said(
    poc: Path,
    progress: Progress,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    has_checkpoint: bool,
) -> None:
    monkeypatch.setattr("cli.demo.requests.post", lambda *_, **__: Refusal())
    demo = Demo(progress, poc, tmp_path / "demo", manual=False, port=0)
    demo._account, demo._loop = Account("poc", "http://127.0.0.1:1"), DoneLoop(has_checkpoint)
    demo._reclaim({"TrainingJobName": "job-1"})
    assert demo.findings.not_shown == [TOO_SHORT_TO_RECLAIM]
