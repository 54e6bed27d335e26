"""A whole small run in one process: what it leaves, and what a second one starts from."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

MakeJob = Callable[..., Any]


def test_model_folder_is_what_transformers_reads(make_job: MakeJob) -> None:
    job = make_job(max_steps="4")
    assert job.train() == [0]

    folder = job.root / "model"
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
    # With another size and vocabulary asked for: both come from the initial model.
    second = make_job("second", max_steps="1", learning_rate="1e-8", hidden_size="64")
    channel = second.root / "input" / "data" / "initial_model"
    if archived:
        channel.mkdir()
        with tarfile.open(channel / "model.tar.gz", "w:gz") as tar:
            tar.add(first.root / "model", arcname=".")
    else:
        channel.symlink_to(first.root / "model")
    assert second.train() == [0]

    assert second.facts()["num_parameters"] == first.facts()["num_parameters"]
    assert second.curve()[0]["loss"] < first.curve()[0]["loss"] / 2


def test_batch_that_does_not_divide_is_refused(
    make_job: MakeJob, capfd: pytest.CaptureFixture[str]
) -> None:
    job = make_job(batch_size="7")
    assert job.train(world_size=2) == [1, 1]
    assert "batch_size=7 is not a multiple of the job's 2 processes" in capfd.readouterr().err
