"""A judge: another model that scores answers by what they say, not by how they say it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol

from evaluation.metrics import Sample, rouge_l
from evaluation.outcome import Evaluation

# A judge that is down must not cost a timeout for each of a thousand answers, and one that is slow
# not a day.
MAX_FAILURES_IN_A_ROW = 5
MAX_SECONDS = 1800.0
_AT_ONCE = 4


# Answers whose grade is known, of either kind; of a judge worth asking fewer are graded wrong.
NUM_CONTROLS = 5
_ENOUGH_CONTROLS = 4
_LEAST_RIGHT = 0.75
_ALIKE = 0.6


class NoVerdict(Exception):
    """The judge gave no score for an answer; the message says why."""


class Judge(Protocol):
    """Whatever scores an answer: a model behind an OpenAI-compatible address, a fake in tests."""

    @property
    def name(self) -> str: ...

    def score(self, sample: Sample) -> float:
        """From 0 (wrong) to 1 (says the same as the right answer), or NoVerdict."""
        ...


@dataclass(frozen=True)
class Judged:
    """The samples with their scores, and why some have none: how often for each reason."""

    samples: list[Sample]
    reasons: dict[str, int]


def judge_all(
    judge: Judge,
    samples: Sequence[Sample],
    at_most: int,
    clock: Callable[[], float] = time.monotonic,
) -> Judged:
    """Score the first `at_most` samples, some at a time. What has no verdict stands without one.

    After MAX_FAILURES_IN_A_ROW, or MAX_SECONDS, the rest isn't asked any more.
    """
    asked = list(samples[:at_most])
    found: list[Sample] = []
    reasons: Counter[str] = Counter()
    failures = 0
    until = clock() + MAX_SECONDS
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for start in range(0, len(asked), _AT_ONCE):
            some = asked[start : start + _AT_ONCE]
            if why := _why_no_more(failures, is_late=clock() > until):
                reasons[why] += len(asked) - start
                found += asked[start:]
                break
            for sample, verdict in zip(some, threads.map(_asker(judge), some), strict=True):
                if isinstance(verdict, NoVerdict):
                    failures += 1
                    reasons[str(verdict)] += 1
                    found.append(sample)
                else:
                    failures = 0
                    found.append(replace(sample, judged=verdict))
    return Judged([*found, *samples[at_most:]], dict(reasons))


@dataclass(frozen=True)
class Trial:
    """How many control answers a judge graded, and how many of them right."""

    num_controls: int
    num_right: int

    @property
    def is_unreliable(self) -> bool:
        is_known = self.num_controls >= _ENOUGH_CONTROLS
        return is_known and self.num_right < _LEAST_RIGHT * self.num_controls


def try_out(judge: Judge, samples: Sequence[Sample]) -> Trial:
    """Have a judge grade right answers, and other questions' answers, in place of the model's.

    One that likes all of them, or none, or goes by chance, tells nothing of a model.
    """
    right = [replace(one, answer=one.row.answer) for one in samples[:NUM_CONTROLS]]
    wrong = [one for one in map(_another_s, samples, samples[1:]) if one][:NUM_CONTROLS]
    num_right = num_controls = 0
    for controls, is_good in ((right, True), (wrong, False)):
        for sample in judge_all(judge, controls, len(controls)).samples:
            if sample.judged is not None:
                num_controls += 1
                num_right += (sample.judged >= 0.75) if is_good else (sample.judged <= 0.5)
    return Trial(num_controls, num_right)


def _another_s(sample: Sample, other: Sample) -> Sample | None:
    """The sample with another's answer, where that is quite another one."""
    swapped = replace(sample, answer=other.row.answer)
    return swapped if rouge_l(swapped) < _ALIKE else None


def _why_no_more(failures: int, *, is_late: bool) -> str:
    if failures >= MAX_FAILURES_IN_A_ROW:
        return "not asked any more, after failures in a row"
    return f"not asked any more, after {MAX_SECONDS / 60:g} minutes" if is_late else ""


def _asker(judge: Judge) -> Any:
    def ask(sample: Sample) -> float | NoVerdict:
        try:
            return judge.score(sample)
        except NoVerdict as error:
            return error

    return ask


def judge_both(
    judge: Judge | None, evaluation: Evaluation, baseline: Evaluation | None, at_most: int
) -> tuple[Evaluation, Evaluation | None, dict[str, Any] | None]:
    """Both models' answers with a judge's scores, and what became of asking it."""
    if judge is None:
        return evaluation, baseline, None
    trial = try_out(judge, evaluation.held_out)
    if trial.is_unreliable:
        num_unjudged = min(len(evaluation.held_out), at_most)
        reasons = {"the judge can't be relied on": num_unjudged}
        return evaluation, baseline, _described(judge, trial, reasons)
    held_out = judge_all(judge, evaluation.held_out, at_most)
    labelled = judge_all(judge, evaluation.labelled, at_most)
    judged = [held_out, labelled]
    if baseline:
        before = judge_all(judge, baseline.held_out, at_most)
        judged.append(before)
        baseline = replace(baseline, held_out=before.samples)
    said: Counter[str] = Counter()
    for one in judged:
        said.update(one.reasons)
    return (
        replace(evaluation, held_out=held_out.samples, labelled=labelled.samples),
        baseline,
        _described(judge, trial, said),
    )


def _described(judge: Judge, trial: Trial, reasons: Mapping[str, int]) -> dict[str, Any]:
    return {
        "name": judge.name,
        "num_unjudged": sum(reasons.values()),
        "reasons": dict(reasons),
        "num_controls": trial.num_controls,
        "num_controls_right": trial.num_right,
        "is_unreliable": trial.is_unreliable,
    }
