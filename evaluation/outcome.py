"""How an evaluation is made, and what comes out of it: answers, and what had none."""

from __future__ import annotations

from dataclasses import dataclass, field

from evaluation.metrics import Sample
from meguru.limits import SetAside


@dataclass(frozen=True)
class Settings:
    """How the evaluation is made. `num_train_samples` 0 leaves the training split out.

    `num_judged` is how many answers at most are shown to a judge, where there is one.
    """

    batch_size: int = 32
    max_new_tokens: int = 128
    num_train_samples: int = 100
    num_judged: int = 200


@dataclass(frozen=True)
class Evaluation:
    """What a model answered, on held-out rows, on some of the training split, on own questions.

    `set_aside` are held-out and own rows that are too long for the model, or that its chat template
    refuses. `safety_answers` are those to the safety prompts, "" where one is such a row.
    """

    held_out: list[Sample]
    train: list[Sample]
    labelled: list[Sample]
    set_aside: list[SetAside]
    seconds_per_answer: float
    safety_answers: list[str] = field(default_factory=list)
