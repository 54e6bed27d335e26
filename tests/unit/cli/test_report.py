"""The report of a demo that ended at any stage."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.api_use import ConsumerUse, TimedAnswer
from cli.chat import Reply
from cli.dataset import Dataset
from cli.findings import Correction, Findings, Turn
from cli.lineage import Lineage
from cli.progress import Progress
from cli.report import build_report, num_interruptions, render, write_report
from meguru.ledger_book import Used

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


def test_answers_times_and_the_ledger_are_shown(findings: Findings, progress: Progress) -> None:
    assert "What an answer took" not in render(build_report(findings, progress))
    parts = {"policy": 2, "queue": 3, "first token": 4, "rest": 5}
    findings.answers = [TimedAnswer(False, 14, parts), TimedAnswer(True, 1, parts)]
    used = Used(requests=7, prompt_tokens=95, completion_tokens=138, cached_requests=1, amount=1500)
    findings.ledger = [ConsumerUse("<app>", used, "JPY", 0)]
    report = build_report(findings, progress)
    assert [one["is_cached"] for one in report["answers"]] == [False, True]
    page = render(report)
    for said in ("first token", "14 ms", "asked again, from the cache", "&lt;app&gt;", "0.0015"):
        assert said in page
    findings.ledger = [ConsumerUse("app", used, "", 0)]
    assert "has no prices" in render(build_report(findings, progress))


def test_what_people_wrote_is_text_and_no_markup(
    findings: Findings, progress: Progress, correction: Correction
) -> None:
    findings.corrections.append(correction)
    page = render(build_report(findings, progress))
    assert "<script>" not in page and "<b>wrong" not in page
    assert "&lt;script&gt;q" in page and "a &amp; b" in page


def test_the_turns_before_a_row_s_question_are_shown(
    findings: Findings, progress: Progress, lineage: Lineage
) -> None:
    findings.lineage = lineage
    assert "user: &lt;before&gt;" in render(build_report(findings, progress))


def test_documents_stand_beside_their_hashes(
    findings: Findings, progress: Progress, lineage: Lineage
) -> None:
    findings.lineage = lineage
    page = render(build_report(findings, progress))
    for name, digest in (lineage.documents | lineage.documents_without_records).items():
        shown = name.replace("/", "/<wbr>")
        assert f'<code>{shown}</code><code class="hash">{digest}</code>' in page


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


def test_a_failed_demo_shows_its_error(findings: Findings, progress: Progress) -> None:
    findings.error = "the gate refused <it>"
    report = build_report(findings, progress)
    assert report["ok"] is False and report["error"] == findings.error
    assert "the gate refused &lt;it&gt;" in render(report)


def test_what_is_no_text_is_reported_as_it_can_be(
    findings: Findings, progress: Progress, tmp_path: Path
) -> None:
    """A set-aside line of another encoding has lone surrogates."""
    findings.error = "line 3: \udc95\udca0"
    page = write_report(findings, progress, tmp_path)
    assert "\\udc95" in page.read_text("utf-8")
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["error"] == findings.error


def test_a_demo_that_was_ended_says_so(findings: Findings, progress: Progress) -> None:
    assert "ended before it was done" in render(build_report(findings, progress))


def test_what_is_not_shown_is_said(findings: Findings, progress: Progress) -> None:
    findings.not_shown.append("too few records")
    assert "Not shown: too few records" in render(build_report(findings, progress))


def test_documents_and_what_was_set_aside(findings: Findings, progress: Progress) -> None:
    entry = {"reason": "broken_json", "source": "raw/b", "detail": "line 2: oh", "record": "<x"}
    manifest = {"num_records": 3, "set_aside": {"broken_json": 120}}
    findings.datasets.append(Dataset("v1", manifest, {"raw/a": 3, "raw/b": 0}, [entry]))
    report = build_report(findings, progress)
    assert report["datasets"][0]["records_by_document"] == {"raw/a": 3, "raw/b": 0}
    page = render(report)
    assert all(part in page for part in ("Set aside: 120", "line 2: oh", "broken_json", "&lt;x"))


def test_metrics_stand_beside_their_meaning_and_the_gate(
    findings: Findings, progress: Progress, make_turn: Callable[..., Turn]
) -> None:
    findings.turns.append(make_turn([], {"exact_match": 0.7, "house_rule": 1.0}))
    [known, unknown] = build_report(findings, progress)["metrics"]
    assert "answered exactly right" in known["meaning"]
    assert known["gate"] == "at least 0.5, at most 0.1 below the serving model's"
    assert (unknown["name"], unknown["meaning"], unknown["gate"]) == ("house_rule", "", "")


def test_every_heading_has_a_japanese_line(
    findings: Findings,
    progress: Progress,
    make_turn: Callable[..., Turn],
    correction: Correction,
    lineage: Lineage,
) -> None:
    findings.turns.append(make_turn(CURVE))
    findings.corrections.append(correction)
    findings.refusals.append({"status": 403, "code": None, "message": "no"})
    findings.lineage = lineage
    page = render(build_report(findings, progress))
    lines = page.split("\n")
    headings = [number for number, line in enumerate(lines) if line.startswith(("<h1", "<h2"))]
    assert len(headings) >= 6
    assert all('lang="ja"' in lines[number + 1] for number in headings)


def test_a_curve_of_nothing_is_drawn(
    findings: Findings, progress: Progress, make_turn: Callable[..., Turn]
) -> None:
    findings.turns.append(make_turn([]))
    assert "<polyline" in render(build_report(findings, progress))
