"""The evaluation job's further inputs: each adds to the evidence, none that is broken ends it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from meguru.adapter import BaseReference
from meguru.hyperparameters import Hyperparameters
from meguru.model_hashes import write_hashes
from tests.unit.cli.compare.endpoints import OpenAIHandler, serve
from tests.unit.evaluation.test_job import evaluate, report
from training.adapter import Adapter


def inputs(processing: Path, name: str) -> Path:
    folder = processing / "processing" / "input" / name
    folder.mkdir(exist_ok=True)
    return folder


def written(processing: Path, name: str) -> str:
    return (processing / "processing" / "output" / "evaluation" / name).read_text(encoding="utf-8")


def label(question: str, answer: str, **values: Any) -> str:
    own = {"verdict": "accept", "answer": answer, **values}
    return json.dumps({"question": question, "answers": [answer, "知りません。"], "label": own})


def test_the_evidence_lies_beside_the_evaluation(processing: Path) -> None:
    assert evaluate(processing, REASON="schedule", TRAINING_SECONDS="60") == 0
    assert "started by schedule" in written(processing, "evidence.html")
    assert json.loads(written(processing, "model_card.json"))["evaluation_details"]


def test_questions_that_were_learnt_are_counted(processing: Path) -> None:
    assert evaluate(processing) == 0
    # The rows of this dataset are the same in both splits.
    assert report(processing)["contamination"]["exact"] == 4


def test_own_questions_are_measured_beside_the_held_out_ones(processing: Path) -> None:
    ranked = label("When is payday again?", "On day 25.", verdict="rank", ranking=[0, 1])
    lines = [label("有給休暇の締切?", "10日です。"), ranked, "{"]
    (inputs(processing, "labels") / "own.jsonl").write_text("\n".join(lines))
    assert evaluate(processing) == 0
    found = report(processing)
    assert found["metrics"]["num_labelled"]["value"] == 1 + 1 - found["own_questions"]["num_learnt"]
    assert found["metrics"]["labelled_chrf"]["value"] > 0
    assert found["metrics"]["labelled_preference_accuracy"]["value"] == 1.0
    assert found["own_questions"]["problems"] == [
        "own.jsonl, line 3: not JSON (Expecting property name enclosed in double quotes)"
    ]
    assert found["metrics"]["num_held_out"]["value"] == 4


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[]\n3\n{}"])
def test_a_broken_labelling_file_ends_nothing(processing: Path, content: bytes) -> None:
    (inputs(processing, "labels") / "own.jsonl").write_bytes(content)
    assert evaluate(processing) == 0
    assert "num_labelled" not in report(processing)["metrics"]


def test_votes_are_told_and_broken_feedback_is_named(processing: Path) -> None:
    folder = inputs(processing, "feedback")
    vote = {"model_package_arn": "arn:m/1", "consumer": "c", "inference_id": "i",
            "created_at": "2026-11-01", "rating": 1}  # fmt: skip
    (folder / "a.json").write_text(json.dumps(vote))
    (folder / "b.json").write_text("{")
    assert evaluate(processing) == 0
    assert report(processing)["preference"][0]["num_votes"] == 1
    assert report(processing)["broken_feedback"] == ["b.json"]


def test_a_judge_that_is_nowhere_ends_nothing(processing: Path) -> None:
    assert evaluate(processing, JUDGE_ADDRESS="http://127.0.0.1:1/v1", JUDGE_MODEL="m") == 0
    assert report(processing)["judge"]["num_unjudged"] == 4
    assert "judge" not in report(processing)["metrics"]


def test_a_judge_that_likes_everything_has_no_say(processing: Path) -> None:
    with serve(OpenAIHandler, other='{"score": 5}') as endpoint:
        assert evaluate(processing, JUDGE_ADDRESS=f"{endpoint.url}/v1", JUDGE_MODEL="m") == 0
    judge = report(processing)["judge"]
    assert (judge["num_controls_right"], judge["is_unreliable"]) == (4, True)
    assert "judge" not in report(processing)["metrics"]
    assert "can&#39;t be relied on" in written(processing, "evidence.html")
    assert "can't be relied on" in written(processing, "model_card.json")


def test_a_judge_that_can_tell_has_its_say(processing: Path) -> None:
    def grade(body: dict[str, Any]) -> str:
        asked = json.loads(body["messages"][1]["content"])
        is_right = asked["right_answer"] == asked["assistant_answer"]
        return '{"score": 5}' if is_right else '{"score": 1}'

    with serve(OpenAIHandler, say=grade) as endpoint:
        assert evaluate(processing, JUDGE_ADDRESS=f"{endpoint.url}/v1", JUDGE_MODEL="m") == 0
    assert report(processing)["metrics"]["judge"]["value"] == 1.0


def test_a_serving_model_that_is_damaged_ends_nothing(processing: Path) -> None:
    (inputs(processing, "baseline") / "model.tar.gz").write_bytes(b"no archive")
    assert evaluate(processing, SERVING_PACKAGE="arn:m/1") == 0
    assert "model.tar.gz can't be unpacked" in report(processing)["not_compared"]
    assert "could not be evaluated" in written(processing, "evidence.html")


def test_the_serving_model_s_answers_stand_beside(processing: Path, poor_model: Path) -> None:
    (processing / "processing" / "input" / "baseline").symlink_to(poor_model)
    assert evaluate(processing, SERVING_PACKAGE="arn:m/1") == 0
    assert report(processing)["comparison"]["model_package_arn"] == "arn:m/1"
    samples = [json.loads(line) for line in written(processing, "samples.jsonl").splitlines()]
    assert all(("serving_answer" in one) is (one["split"] == "held_out") for one in samples)
    assert "Answers side by side" in written(processing, "evidence.html")


def write_adapter(folder: Path, base: Path) -> Path:
    """An adapter that changes nothing, of the base model in `base`."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base)
    Adapter.add(model, BaseReference.of(base), Hyperparameters(method="lora")).save(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_revision(folder: Path, model: Path, revision: str) -> Path:
    """A model as a revision of the base model `tiny`."""
    shutil.copytree(model, folder)
    write_hashes(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    named = {"name": "tiny", "revision": revision, **manifest}
    (folder / "manifest.json").write_text(json.dumps(named))
    return folder


@pytest.mark.parametrize("has_own", [True, False])
def test_a_serving_adapter_of_another_revision_is_compared_over_its_own(
    processing: Path, poor_model: Path, good_model: Path, has_own: bool
) -> None:
    inputs_of = processing / "processing" / "input"
    older = write_revision(processing / "older", poor_model, "0" * 16)
    write_revision(inputs_of / "base", good_model, "1" * 16)
    write_adapter(inputs_of / "baseline", older)
    if has_own:
        (inputs_of / "baseline_base").symlink_to(older)
    assert evaluate(processing, SERVING_PACKAGE="arn:m/1") == 0
    if has_own:
        compared = report(processing)["comparison"]["metrics"]["exact_match"]
        assert (compared["baseline"], compared["candidate"]) == (0.0, 1.0)
    else:
        assert "is an adapter of base model tiny, revision 00" in report(processing)["not_compared"]


def test_what_changed_in_the_data_is_told(processing: Path) -> None:
    folder = inputs(processing, "baseline_dataset")
    (folder / "manifest.json").write_text(json.dumps({"sources": {"raw/old.jsonl": "1"}}))
    assert evaluate(processing) == 0
    assert report(processing)["data_changes"]["removed"]["first"] == ["raw/old.jsonl"]


def test_the_base_model_s_licence_is_told(processing: Path) -> None:
    manifest = {"name": "smollm2", "revision": "0" * 16, "licence": "Apache-2.0"}
    (inputs(processing, "base") / "manifest.json").write_text(json.dumps(manifest))
    assert evaluate(processing) == 0
    assert report(processing)["base_model"]["licence"] == "Apache-2.0"
    assert "smollm2 0000000000000000 Apache-2.0" in written(processing, "model_card.json")
    assert "Apache-2.0" in written(processing, "evidence.html")


def test_a_wrong_variable_is_named_before_anything_is_loaded(processing: Path) -> None:
    assert evaluate(processing, TRAINING_SECONDS="soon") == 1
    said = (processing / "output" / "failure").read_text()
    assert said == "TRAINING_SECONDS='soon' is not a whole number"
