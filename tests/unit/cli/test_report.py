"""The report of a demo that ended at any stage."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.chat import Reply
from cli.demo import Correction, Findings, Turn
from cli.lineage import Lineage
from cli.progress import Progress
from cli.report import build_report, chart, num_interruptions, render, write_report

CURVE: list[dict[str, Any]] = [
    {"step": 0, "loss": 4.0},
    {"event": "resumed", "step": 5},
    {"step": 10, "loss": 1.0},
]
REQUIRED = {
    *("ok", "seconds", "stages", "interruptions", "resumed_from_step", "dataset_versions"),
    *("model_packages", "question", "answer_before", "answer_after", "expected_answer", "lineage"),
}


@pytest.mark.parametrize("num_stages", range(7))
def test_demo_that_ended_after_some_stages(
    findings: Findings,
    progress: Progress,
    make_turn: Callable[..., Turn],
    correction: Correction,
    lineage: Lineage,
    num_stages: int,
    tmp_path: Path,
) -> None:
    stages: list[Callable[[], object]] = [
        lambda: findings.turns.append(make_turn(CURVE)),
        lambda: findings.refusals.append({"status": 403, "code": None, "message": "no"}),
        lambda: findings.corrections.append(correction),
        # A second model that was not measured alike.
        lambda: findings.turns.append(make_turn([], {"chrf": 1.0})),
        lambda: setattr(correction, "after", Reply("chatcmpl-2", "right")),
        lambda: setattr(findings, "lineage", lineage),
    ]
    with pytest.raises(RuntimeError), progress.stage("everything"):
        for stage in stages[:num_stages]:
            stage()
        raise RuntimeError
    page = write_report(findings, progress, tmp_path / "new" / "folder").read_text("utf-8")
    report = json.loads((tmp_path / "new" / "folder" / "report.json").read_text("utf-8"))
    assert report.keys() >= REQUIRED
    assert report["ok"] is (num_stages == 6)
    assert ("The loop has turned twice" in page) is report["ok"]
    assert [stage["name"] for stage in report["stages"]] == ["everything"]


def test_what_people_wrote_is_text_and_no_markup(
    findings: Findings, progress: Progress, correction: Correction
) -> None:
    findings.corrections.append(correction)
    page = render(build_report(findings, progress))
    assert "<script>" not in page and "<b>wrong" not in page
    assert "&lt;script&gt;q" in page and "a &amp; b" in page


def test_interruptions(
    findings: Findings, progress: Progress, make_turn: Callable[..., Turn]
) -> None:
    turn = make_turn(CURVE)
    transitions = [{"Status": one} for one in ("Training", "Interrupted", "Training")]
    turn = replace(
        turn, training_job=turn.training_job | {"SecondaryStatusTransitions": transitions}
    )
    findings.turns.append(turn)
    report = build_report(findings, progress)
    assert (report["interruptions"], report["resumed_from_step"]) == (1, 5)
    assert num_interruptions({}) == 0


def test_chart() -> None:
    drawn = chart(CURVE)
    assert drawn["line"] == "0.0,0.0 640.0,150.0"
    assert drawn["resumed"] == [{"step": 5, "x": 320.0}]
    assert (drawn["highest"], drawn["final"], drawn["last_step"]) == (4.0, 1.0, 10)


@pytest.mark.parametrize(
    "curve",
    [
        [],
        [{"event": "resumed", "step": 0}],
        [{"step": 0, "loss": 0.0}],
        [{"step": 0, "loss": math.nan}],
        [{"step": 0, "loss": math.inf}, {"step": 1, "loss": 2.0}],
    ],
)
def test_chart_of_little(
    curve: list[dict[str, Any]],
    findings: Findings,
    progress: Progress,
    make_turn: Callable[..., Turn],
) -> None:
    assert "nan" not in chart(curve)["line"] and "inf" not in chart(curve)["line"]
    findings.turns.append(make_turn(curve))
    assert "<polyline" in render(build_report(findings, progress))
