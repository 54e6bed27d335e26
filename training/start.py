"""What a run starts from: nothing, an earlier model, or a base model, with or without adapter."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from meguru.adapter import BaseReference
from meguru.base_model import verify
from meguru.dataset_version import DatasetVersion
from meguru.hyperparameters import CONTEXT, Hyperparameters
from meguru.model_archive import open_model
from training.adapter import Adapter
from training.base_model import context_length, load_base, stored_dtype
from training.distributed import World
from training.job import Job
from training.model import load_initial_model, make_model, save_model, with_shape_of
from training.objectives.sequences import check_logits
from training.precision import prepare_for_training, weights_dtype
from training.tokenizer import train_tokenizer


@dataclass(frozen=True)
class Start:
    """A model to train and its tokenizer, the same on every rank; `settings` fit the model.

    A full model is saved in `dtype`, an adapter as it is unless it is to be merged.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    settings: Hyperparameters
    base: BaseReference | None = None
    adapter: Adapter | None = None
    dtype: torch.dtype = torch.float32

    def save(self, folder: Path, weights: dict[str, torch.Tensor] | None = None) -> None:
        """Write the trained model, which is of no use for training any more.

        `weights` are its state dict where this process holds only a part of it.
        """
        if self.adapter and not self.settings.merge:
            folder.mkdir(parents=True, exist_ok=True)
            self.adapter.save(folder, weights)
            self.tokenizer.save_pretrained(folder)
            return
        model = self.adapter.merge() if self.adapter else self.model
        if weights is None:
            torch.nn.Module.to(model, self.dtype)
        else:
            weights = {name: one.to(self.dtype) for name, one in weights.items()}
            model.config.dtype = self.dtype
        save_model(folder, model, self.tokenizer, weights)

    def refuse_merge_of_parts(self, *, is_sharded: bool) -> None:
        """Before training: an adapter can't be merged into weights that nobody holds whole."""
        if self.adapter and self.settings.merge and is_sharded:
            raise ValueError(
                "hyperparameter merge=1: the model is sharded over the processes; keep the adapter "
                "(merge=0), or leave a copy to each process (sharding=none)"
            )


def make_start(job: Job, dataset: DatasetVersion, settings: Hyperparameters, world: World) -> Start:
    """What the job's channels and hyperparameters say; ValueError where they contradict."""
    torch.manual_seed(settings.seed)
    wanted = job.hyperparameters()
    if job.base_model:
        if os.environ["LOCAL_RANK"] == "0":
            verify(job.base_model)
        world.gather(None)  # nothing is read before every host knows its files
        start = _from_base(job.base_model, job.initial_model, wanted, settings, world)
    elif settings.method == "lora":
        raise ValueError(
            "hyperparameter method='lora': an adapter needs a base model: channel base"
        )
    else:
        start = _whole(job.initial_model, dataset, wanted, settings, world)
    prepare_for_training(start.model, settings, world.device)
    return start


def _whole(
    initial: Path | None,
    dataset: DatasetVersion,
    wanted: Collection[str],
    settings: Hyperparameters,
    world: World,
) -> Start:
    """An earlier model of ours, or a new one that learns its words from the dataset."""
    if initial:
        model, tokenizer = load_initial_model(initial, wanted, settings)
    else:
        rows = dataset.answered("train")
        texts = [message["content"] for row in rows for message in row.own_messages]
        tokenizer = world.broadcast(
            train_tokenizer(texts, settings.vocab_size) if world.is_first else None
        )
        model = make_model(tokenizer, settings)
    return Start(model, tokenizer, with_shape_of(model, settings))


def _from_base(
    folder: Path,
    initial: Path | None,
    wanted: Collection[str],
    settings: Hyperparameters,
    world: World,
) -> Start:
    """The base model, or where an earlier model of it is given, that one."""
    base = BaseReference.of(folder)
    dtype = weights_dtype(settings, world.device)
    model, tokenizer = load_base(folder, wanted, settings, dtype)
    check_logits(model)
    own = with_shape_of(model, settings)
    most = settings.max_position_embeddings if CONTEXT in wanted else context_length(model)
    settings = dataclasses.replace(own, max_position_embeddings=most)
    stored = stored_dtype(folder)
    if initial:
        # A place of its own for each process: they unpack at the same time.
        with tempfile.TemporaryDirectory() as scratch:
            earlier = open_model(initial, Path(scratch))
            return _from_earlier(Start(model, tokenizer, settings, base, None, stored), earlier)
    adapter = Adapter.add(model, base, settings) if settings.method == "lora" else None
    return Start(model, tokenizer, settings, base, adapter, stored)


def _from_earlier(start: Start, folder: Path) -> Start:
    """`start` with the adapter or the whole model that an earlier run left in `folder`."""
    reference, settings = BaseReference.read(folder), start.settings
    if reference is None:
        if settings.method == "lora":
            raise ValueError(
                "hyperparameter method='lora': the initial model is a whole model, no adapter; "
                "leave it out to begin with the base model, or train it with method full"
            )
        model, tokenizer = load_initial_model(folder, (), settings)
        return dataclasses.replace(start, model=model, tokenizer=tokenizer)
    if reference != start.base:
        raise ValueError(
            f"the initial model is an adapter of {reference}, and channel base holds {start.base}"
        )
    adapter = Adapter.load(start.model, reference, folder, settings)
    if settings.method == "lora":
        return dataclasses.replace(start, adapter=adapter)
    merged = adapter.merge().requires_grad_(True)
    return dataclasses.replace(start, model=merged)
