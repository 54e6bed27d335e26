"""The evaluation job: what it measures, what it compares, and how it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import torch

from evaluation.job import main
from meguru.gate import HIGHEST, LOWER_IS_BETTER


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
    assert {name: metrics[name] for name in HIGHEST} == HIGHEST
    assert metrics.keys() == {*HIGHEST, *LOWER_IS_BETTER, "num_held_out"}
    assert metrics["num_held_out"] == 4
    assert 1.0 <= metrics["perplexity"] < 2.0
    assert metrics["seconds_per_answer"] > 0
    assert written["languages"]["ja"] == {"exact_match": 1.0, "chrf": 100.0, "num_held_out": 2}
    assert (written["training_job"], written["commit"]) == ("faq-1", "abc123")
    assert len(written["dataset_version"]) == 64
    assert "comparison" not in written


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
