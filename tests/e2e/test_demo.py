"""The demo itself, end to end, as a new user runs it; and how it ends where a grant is missing."""

from __future__ import annotations

import hashlib
import io
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.company import DOCUMENTS
from cli.demo import Demo
from cli.loop import LoopFailed
from cli.progress import Progress
from cli.synthesis import REPOSITORY
from meguru.names import MAX_MODEL_KEY
from tests.e2e.command import running
from tests.e2e.loop_cloud import MODEL, NAME
from tests.e2e.test_removed_grants import without_grants

# On a busy machine; how long it takes on a quiet one is measured in benchmarks/.
DEMO_SECONDS = 600
pytestmark = pytest.mark.timeout(DEMO_SECONDS + 60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a whole demo ran and left its report, under the longest names that are legal."""
    folder = tmp_path_factory.mktemp("demo")
    text = (REPOSITORY / "environments" / "poc.yaml").read_text("utf-8")
    file = folder / "longest.yaml"
    file.write_text(text.replace("name: poc", f"name: {NAME}").replace("meguru-text:", f"{MODEL}:"))
    with running(folder, "demo", "--environment", str(file)) as command:
        assert command.process.wait(DEMO_SECONDS) == 0, command.said()
        assert command.left_behind() == []
    return folder / ".meguru" / "demo"


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text("utf-8"))
    return found


def test_the_names_were_the_longest(report: dict[str, Any]) -> None:
    assert report["environment"] == NAME and len(NAME) == 20
    jobs = [turn["training_job"] for turn in report["turns"]]
    assert all(job.startswith(f"meguru-{NAME}--{MODEL}-") for job in jobs)
    assert len(MODEL) == MAX_MODEL_KEY and {len(job) for job in jobs} == {62}


def test_answers_are_timed_and_the_ledger_is_settled(report: dict[str, Any]) -> None:
    first, again = report["answers"]
    assert (first["is_cached"], again["is_cached"]) == (False, True)
    for answer in (first, again):
        assert sum(answer["parts"].values()) == answer["latency_ms"]
    [use] = report["ledger"]
    assert (use["consumer"], use["reserved"], use["cached_requests"]) == ("example-app", 0, 1)
    # The first question, three that are answered wrong, and the same three again.
    assert use["requests"] >= 7 and use["prompt_tokens"] and use["completion_tokens"]
    assert (use["amount"], use["unconfirmed_tokens"]) == (None, 0)


def test_it_went_well(report: dict[str, Any]) -> None:
    assert report["ok"] is True
    assert (report["error"], report["not_shown"]) == (None, [])
    assert report["seconds"] >= sum(stage["seconds"] for stage in report["stages"]) - 1
    assert len(report["stages"]) >= 8


def test_a_training_was_interrupted_and_went_on(report: dict[str, Any]) -> None:
    assert report["interruptions"] == 1
    assert report["resumed_from_step"] > 0
    [resumed] = [one for one in report["turns"][0]["loss_curve"] if one.get("event") == "resumed"]
    assert resumed["step"] == report["resumed_from_step"]


def test_two_versions_were_made_of_two_datasets(report: dict[str, Any]) -> None:
    first, second = report["model_packages"]
    assert first["approval_status"] == second["approval_status"] == "Approved"
    assert first["arn"] != second["arn"]
    assert second["metrics"]["exact_match"] >= first["metrics"]["exact_match"] - 0.05
    assert len(set(report["dataset_versions"])) == 2


def test_the_question_is_answered_right_after_the_correction(report: dict[str, Any]) -> None:
    assert report["answer_before"] != report["expected_answer"]
    assert report["answer_after"] == report["expected_answer"]
    assert {one["status"] for one in report["refusals"]} == {403, 429}


def test_the_answer_leads_back_to_its_sources(report: dict[str, Any]) -> None:
    lineage = report["lineage"]
    assert lineage["inference_id"] == report["corrections"][0]["after"]["inference_id"]
    assert lineage["model_package_arn"] == report["model_packages"][1]["arn"]
    assert lineage["dataset_version"] == report["dataset_versions"][1]
    assert lineage["training_job"] == report["turns"][1]["training_job"]
    given = {correction["feedback_id"] for correction in report["corrections"]}
    assert set(lineage["feedback_ids"]) == given
    assert len(lineage["documents"]) >= 10
    company = {
        hashlib.sha256(p.read_bytes()).hexdigest() for p in DOCUMENTS.rglob("*") if p.is_file()
    }
    assert set(lineage["documents"].values()) <= company
    assert all(report["datasets"][1]["records_by_document"][one] for one in lineage["documents"])
    assert any(one.endswith(".docx") for one in lineage["documents_without_records"])
    assert not set(lineage["documents"]) & set(lineage["documents_without_records"])


def test_what_was_set_aside_is_listed_with_its_reason(report: dict[str, Any]) -> None:
    for dataset, turn in zip(report["datasets"], report["turns"], strict=True):
        assert len(dataset["set_aside"]) == sum(turn["set_aside"].values())
    [cut_off, _] = [one for one in dataset["set_aside"] if one["reason"] == "broken_json"]
    assert cut_off["source"].endswith(".jsonl") and cut_off["detail"].startswith("line ")


def test_the_page_is_well_formed_and_needs_nothing_else(folder: Path) -> None:
    class Reader(HTMLParser):
        asked: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.asked += [value or "" for name, value in attrs if name in ("src", "href")]

    page = (folder / "report.html").read_text("utf-8")
    reader = Reader()
    reader.feed(page)
    files = [one for one in reader.asked if not one.startswith("#")]
    assert files == ["evidence-1.html", "evidence-2.html"]
    assert all((folder / name).is_file() for name in files)
    assert "imulated" in page


def test_a_missing_grant_ends_it_by_name(
    trial_assembly: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starved = without_grants(trial_assembly, tmp_path / "starved")
    trial = trial_assembly.parent / "trial.yaml"
    monkeypatch.setattr("cli.demo.synthesize", lambda file, folder: starved)
    progress = Progress(Console(file=io.StringIO()))
    demo = Demo(progress, trial, tmp_path / "demo", manual=False, port=0)
    with pytest.raises(LoopFailed) as failure:
        demo.run()
    assert "is not authorized to perform: s3:PutObject" in str(failure.value)
    assert "CurationJobRole" in str(failure.value)
