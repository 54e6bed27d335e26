"""What starts a run: changed rows that no model has. One environment, one story."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from cli.loop import LoopFailed
from cli.run_progress import RunProgress
from cli.run_view import watch
from cli.runs import find_run, newest_runs
from tests.e2e.loop_cloud import loop_cloud
from tests.e2e.quick_loop import QuickLoop, with_quick_jobs

FOLDER_TOO = (
    "ClientError: Data download failed: the S3 key raw/d/faq can't be a file's name, as it is also "
    "the folder of raw/d/faq/a.jsonl: rename the object"
)


@pytest.fixture(scope="module")
def loop(trial_assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickLoop]:
    """An environment with one document, curated and trained on."""
    folder = tmp_path_factory.mktemp("triggers")
    with loop_cloud(with_quick_jobs(trial_assembly, folder), folder / "log") as cloud:
        loop = QuickLoop(cloud, folder)
        loop.put("a/rules.jsonl")
        loop.cloud.loop.dataset_version()
        loop.settle()
        yield loop


def test_a_junk_file_is_curated_and_trains_nothing(loop: QuickLoop) -> None:
    curations, first, second = loop.counts()
    rows, version = loop.manifest()["rows"], loop.version()
    loop.put("a/.DS_Store", b"\x00\x00\x00\x01Bud1")
    loop.cloud.loop.dataset_version(after=version)
    loop.settle()
    assert loop.counts() == (curations + 1, first, second)
    assert loop.manifest()["rows"] == rows
    assert loop.faults() == []


def test_a_repeated_event_starts_nothing(loop: QuickLoop) -> None:
    before = loop.counts()
    for _ in range(3):
        loop.replay()
    loop.settle()
    assert loop.counts() == before


def test_five_batches_are_one_curation_and_one_training(loop: QuickLoop) -> None:
    curations, first, second = loop.counts()
    with loop.held_curation():
        for number in range(5):
            loop.ask(partial(loop.put, f"b/{number}.jsonl"))
    loop.settle()
    assert loop.counts() == (curations + 1, first + 1, second + 1)
    assert loop.faults() == []


def test_eight_corrections_are_one_training(loop: QuickLoop) -> None:
    curations, first, second = loop.counts()
    with loop.held_curation():
        # Two are fewer than the threshold.
        loop.correct()
        loop.correct()
        for _ in range(6):
            loop.ask(loop.correct)
    loop.settle()
    assert loop.counts() == (curations + 1, first + 1, second + 1)
    assert set(loop.manifest()["feedback_ids"]) == loop.corrections
    assert [item for item in loop.cloud.items("Feedback") if "pending" in item] == []


def test_a_deletion_is_a_change(loop: QuickLoop) -> None:
    curations, first, second = loop.counts()
    loop.delete("raw/b/0.jsonl")
    loop.settle()
    assert loop.counts() == (curations + 1, first + 1, second + 1)
    assert loop.faults() == []


def test_what_was_stopped_is_taken_up_again(loop: QuickLoop) -> None:
    _, first, second = loop.counts()
    loop.put("c/stopped.jsonl")
    loop.cloud.wait(
        lambda: (loop.trainings(0)[first:] and loop.trainings(1)[second:]) or None, "both trainings"
    )
    assert loop.kill() == 2
    loop.settle()
    assert loop.counts()[1:] == (first + 1, second + 1), "its own end starts nothing"
    loop.curate()
    loop.settle()
    assert loop.counts()[1:] == (first + 2, second + 2)
    assert loop.faults() == []


def test_a_redrive_goes_on_where_the_run_failed(loop: QuickLoop) -> None:
    _, first, _ = loop.counts()
    loop.put("c/redriven.jsonl")
    job = loop.cloud.wait(
        lambda: (
            (loop.trainings(0)[first:] and loop.cloud.loop.training_job(loop.version())) or None
        ),
        "a training job",
    )
    loop.cloud.client("sagemaker").stop_training_job(TrainingJobName=job["TrainingJobName"])
    loop.settle()
    failed = loop.trainings(0)[-1]
    assert failed["status"] == "FAILED"
    loop.redrive(failed)
    loop.settle()
    assert loop.trainings(0)[-1]["status"] == "SUCCEEDED"
    assert len(loop.trainings(0)) == first + 1
    assert loop.faults() == []


def test_a_curation_that_was_stopped_is_taken_up_by_the_clock(loop: QuickLoop) -> None:
    curations, first, second = loop.counts()
    loop.put("c/clock.jsonl")
    loop.cloud.wait(lambda: loop.curations()[curations:] or None, "a curation")
    loop.kill()
    loop.settle()
    assert loop.counts() == (curations + 1, first, second)
    loop.cloud.account.advance_clock(3600)
    loop.cloud.wait(lambda: loop.curations()[curations + 1 :] or None, "another curation")
    loop.settle()
    assert loop.counts() == (curations + 2, first + 1, second + 1)
    assert loop.faults() == []


def test_an_object_that_is_a_folder_too_fails_at_once_and_says_so(loop: QuickLoop) -> None:
    """Whoever waits for the version reads one line; nothing is waited for as for capacity."""
    version = loop.version()
    loop.put("d/faq/a.jsonl")
    loop.put("d/faq")
    with pytest.raises(LoopFailed) as failed:
        loop.cloud.loop.dataset_version(after=version)
    said = str(failed.value)
    assert said.startswith(f"{FOLDER_TOO} (the execution arn:aws:states:") and "\n" not in said
    loop.settle()
    loop.delete("raw/d/faq")
    loop.settle()
    assert loop.faults() == []


def test_each_failure_is_told_once_in_one_line(loop: QuickLoop) -> None:
    """By the workflow itself where it knows more than Step Functions tells; and by that else."""
    logged = loop.cloud.client("logs").filter_log_events(
        logGroupName=f"/aws/events/meguru-{loop.cloud.account.environment_name}"
    )["events"]
    told = [json.loads(one["message"]) for one in logged]
    failed = [one["detail"] for one in told if one["detail-type"] == "Run Failed"]
    ends = [one["detail"] for one in told if one["source"] == "aws.states"]
    assert {one["status"] for one in ends} == {"ABORTED"}
    # The training that was redriven has succeeded since.
    assert len(failed) == 2
    reasons = {one["workflow"]: one["reason"] for one in failed}
    assert reasons["curate_dataset"] == FOLDER_TOO
    assert reasons["train_and_register"].startswith("TrainingStopped: meguru-")


def test_a_run_is_followed_to_its_end(loop: QuickLoop) -> None:
    account = loop.cloud.loop.account
    runs = {run.name for run in newest_runs(account, 100)}
    loop.put("z/followed.jsonl")
    while {run.name for run in newest_runs(account, 100)} == runs:
        time.sleep(0.2)
    said = io.StringIO()
    end = watch(RunProgress(account, find_run(account)), Console(file=said, width=80), time.sleep)
    assert end.is_registered
    lines = [line.partition("  ")[2] or line for line in said.getvalue().splitlines()]
    assert lines[0].startswith("Run ") and "Train model" in lines
    assert any(line.startswith("Training job meguru-") for line in lines)
    assert lines[-1].startswith("Registered as version ")


def test_answers_found_bad_teach_what_was_corrected_by_then(loop: QuickLoop) -> None:
    curations, first, second = loop.counts()
    # Fewer than the threshold, and nothing else is new.
    loop.correct()
    loop.settle()
    assert loop.counts() == (curations, first, second)
    loop.judge(bad=3)
    # The alarm looks at whole hours.
    loop.cloud.account.advance_clock(3600)
    loop.cloud.wait(lambda: loop.curations()[curations:] or None, "a curation")
    loop.settle()
    assert loop.counts() == (curations + 1, first + 1, second + 1)
    assert loop.cloud.loop.read_json("datasets/text/HEAD")["reason"] == "quality"
    assert loop.faults() == []


def test_a_commit_that_changed_the_training_is_tried_once(loop: QuickLoop) -> None:
    """Last: the same rows have a second model afterwards."""
    curations, first, second = loop.counts()
    for _ in range(2):
        loop.deploy("another-code")
        loop.settle()
        assert loop.counts() == (curations, first + 1, second)
    [newest] = loop.trainings(0)[-1:]
    assert newest["status"] == "SUCCEEDED"
    given = loop.cloud.client("stepfunctions").describe_execution(
        executionArn=newest["executionArn"]
    )
    assert json.loads(given["input"])["detail"]["reason"] == "commit"
