"""The evaluation itself: a model and a dataset version in, metrics and samples out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.metrics import Sample, by_language, chrf, exact_match
from evaluation.model import AnswerLoss, ChatModel
from meguru.dataset_version import DatasetVersion, Row
from meguru.example import Example
from meguru.limits import TooLong


@dataclass(frozen=True)
class Settings:
    """How the evaluation is made. `num_train_samples` 0 leaves the training split out."""

    batch_size: int = 32
    max_new_tokens: int = 128
    num_train_samples: int = 100


@dataclass(frozen=True)
class Evaluation:
    """What was measured, on held-out rows and on some of the training split.

    `set_aside` are held-out rows that are too long for the model.
    """

    metrics: dict[str, dict[str, Any]]
    languages: dict[str, dict[str, float | int]]
    held_out: list[Sample]
    train: list[Sample]
    set_aside: list[TooLong]


def evaluate(
    model: ChatModel,
    dataset: DatasetVersion,
    settings: Settings,
    clock: Callable[[], float] = time.perf_counter,
) -> Evaluation:
    """Answer every held-out question; ValueError where the dataset has none for this model."""
    rows = dataset.answered("held_out")
    if not rows:
        raise ValueError("the dataset has no row in split 'held_out': nothing to evaluate on")
    examples, set_aside = encode_all(model, rows)
    if not examples:
        raise ValueError(f"each of the {len(rows)} held-out rows is too long for the model")
    started = clock()
    held_out = answer_all(model, examples, settings)
    seconds = clock() - started
    # What is too long here was set aside by the training already, by name.
    known, _ = encode_all(model, spread(dataset.answered("train"), settings.num_train_samples))
    train = answer_all(model, known, settings)
    loss = total_loss(model, examples, settings.batch_size)
    values: dict[str, float | int] = {
        "exact_match": round(exact_match(held_out), 4),
        "chrf": round(chrf(held_out), 2),
        "loss": round(loss.mean, 6),
        "perplexity": round(loss.perplexity, 4),
        "seconds_per_answer": round(seconds / len(held_out), 4),
        "num_held_out": len(held_out),
    }
    if train:
        values["train_exact_match"] = round(exact_match(train), 4)
    metrics = {name: {"value": value} for name, value in values.items()}
    return Evaluation(metrics, by_language(held_out), held_out, train, set_aside)


def encode_all(model: ChatModel, rows: Sequence[Row]) -> tuple[list[Example], list[TooLong]]:
    encoded = [model.encode(row) for row in rows]
    return (
        [one for one in encoded if isinstance(one, Example)],
        [one for one in encoded if isinstance(one, TooLong)],
    )


def answer_all(model: ChatModel, examples: Sequence[Example], settings: Settings) -> list[Sample]:
    """The model's answers in the examples' order; batches of like length waste no padding."""
    order = sorted(range(len(examples)), key=lambda index: examples[index].num_tokens)
    answers: dict[int, str] = {}
    for start in range(0, len(order), settings.batch_size):
        batch = order[start : start + settings.batch_size]
        asked = [examples[index] for index in batch]
        answers |= dict(zip(batch, model.answer(asked, settings.max_new_tokens), strict=True))
    return [Sample(one.row, answers[index]) for index, one in enumerate(examples)]


def total_loss(model: ChatModel, examples: Sequence[Example], batch_size: int) -> AnswerLoss:
    starts = range(0, len(examples), batch_size)
    losses = [model.loss(examples[start : start + batch_size]) for start in starts]
    return AnswerLoss(sum(one.total for one in losses), sum(one.num_tokens for one in losses))


def spread(rows: Sequence[Row], number: int) -> list[Row]:
    """At most `number` rows, evenly spread: the same ones on every run."""
    if number >= len(rows):
        return list(rows)
    return [rows[index * len(rows) // number] for index in range(number)]
