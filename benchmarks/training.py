"""The training loop beside transformers' Trainer: one model, the same examples, one optimizer."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from transformers import PreTrainedModel, TrainingArguments
from transformers import Trainer as PeerTrainer

from benchmarks.measuring import Row, interleaved, keep
from cli.synthesis import REPOSITORY
from curation.parsing import parse_document
from curation.records import Record
from meguru.dataset_version import Row as Example
from meguru.hyperparameters import Hyperparameters
from training.checkpoints import Checkpoints
from training.distributed import World, join_world
from training.model import make_model
from training.objectives.causal_lm import CausalLM
from training.tokenizer import train_tokenizer
from training.trainer import Trainer

ROUNDS, NUM_STEPS, NUM_THREADS = 3, 60, 2
PEER_NAME = "transformers 5.19 Trainer"
# Neither augments nor saves: what is compared is the loop.
SETTINGS = Hyperparameters(
    max_steps=NUM_STEPS,
    dropout=0.0,
    question_dropout=0.0,
    context_ratio=0.0,
    checkpoint_minutes=0,
)


def main() -> None:
    torch.set_num_threads(NUM_THREADS)
    alone = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}
    os.environ |= {**alone, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    with tempfile.TemporaryDirectory() as folder, join_world() as world:
        loops = Loops(read_examples(), Path(folder), world)
        measured = interleaved({"ours": loops.ours, "peer": loops.peer}, ROUNDS)
    what = f"training steps of {SETTINGS.batch_size} examples, steps/s"
    keep("training", [Row(what, measured["ours"], measured["peer"], PEER_NAME, ">= 1")])


class Loops:
    """Both loops over the same examples; each run starts from the same weights."""

    def __init__(self, examples: Sequence[Example], folder: Path, world: World) -> None:
        self._folder, self._world = folder, world
        texts = [text for one in examples for text in (one.question, one.answer)]
        self._tokenizer = train_tokenizer(texts, SETTINGS.vocab_size)
        self._objective = CausalLM(examples, self._tokenizer, SETTINGS)

    def _model(self) -> PreTrainedModel:
        torch.manual_seed(SETTINGS.seed)
        return make_model(self._tokenizer, SETTINGS)

    def ours(self) -> float:
        checkpoints = Checkpoints(self._folder / "ours", self._world)
        trainer = Trainer(
            self._model(), self._objective, SETTINGS, self._world, checkpoints, {}, lambda: False
        )
        started = time.perf_counter()
        trainer.train()
        return NUM_STEPS / (time.perf_counter() - started)

    def peer(self) -> float:
        trainer = PeerTrainer(
            model=self._model(),
            args=TrainingArguments(
                output_dir=str(self._folder / "peer"),
                max_steps=NUM_STEPS,
                per_device_train_batch_size=SETTINGS.batch_size,
                learning_rate=SETTINGS.learning_rate,
                weight_decay=SETTINGS.weight_decay,
                max_grad_norm=SETTINGS.max_grad_norm,
                optim="adamw_torch_fused",
                logging_steps=SETTINGS.logging_steps,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                remove_unused_columns=False,
                use_cpu=True,
            ),
            train_dataset=Indices(len(self._objective.weights)),
            data_collator=partial(collate, self._objective),
        )
        started = time.perf_counter()
        trainer.train()
        return NUM_STEPS / (time.perf_counter() - started)


def collate(objective: CausalLM, indices: list[int]) -> dict[str, torch.Tensor]:
    """The peer's batch: the objective's, with the mask that its loop asks for."""
    batch = objective.batch(indices, torch.Generator().manual_seed(0))
    return {**batch, "attention_mask": torch.ones_like(batch["input_ids"])}


class Indices(torch.utils.data.Dataset[int]):
    """The examples' places; the collator makes batches of them, as our loop's objective does."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> int:
        return index


def read_examples() -> list[Example]:
    """The example company's questions, each phrasing an example."""
    documents = REPOSITORY / "examples" / "documents"
    return [
        Example.of_question(question, question, record.answer, record.answer, "ja", "train", 1)
        for path in sorted(documents.rglob("*.jsonl"))
        for record in parse_document(path, path.name)
        if isinstance(record, Record)
        for question in record.questions
    ]


if __name__ == "__main__":
    main()
