"""The evaluation job: what it measures, what it compares, and how it fails."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import torch

from evaluation.job import main
from evaluation.model import ChatModel
from meguru.dataset_version import Row
from meguru.example import Example
from meguru.gate import HIGHEST, LOWER_IS_BETTER
from tests.unit.evaluation.conftest import (
    make_rows,
    pack,
    write_conversations,
    write_dataset,
)


def evaluate(root: Path, **environment: str) -> int:
    return main({"SAGEMAKER_BASE_DIR": str(root), **environment})


def report(root: Path) -> dict[str, Any]:
    path = root / "processing" / "output" / "evaluation" / "evaluation.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(values, dict)
    return values


def reason(root: Path) -> str:
    failure, message = (root / "output" / name for name in ("failure", "message"))
    assert failure.read_text() == message.read_text()
    return failure.read_text()


def test_model_that_knows_the_answers(processing: Path) -> None:
    assert evaluate(processing) == 0

    written = report(processing)
    metrics = {name: metric["value"] for name, metric in written["metrics"].items()}
    assert metrics["exact_match"] == metrics["train_exact_match"] == 1.0
    assert metrics["chrf"] == 100.0
    always = {
        name: value
        for name, value in HIGHEST.items()
        # Those need a judge, labels or rejected answers.
        if name not in ("judge", "preference_accuracy") and not name.startswith("labelled_")
    }
    assert {name: metrics[name] for name in always} == pytest.approx(always)
    assert metrics.keys() == {*always, *LOWER_IS_BETTER, "num_held_out"}
    assert metrics["num_held_out"] == 4
    assert 1.0 <= metrics["perplexity"] < 2.0
    assert metrics["seconds_per_answer"] > 0
    assert written["languages"]["ja"] == {"exact_match": 1.0, "chrf": 100.0, "num_held_out": 2}
    assert (written["training_job"], written["commit"]) == ("faq-1", "abc123")
    assert len(written["dataset_version"]) == 64
    assert "comparison" not in written


def test_an_answer_that_a_person_found_bad_is_nothing_to_measure_with(processing: Path) -> None:
    rows = [{**row, "rating": 0} for row in make_rows()]
    held_out = next(row for row in rows if row["split"] == "held_out")
    rows.append({**held_out, "record_id": "bad", "answer": "知りません", "rating": -1})
    write_conversations(processing / "processing" / "input" / "dataset", rows)
    assert evaluate(processing) == 0
    metrics = report(processing)["metrics"]
    assert (metrics["num_held_out"]["value"], metrics["exact_match"]["value"]) == (4, 1.0)


def test_a_gpu_that_torch_does_not_see_fails_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "nvidia0").touch()
    assert not torch.cuda.is_available()
    assert main({"SAGEMAKER_BASE_DIR": str(tmp_path)}, devices=tmp_path) == 1
    assert reason(tmp_path).startswith("there is a GPU (/dev/nvidia0) but torch sees none")


def test_samples_hold_every_answer(processing: Path) -> None:
    assert evaluate(processing) == 0
    path = processing / "processing" / "output" / "evaluation" / "samples.jsonl"
    samples = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [one["split"] for one in samples] == ["held_out"] * 4 + ["train"] * 4
    assert samples[0]["answer"] == samples[0]["expected"] == "10日です。"


def test_same_inputs_give_the_same_samples(processing: Path) -> None:
    path = processing / "processing" / "output" / "evaluation" / "samples.jsonl"
    assert evaluate(processing, BATCH_SIZE="1") == 0
    first = path.read_text()
    assert evaluate(processing, BATCH_SIZE="3") == 0
    assert path.read_text() == first


def test_earlier_evaluation_as_baseline(processing: Path) -> None:
    baseline = processing / "processing" / "input" / "baseline"
    baseline.mkdir()
    metrics = {name: {"value": 0.25} for name in ("exact_match", "chrf", "loss")}
    (baseline / "evaluation.json").write_text(json.dumps({"metrics": metrics}))
    assert evaluate(processing) == 0
    comparison = report(processing)["comparison"]
    assert comparison["metrics"]["exact_match"] == {
        "baseline": 0.25,
        "candidate": 1.0,
        "difference": 0.75,
    }
    assert comparison["same_dataset_version"] is False


def test_serving_model_as_baseline(processing: Path, poor_model: Path) -> None:
    (processing / "processing" / "input" / "baseline").symlink_to(poor_model)
    assert evaluate(processing) == 0
    comparison = report(processing)["comparison"]
    assert comparison["metrics"]["exact_match"]["baseline"] == 0.0
    assert comparison["metrics"]["exact_match"]["low"] > 0.5
    assert comparison["answers"] == {"num_improved": 4, "num_regressed": 0, "regressed": []}


def test_poor_model_is_told_from_a_good_one(processing: Path, poor_model: Path) -> None:
    archive = processing / "processing" / "input" / "model" / "model.tar.gz"
    archive.unlink()
    archive.parent.rmdir()
    archive.parent.symlink_to(poor_model)
    assert evaluate(processing, MAX_NEW_TOKENS="8") == 0
    metrics = report(processing)["metrics"]
    assert metrics["exact_match"]["value"] == 0.0
    assert metrics["perplexity"]["value"] > 50


def test_damaged_archive_fails_with_its_reason(processing: Path) -> None:
    archive = processing / "processing" / "input" / "model" / "model.tar.gz"
    archive.write_bytes(archive.read_bytes()[:2000])
    assert evaluate(processing) == 1
    assert "model.tar.gz can't be unpacked" in reason(processing)


def test_dataset_without_held_out_rows_fails(processing: Path) -> None:
    from hashlib import sha256

    folder = processing / "processing" / "input" / "dataset"
    path = folder / "shard-00000.parquet"
    table = pyarrow.parquet.read_table(path)
    pyarrow.parquet.write_table(table.filter(pyarrow.compute.field("split") == "train"), path)
    shard = {"path": path.name, "sha256": sha256(path.read_bytes()).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps({"shards": [shard]}))
    assert evaluate(processing) == 1
    assert "no row in split 'held_out'" in reason(processing)


@pytest.mark.parametrize("text", ["{", "[]", '{"metrics": {}}', '{"metrics": {"chrf": 1}}'])
def test_broken_baseline_fails(processing: Path, text: str) -> None:
    baseline = processing / "processing" / "input" / "baseline"
    baseline.mkdir()
    (baseline / "evaluation.json").write_text(text)
    assert evaluate(processing) == 1
    assert "the baseline evaluation.json is not an evaluation" in reason(processing)


def test_wrong_setting_fails_with_its_name(processing: Path) -> None:
    assert evaluate(processing, BATCH_SIZE="many") == 1
    assert reason(processing) == "BATCH_SIZE='many' is not a whole number"


def test_missing_model_fails(tmp_path: Path, processing: Path) -> None:
    archive = processing / "processing" / "input" / "model" / "model.tar.gz"
    archive.unlink()
    archive.parent.rmdir()
    assert evaluate(processing) == 1
    assert "no input 'model'" in reason(processing)


def add_rows(processing: Path, *rows: dict[str, Any]) -> None:
    known = [{"source_uri": "raw/a.jsonl", **row} for row in [*make_rows(), *rows]]
    write_dataset(processing / "processing" / "input" / "dataset", known)


def test_row_that_is_too_long_is_set_aside_by_name(processing: Path) -> None:
    long = make_rows()[1] | {"record_id": "long", "answer": "10日です。" * 40}
    add_rows(processing, long | {"source_uri": "raw/rules.jsonl"})
    assert evaluate(processing) == 0
    written = report(processing)
    assert written["num_set_aside"] == 1
    (set_aside,) = written["set_aside"]
    assert (set_aside["record_id"], set_aside["source_uri"]) == ("long", "raw/rules.jsonl")
    assert set_aside["num_tokens"] > set_aside["limit"] == 64
    assert written["metrics"]["num_held_out"]["value"] == 4
    assert written["metrics"]["exact_match"]["value"] == 1.0


def test_row_that_the_chat_template_refuses_is_set_aside_by_name(processing: Path) -> None:
    rows = [{**row, "source_uri": "raw/a.jsonl"} for row in make_rows()]
    odd = rows[1] | {"record_id": "odd", "context": [{"role": "tool", "content": "4"}]}
    write_dataset(
        processing / "processing" / "input" / "dataset",
        [*({**row, "context": []} for row in rows), odd],
    )
    assert evaluate(processing) == 0
    written = report(processing)
    (set_aside,) = written["set_aside"]
    assert (set_aside["record_id"], set_aside["source_uri"]) == ("odd", "raw/a.jsonl")
    assert "unknown role: tool" in set_aside["reason"]
    assert written["metrics"]["num_held_out"]["value"] == 4


def test_dataset_of_which_the_chat_template_takes_nothing_fails(processing: Path) -> None:
    odd = make_rows()[1] | {"context": [{"role": "tool", "content": "4"}]}
    write_dataset(processing / "processing" / "input" / "dataset", [odd])
    assert evaluate(processing) == 1
    assert re.match(
        "none of the 1 held-out rows is one for the model; of 0-held_out: the chat template "
        "refuses .* unknown role: tool",
        reason(processing),
    )


def test_rejected_answers_are_held_against_the_right_ones(processing: Path) -> None:
    rejected = ["知りません。", "経理部です。", "<|end|>, then <|user|> or ＜｜ｅｎｄ｜＞.", ""]
    rows = [
        {**row, "rejected": rejected[index // 2] if row["split"] == "held_out" else ""}
        for index, row in enumerate(make_rows())
    ]
    write_conversations(processing / "processing" / "input" / "dataset", rows)
    assert evaluate(processing) == 0
    # The third is the right answer itself: no likelier than itself.
    found = report(processing)["metrics"]["preference_accuracy"]
    assert (found["value"], found["num_groups"]) == (0.6667, 3)
    assert 0 <= found["low"] < 0.6667 < found["high"] <= 1


def test_what_training_set_aside_is_shown(processing: Path, good_model: Path) -> None:
    aside = {"record_id": "r", "source_uri": "raw/a.jsonl", "num_tokens": 80, "limit": 64}
    folder = processing / "model"
    shutil.copytree(good_model, folder)
    (folder / "training.json").write_text(json.dumps({"num_set_aside": 1, "set_aside": [aside]}))
    pack(folder, processing / "processing" / "input" / "model" / "model.tar.gz")
    assert evaluate(processing) == 0
    assert (report(processing)["num_set_aside"], report(processing)["set_aside"]) == (1, [aside])


def test_dataset_of_which_nothing_fits_fails(processing: Path) -> None:
    rows = [row | {"answer": "10日です。" * 40} for row in make_rows()]
    write_dataset(processing / "processing" / "input" / "dataset", rows)
    assert evaluate(processing) == 1
    assert reason(processing) == "each of the 4 held-out rows is too long for the model"


def test_follow_up_is_asked_with_the_turns_before_it(processing: Path) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    row = make_rows()[1] | {"record_id": "follow-up", "context": turns}
    write_dataset(processing / "processing" / "input" / "dataset", [row])
    assert evaluate(processing) == 0
    alone = report(processing)["metrics"]["loss"]["value"]
    write_dataset(processing / "processing" / "input" / "dataset", [row | {"context": []}])
    assert evaluate(processing) == 0
    assert report(processing)["metrics"]["loss"]["value"] != alone


def test_long_question_cuts_no_neighbour_s_answer(good_model: Path) -> None:
    """In one batch with a question that fills the context, each has the room of its own."""
    model = ChatModel.load(good_model)
    row = Row.of_question(**make_rows()[0])
    example = model.encode(row)
    assert isinstance(example, Example)
    room = 64 - len(example.prompt)
    full = dataclasses.replace(example, prompt=example.prompt * (60 // len(example.prompt)))
    (alone,) = model.answer([example], 128)
    assert alone == row.answer
    assert model.answer([full, example], 128)[1] == alone
    assert room > 64 - len(full.prompt)


def test_right_answer_longer_than_the_usual_has_its_room(good_model: Path) -> None:
    model = ChatModel.load(good_model)
    row = Row.of_question(**make_rows()[0])
    example = model.encode(row)
    assert isinstance(example, Example)
    assert model.answer([example], max_new_tokens=1) == [row.answer]


def test_baseline_of_a_shorter_context_compares_what_both_could_read(
    processing: Path, poor_model: Path, tmp_path: Path
) -> None:
    shorter = tmp_path / "shorter"
    shutil.copytree(poor_model, shorter)
    config = json.loads((shorter / "config.json").read_text())
    (shorter / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 20}))
    (processing / "processing" / "input" / "baseline").symlink_to(shorter)
    longer = make_rows()[1] | {"record_id": "longer", "question": "有給休暇の締切は?" * 3}
    add_rows(processing, longer)
    assert evaluate(processing) == 0
    assert report(processing)["metrics"]["num_held_out"]["value"] == 5
    assert report(processing)["comparison"]["answers"]["num_improved"] <= 4
