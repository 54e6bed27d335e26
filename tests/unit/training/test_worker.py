"""A whole small run in one process: what it leaves, and what a second one starts from."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from meguru.model_hashes import check_hashes
from tests.unit.training.conftest import make_rows, write_dataset
from training.worker import main

MakeJob = Callable[..., Any]


def test_model_folder_is_what_transformers_reads(make_job: MakeJob) -> None:
    job = make_job(max_steps="4")
    assert job.train() == [0]

    folder = job.root / "model"
    assert check_hashes(folder)
    names = {path.name for path in folder.iterdir()}
    assert {"model.safetensors", "config.json", "generation_config.json"} <= names
    assert {"tokenizer.json", "tokenizer_config.json", "training.json"} <= names
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    assert tokenizer.chat_template
    assert model.config.vocab_size == len(tokenizer)
    facts = job.facts()
    assert facts["num_steps"] == 4
    assert facts["num_parameters"] == model.num_parameters()
    assert facts["resumed_from_steps"] == []
    assert facts["final_loss"] > 0
    assert len(facts["dataset_version"]) == 64


@pytest.mark.parametrize("archived", [False, True])
def test_initial_model_is_where_a_run_starts(make_job: MakeJob, archived: bool) -> None:
    first = make_job("first", max_steps="60", learning_rate="0.01")
    assert first.train() == [0]
    # With another vocabulary asked for: it comes from the initial model, like its shape.
    second = make_job("second", max_steps="1", learning_rate="1e-8", vocab_size="400")
    for name in ("hidden_size", "max_position_embeddings"):
        del second.hyperparameters[name]
    second.write()
    channel = second.root / "input" / "data" / "initial_model"
    if archived:
        channel.mkdir()
        with tarfile.open(channel / "model.tar.gz", "w:gz") as tar:
            tar.add(first.root / "model", arcname=".")
    else:
        channel.symlink_to(first.root / "model")
    assert second.train() == [0]

    assert second.facts()["num_parameters"] == first.facts()["num_parameters"]
    shapes = [job.facts()["hyperparameters"] for job in (first, second)]
    assert shapes[0]["max_position_embeddings"] == shapes[1]["max_position_embeddings"] == 128
    assert shapes[0]["hidden_size"] == shapes[1]["hidden_size"] == 32
    assert second.curve()[0]["loss"] < first.curve()[0]["loss"] / 2


def test_batch_that_does_not_divide_is_refused(
    make_job: MakeJob, capfd: pytest.CaptureFixture[str]
) -> None:
    job = make_job(batch_size="7")
    assert job.train(world_size=2) == [1, 1]
    assert "batch_size=7 is not a multiple of the job's 2 processes" in capfd.readouterr().err


def test_initial_model_s_context_may_grow(make_job: MakeJob) -> None:
    first = make_job("first", max_steps="1")
    assert first.train() == [0]
    second = make_job("second", max_steps="1", max_position_embeddings="256")
    (second.root / "input" / "data" / "initial_model").symlink_to(first.root / "model")
    assert second.train() == [0]
    assert second.facts()["hyperparameters"]["max_position_embeddings"] == 256
    model = AutoModelForCausalLM.from_pretrained(second.root / "model")
    assert model.config.max_position_embeddings == 256


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("hidden_size", "64", "hidden_size=64: the initial model has 32, and a training that goes"),
        ("num_hidden_layers", "3", "num_hidden_layers=3: the initial model has 2"),
        ("max_position_embeddings", "64", "max_position_embeddings=64: the initial model has 128"),
    ],
)
def test_value_that_contradicts_the_initial_model_is_refused(
    make_job: MakeJob, capfd: pytest.CaptureFixture[str], name: str, value: str, said: str
) -> None:
    first = make_job("first", max_steps="1")
    assert first.train() == [0]
    second = make_job("second", max_steps="1", **{name: value})
    (second.root / "input" / "data" / "initial_model").symlink_to(first.root / "model")
    assert second.train() == [1]
    assert f"ValueError: hyperparameter {said}" in capfd.readouterr().err


def test_record_beyond_the_context_is_set_aside_by_name(
    make_job: MakeJob, capfd: pytest.CaptureFixture[str]
) -> None:
    job = make_job(max_steps="2")
    rows = make_rows()
    long = {"record_id": "long", "answer": "10日 " * 120, "source_uri": "raw/long.jsonl"}
    rows = [{**row, "source_uri": "raw/a.jsonl"} for row in rows]
    write_dataset(job.root / "input" / "data" / "dataset", [*rows, {**rows[0], **long}])
    assert job.train() == [0]
    (set_aside,) = job.facts()["set_aside"]
    assert (set_aside["record_id"], set_aside["source_uri"]) == ("long", "raw/long.jsonl")
    assert set_aside["num_tokens"] > set_aside["limit"] == 128
    assert job.facts()["num_set_aside"] == 1
    assert "event=set_aside record_id=long source_uri=raw/long.jsonl" in capfd.readouterr().out


def test_dataset_of_which_nothing_fits_ends_the_job_with_one_line(
    make_job: MakeJob, capfd: pytest.CaptureFixture[str]
) -> None:
    job = make_job(max_position_embeddings="16", max_steps="2")
    rows = [{**row, "answer": "10日 " * 120} for row in make_rows()]
    write_dataset(job.root / "input" / "data" / "dataset", rows)
    assert job.train() == [1]
    assert "ValueError: no record of the dataset fits max_pos" in capfd.readouterr().err


def test_dataset_without_training_rows_is_refused(
    make_job: MakeJob, capfd: pytest.CaptureFixture[str]
) -> None:
    job = make_job(max_steps="2")
    rows = [{**row, "split": "held_out"} for row in make_rows()]
    write_dataset(job.root / "input" / "data" / "dataset", rows)
    assert job.train() == [1]
    assert "the dataset has no row in split 'train'" in capfd.readouterr().err


def test_a_gpu_that_torch_does_not_see_fails_in_one_line(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job()
    config = job.root / "input" / "config" / "resourceconfig.json"
    host = {"current_host": "127.0.0.1", "hosts": ["127.0.0.1"]}
    config.write_text(json.dumps({**host, "current_instance_type": "ml.g5.xlarge"}))
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(job.root))
    monkeypatch.setattr("signal.signal", lambda number, handler: None)

    with pytest.raises(ValueError, match=r"there is a GPU \(ml.g5.xlarge\) but torch sees none"):
        main(job.root / "outcome")
