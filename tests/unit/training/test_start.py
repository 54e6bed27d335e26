"""Starting from a base model: what is trained, what is left, and what is refused in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from evaluation.model import ChatModel
from inference_containers.text.load import load
from meguru.adapter import BASE_SOURCE
from tests.unit.training.base_models import write_base, write_manifest
from training.checkpoint_files import Manifest
from training.checkpoints import Checkpoint

MakeJob = Callable[..., Any]
OWN_SHAPE = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
LORA = {"method": "lora", "lora_rank": "4", "learning_rate": "0.01", "dropout": "0"}


@pytest.fixture
def make_based(make_job: MakeJob) -> MakeJob:
    """A job with a tiny base model; its shape is the base model's."""

    def make(name: str = "job", base: Path | None = None, **values: str) -> Any:
        job = make_job(name, **values)
        for one in OWN_SHAPE:
            del job.hyperparameters[one]
        job.write()
        channel = job.root / "input" / "data" / "base"
        if base:
            channel.symlink_to(base)
        else:
            write_base(channel)
        return job

    return make


def base_of(job: Any) -> Path:
    folder: Path = job.root / "input" / "data" / "base"
    return folder


def tensors(path: Path) -> dict[str, torch.Tensor]:
    return load_file(path)


def test_full_training_starts_from_the_base_model(make_based: MakeJob) -> None:
    job = make_based(max_steps="1", learning_rate="1e-8")
    assert job.train() == [0]
    before = tensors(base_of(job) / "model.safetensors")
    after = tensors(job.root / "model" / "model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)
    assert job.facts()["base"]["name"] == "tiny"
    assert job.facts()["num_parameters"] == job.facts()["num_trained_parameters"]


def test_an_adapter_is_all_that_is_trained_and_kept(make_based: MakeJob) -> None:
    job = make_based(max_steps="20", **LORA)
    assert job.train() == [0]

    folder = job.root / "model"
    assert not (folder / "model.safetensors").exists()
    assert {path.name for path in (folder / "adapter").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    base = json.loads((folder / "base.json").read_text())
    manifest = json.loads((base_of(job) / "manifest.json").read_text())
    assert (base["name"], base["revision"]) == ("tiny", manifest["revision"])
    facts = job.facts()
    adapter = tensors(folder / "adapter" / "adapter_model.safetensors")
    assert facts["num_trained_parameters"] == sum(one.numel() for one in adapter.values())
    assert facts["num_trained_parameters"] < facts["num_parameters"] / 2
    # A save waits for the one before it: at which step the newest is made is not said.
    newest = max((job.root / "checkpoints").glob("step-*"))
    saved_as = Manifest.read(newest)
    assert saved_as is not None
    sizes = Checkpoint(newest, saved_as).sizes()
    saved = [name for name in sizes if name.startswith("weights/")]
    assert len(saved) == len(adapter)
    assert all("lora_" in name for name in saved)
    losses = [one["loss"] for one in job.curve()]
    assert losses[-1] < losses[0]


def test_a_resumed_adapter_is_bit_identical(make_based: MakeJob) -> None:
    values = {**LORA, "lora_dropout": "0.1", "max_steps": "60"}
    whole, killed = make_based("whole", **values), make_based("killed", **values)
    assert whole.train(world_size=2) == [0, 0]
    for step in (5, 25):
        processes = killed.fork(world_size=2)
        killed.wait_for_checkpoint(step)
        for process in processes:
            process.kill()
            process.join()
    assert killed.train(world_size=2) == [0, 0]
    assert killed.facts()["resumed_from_steps"]
    path = Path("model", "adapter", "adapter_model.safetensors")
    assert (killed.root / path).read_bytes() == (whole.root / path).read_bytes()


def test_merged_is_the_base_model_with_its_adapter(make_based: MakeJob) -> None:
    kept, merged = (
        make_based(name, max_steps="6", merge=value, **LORA)
        for name, value in (("kept", "0"), ("merged", "1"))
    )
    assert kept.train() == merged.train() == [0]
    assert not (merged.root / "model" / "adapter").exists()
    ids = torch.arange(20)[None]
    base = AutoModelForCausalLM.from_pretrained(base_of(kept))
    before = base(ids).logits
    own = PeftModel.from_pretrained(base, str(kept.root / "model" / "adapter"))
    whole = AutoModelForCausalLM.from_pretrained(merged.root / "model")
    assert torch.allclose(own(ids).logits, whole(ids).logits, atol=1e-5)
    assert not torch.allclose(before, whole(ids).logits, atol=1e-3)


def test_serving_and_evaluation_read_an_adapter_over_its_base(make_based: MakeJob) -> None:
    job = make_based(max_steps="6", **LORA)
    assert job.train() == [0]
    folder, base = job.root / "model", base_of(job)
    source = job.root / BASE_SOURCE
    source.parent.mkdir()
    source.symlink_to(base)
    served = load(folder).model
    judged = ChatModel.load(folder, base)._model
    right = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(base), str(folder / "adapter")
    )
    ids = torch.arange(20)[None]
    assert torch.equal(served(ids).logits, judged(ids).logits)
    assert torch.allclose(served(ids).logits, right(ids).logits, atol=1e-5)

    source.unlink()
    changed = Path(shutil.copytree(base, job.root / "changed"))
    change_a_byte(changed)
    source.symlink_to(changed)
    with pytest.raises(ValueError, match=r"^the base model tiny, .*: model\.safetensors is not"):
        load(folder)

    source.unlink()
    with pytest.raises(
        ValueError, match=r"adapter of base model tiny, revision .*no base model wa"
    ):
        load(folder)
    source.symlink_to(write_base(job.root / "another", seed=1))
    for attempt in (lambda: load(folder), lambda: ChatModel.load(folder, source)):
        with pytest.raises(
            ValueError, match=r"adapter of base model tiny, .* and the base given is"
        ):
            attempt()


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU computes in bf16")
def test_weights_in_bf16_answer_alike_wherever_a_cpu_computes_them(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    halves = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    halves.save_pretrained(base)
    assert json.loads((base / "config.json").read_text())["dtype"] == "bfloat16"
    write_manifest(base)
    served, judged = load(base).model, ChatModel.load(base)._model
    assert {one.dtype for one in (*served.parameters(), *judged.parameters())} == {torch.float32}
    ids = torch.arange(60).reshape(3, 20)
    alone = torch.cat([served(one[None]).logits for one in ids])
    assert torch.allclose(alone, judged(ids).logits, atol=1e-5)


def test_an_adapter_is_trained_further(make_based: MakeJob) -> None:
    first = make_based("first", max_steps="40", **LORA)
    assert first.train() == [0]
    values = {**LORA, "max_steps": "1", "learning_rate": "1e-8"}
    second = make_based("second", base=base_of(first), **values)
    (second.root / "input" / "data" / "initial_model").symlink_to(first.root / "model")
    assert second.train() == [0]
    assert second.curve()[0]["loss"] < first.curve()[0]["loss"] - 0.3
    path = Path("model", "adapter", "adapter_model.safetensors")
    before, after = tensors(first.root / path), tensors(second.root / path)
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)


def test_an_adapter_of_another_base_is_refused(
    make_based: MakeJob, capfd: pytest.CaptureFixture[str]
) -> None:
    first = make_based("first", max_steps="1", **LORA)
    assert first.train() == [0]
    other = write_base(first.root / "other", seed=1)
    second = make_based("second", base=other, max_steps="1", **LORA)
    (second.root / "input" / "data" / "initial_model").symlink_to(first.root / "model")
    assert second.train() == [1]
    assert (
        "ValueError: the initial model is an adapter of base model tiny" in capfd.readouterr().err
    )


def test_tied_weights_stay_tied(make_based: MakeJob, tmp_path: Path) -> None:
    base = write_base(tmp_path / "base", tie_word_embeddings=True)
    job = make_based(base=base, max_steps="2")
    assert job.train() == [0]
    model = AutoModelForCausalLM.from_pretrained(job.root / "model")
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert job.facts()["num_parameters"] == model.num_parameters()


def test_a_base_model_without_chat_template_gets_one_that_is_saved(make_based: MakeJob) -> None:
    job = make_based(max_steps="1", **LORA)
    write_base_again(job, has_template=False)
    assert job.train() == [0]
    tokenizer = PreTrainedTokenizerFast.from_pretrained(job.root / "model")
    messages = [
        {"role": "user", "content": "When?<|end|>"},
        {"role": "assistant", "content": "Now"},
    ]
    assert (
        tokenizer.apply_chat_template(messages[:1], tokenize=False) == "user\nWhen?<|end|><|end|>"
    )
    assert job.curve()[0]["loss"] > 0


def write_base_again(job: Any, **values: Any) -> None:
    for path in base_of(job).iterdir():
        path.unlink()
    write_base(base_of(job), **values)


def lose_a_shard(base: Path) -> None:
    weights = load_file(base / "model.safetensors")
    (base / "model.safetensors").unlink()
    names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    halves = [dict(list(weights.items())[start::2]) for start in (0, 1)]
    for name, half in zip(names, halves, strict=True):
        save_file(half, base / name, {"format": "pt"})
    places = {key: name for name, half in zip(names, halves, strict=True) for key in half}
    index = {"metadata": {}, "weight_map": places}
    (base / "model.safetensors.index.json").write_text(json.dumps(index))
    (base / names[1]).unlink()
    write_manifest(base)


def lose_a_weight(base: Path) -> None:
    weights = load_file(base / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, base / "model.safetensors", {"format": "pt"})
    write_manifest(base)


def change_a_byte(base: Path) -> None:
    content = bytearray((base / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (base / "model.safetensors").write_bytes(content)


def cut_weights(base: Path) -> None:
    content = (base / "model.safetensors").read_bytes()
    (base / "model.safetensors").write_bytes(content[:-100])
    write_manifest(base)


@pytest.mark.parametrize(
    ("damage", "values", "said"),
    [
        (
            lose_a_shard,
            LORA,
            "model-00002-of-00002.safetensors is missing; add it again with",
        ),
        (lose_a_weight, LORA, "the base model lacks the weights model.layers.1.mlp.up_proj.weight"),
        (change_a_byte, LORA, ": model.safetensors is not the file that manifest.json lists"),
        (cut_weights, LORA, "the base model's weights are damaged"),
        (lambda base: (base / "tokenizer.json").unlink(), {}, "tokenizer.json is missing; add it"),
        (lambda base: (base / "manifest.json").unlink(), {}, "it has no manifest.json"),
        (lambda base: None, {"hidden_size": "64"}, "hidden_size=64: the base model has 32"),
        (lambda base: None, {"max_position_embeddings": "256"}, "=256: the base model has 128"),
        (
            lambda base: None,
            {**LORA, "lora_targets": "q_proj,x_proj"},
            "has no x_proj; it has down_p",
        ),
    ],
)
def test_bad_base_model_ends_the_job_with_one_line(
    make_based: MakeJob,
    capfd: pytest.CaptureFixture[str],
    damage: Callable[[Path], object],
    values: dict[str, str],
    said: str,
) -> None:
    job = make_based(max_steps="1", **values)
    job.hyperparameters |= values
    job.write()
    damage(base_of(job))
    assert job.train() == [1]
    (line,) = [one for one in capfd.readouterr().err.splitlines() if "ValueError: " in one]
    assert said in line


def test_an_adapter_in_tied_weights_is_refused(
    make_based: MakeJob, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    base = write_base(tmp_path / "base", tie_word_embeddings=True)
    job = make_based(base=base, max_steps="1", **LORA, lora_targets="q_proj,lm_head")
    assert job.train() == [1]
    assert "lora_targets: lm_head shares its weights" in capfd.readouterr().err


def test_an_adapter_without_base_model_is_refused(
    make_job: MakeJob, capfd: pytest.CaptureFixture[str]
) -> None:
    assert make_job(max_steps="1", **LORA).train() == [1]
    assert "method='lora': an adapter needs a base model" in capfd.readouterr().err
