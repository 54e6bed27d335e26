"""The evaluation itself: a model and the rows it is measured on in, its answers and losses out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from evaluation.metrics import Sample
from evaluation.model import AnswerLoss, ChatModel
from evaluation.outcome import Evaluation, Settings
from evaluation.own_questions import OwnQuestions
from evaluation.safety import Prompt
from evaluation.sampling import spread
from meguru.dataset_version import DatasetVersion, Row
from meguru.example import Example
from meguru.limits import SetAside, TooLong


def evaluate(
    model: ChatModel,
    dataset: DatasetVersion,
    settings: Settings,
    own: OwnQuestions | None = None,
    prompts: Sequence[Prompt] = (),
    clock: Callable[[], float] = time.perf_counter,
) -> Evaluation:
    """Answer every held-out question; ValueError where the dataset has none for this model."""
    own = own or OwnQuestions()
    rows = dataset.answered("held_out")
    if not rows:
        raise ValueError("the dataset has no row in split 'held_out': nothing to evaluate on")
    examples, set_aside = encode_all(model, rows)
    if not examples:
        raise ValueError(why_none(set_aside))
    started = clock()
    held_out = measure(model, examples, settings)
    seconds = clock() - started
    # What can't be used of these was set aside by the training already, by name.
    known, _ = encode_all(model, spread(dataset.answered("train"), settings.num_train_samples))
    labelled, set_aside_too = encode_all(model, own.rows)
    return Evaluation(
        held_out=held_out,
        train=measure(model, known, settings),
        labelled=measure(model, labelled, settings),
        set_aside=set_aside + set_aside_too,
        seconds_per_answer=seconds / len(held_out),
        safety_answers=answer_prompts(model, prompts, settings),
    )


def encode_all(model: ChatModel, rows: Sequence[Row]) -> tuple[list[Example], list[SetAside]]:
    encoded = [model.encode(row) for row in rows]
    return (
        [one for one in encoded if isinstance(one, Example)],
        [one for one in encoded if not isinstance(one, Example)],
    )


def why_none(set_aside: Sequence[SetAside]) -> str:
    """What to say where no row is left to measure."""
    refused = [one for one in set_aside if not isinstance(one, TooLong)]
    if not refused:
        return f"each of the {len(set_aside)} held-out rows is too long for the model"
    return (
        f"none of the {len(set_aside)} held-out rows is one for the model; of "
        f"{refused[0].record_id}: {refused[0].reason}"
    )


def measure(model: ChatModel, examples: Sequence[Example], settings: Settings) -> list[Sample]:
    """The model's answers and the right answers' losses, in the examples' order."""
    answers = answer_all(model, examples, settings)
    losses = all_losses(model, examples, settings.batch_size)
    prefers = prefer(model, examples, settings)
    return [
        Sample(one.row, answer, loss.total, loss.num_tokens, prefers=prefers.get(index))
        for index, (one, answer, loss) in enumerate(zip(examples, answers, losses, strict=True))
    ]


def answer_all(model: ChatModel, examples: Sequence[Example], settings: Settings) -> list[str]:
    """The model's answers in the examples' order; batches of like length waste no padding."""
    order = sorted(range(len(examples)), key=lambda index: examples[index].num_tokens)
    answers: dict[int, str] = {}
    for start in range(0, len(order), settings.batch_size):
        batch = order[start : start + settings.batch_size]
        asked = [examples[index] for index in batch]
        answers |= dict(zip(batch, model.answer(asked, settings.max_new_tokens), strict=True))
    return [answers[index] for index in range(len(examples))]


def all_losses(model: ChatModel, examples: Sequence[Example], batch_size: int) -> list[AnswerLoss]:
    starts = range(0, len(examples), batch_size)
    return [loss for at in starts for loss in model.losses(examples[at : at + batch_size])]


def prefer(model: ChatModel, examples: Sequence[Example], settings: Settings) -> dict[int, bool]:
    """Whether the right answer has a lower loss for a token than the rejected one, by index.

    Only rows with a rejected answer that the model can read are in it.
    """
    pairs: dict[int, tuple[Example, Example]] = {}
    for index, right in enumerate(examples):
        if right.row.rejected:
            wrong = model.encode(right.row.with_answer(right.row.rejected))
            if isinstance(wrong, Example):
                # The longer answer may have cost more of the context: both come after as much.
                prompt = min(right.prompt, wrong.prompt, key=len)
                pairs[index] = (replace(right, prompt=prompt), replace(wrong, prompt=prompt))
    both = [example for pair in pairs.values() for example in pair]
    means = [loss.mean for loss in all_losses(model, both, settings.batch_size)]
    preferred = (right < wrong for right, wrong in zip(means[::2], means[1::2], strict=True))
    return dict(zip(pairs, preferred, strict=True))


def answer_prompts(model: ChatModel, prompts: Sequence[Prompt], settings: Settings) -> list[str]:
    rows = [
        Row.of_question(prompt.id, prompt.prompt, "", prompt.id, prompt.language, "safety")
        for prompt in prompts
    ]
    examples, _ = encode_all(model, rows)
    answers = answer_all(model, examples, settings)
    by_id = {one.row.record_id: answer for one, answer in zip(examples, answers, strict=True)}
    return [by_id.get(prompt.id, "") for prompt in prompts]
