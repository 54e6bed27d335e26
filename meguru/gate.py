"""The gate: whether an evaluated model may be registered, and why not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

# The metrics of evaluation.json that can be held against thresholds, each with its highest value.
HIGHEST = {
    "exact_match": 1.0,
    "normalised_match": 1.0,
    "train_exact_match": 1.0,
    "chrf": 100.0,
    "bleu": 100.0,
    "rouge_l": 1.0,
    # There where a judge, labels or pairs of answers are; where a threshold names one that isn't,
    # the gate refuses.
    "judge": 1.0,
    "labelled_exact_match": 1.0,
    "labelled_chrf": 100.0,
    "labelled_judge": 1.0,
    "preference_accuracy": 1.0,
    "labelled_preference_accuracy": 1.0,
}
# A floor would let through what is bad in these: the gate doesn't judge them.
LOWER_IS_BETTER = ("loss", "perplexity", "seconds_per_answer")
# Of fewer questions an interval is so wide that next to nothing would pass: the value counts.
ENOUGH_GROUPS = 100


@dataclass(frozen=True)
class Thresholds:
    """What a model must reach: floors, and how far it may fall below the serving one.

    Metrics are fractions or scores where higher is better, under their names in evaluation.json.
    """

    minimum: Mapping[str, float]
    maximum_drop: Mapping[str, float]


@dataclass(frozen=True)
class Interval:
    """The bounds a value lies in but for chance, and how many independent questions say so."""

    low: float
    high: float
    num_groups: int

    def __str__(self) -> str:
        return f"{self.low:.4g} to {self.high:.4g}"


@dataclass(frozen=True)
class Difference:
    """A metric of the candidate minus the serving model's, on the same questions."""

    value: float
    interval: Interval | None = None


@dataclass(frozen=True)
class Decision:
    """`passed` when there is no reason against; each reason is one sentence for a person.

    `notes` are sentences too: what was decided on less than there should be.
    """

    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.reasons


def decide(
    metrics: Mapping[str, float],
    thresholds: Thresholds,
    serving: Mapping[str, float] | None = None,
    *,
    intervals: Mapping[str, Interval] | None = None,
    differences: Mapping[str, Difference] | None = None,
    leaks: Mapping[str, int] | None = None,
) -> Decision:
    """Hold `metrics` against the thresholds and, where a model is serving, against its metrics.

    Every metric a threshold names has to be there and finite, whether or not a model is serving.
    With enough questions the lower bound of its interval has to reach the floor, and that of its
    difference to the serving model has to stay within the drop. `differences` are those on the same
    questions; a metric that has none is held against `serving`, the serving model's own metrics.
    `leaks` counts the held-out questions of each kind that the training split has: none may be.
    """
    reasons: list[str] = list(_leaked(leaks or {}))
    notes: list[str] = []
    for name in dict.fromkeys([*thresholds.minimum, *thresholds.maximum_drop]):
        if name not in metrics:
            reasons.append(f"{name} is missing from the evaluation")
        elif not math.isfinite(metrics[name]):
            reasons.append(f"{name} is {metrics[name]}, not a number to compare")
        else:
            value, interval = metrics[name], (intervals or {}).get(name)
            for said in (
                _hold_floor(name, value, interval, thresholds.minimum.get(name)),
                _hold_drop(
                    name,
                    value,
                    (differences or {}).get(name),
                    (serving or {}).get(name),
                    thresholds.maximum_drop.get(name),
                ),
            ):
                reasons += said.reasons
                notes += said.notes
    return Decision(tuple(reasons), tuple(notes))


def _leaked(leaks: Mapping[str, int]) -> tuple[str, ...]:
    found = {kind: count for kind, count in leaks.items() if count}
    if not found:
        return ()
    kinds = ", ".join(f"{count} {kind}" for kind, count in found.items())
    total = sum(found.values())
    subject = "1 held-out question is" if total == 1 else f"{total} held-out questions are"
    return (
        f"{subject} in the training split ({kinds}) or in the prompt's examples: the evaluation "
        "names them; take them out there, or word them as one question's phrasings",
    )


def _hold_floor(
    name: str, value: float, interval: Interval | None, floor: float | None
) -> Decision:
    if floor is None:
        return Decision(())
    if _below(value, floor):
        return Decision((f"{name} is {value:.6g}, below the threshold {floor:.6g}",))
    if interval is None:
        return Decision(())
    if interval.num_groups < ENOUGH_GROUPS:
        return Decision((), (_too_few(name, value, interval, f"the threshold {floor:.6g}"),))
    if _below(interval.low, floor):
        said = (
            f"{name} is {value:.6g}, but by chance it may be as low as {interval.low:.4g} "
            f"({interval} on {interval.num_groups} questions), below the threshold {floor:.6g}"
        )
        return Decision((said,))
    return Decision(())


def _hold_drop(
    name: str,
    value: float,
    difference: Difference | None,
    serving: float | None,
    allowed: float | None,
) -> Decision:
    if allowed is None:
        return Decision(())
    if difference is None:
        # A serving model without this metric has nothing to fall below.
        if serving is not None and math.isfinite(serving) and _below(value, serving - allowed):
            return Decision((_fallen(name, value, allowed, serving),))
        return Decision(())
    if _below(difference.value, -allowed):
        return Decision((_fallen(name, value, allowed, value - difference.value),))
    interval = difference.interval
    if interval is None or not _below(interval.low, -allowed):
        return Decision(())
    # Where chance alone is more than the allowed drop, nothing could be shown to keep to it.
    if interval.num_groups < ENOUGH_GROUPS or difference.value - interval.low > allowed:
        against = f"a drop of {allowed:.6g} below the serving model"
        return Decision((), (_too_few(name, difference.value, interval, against, "changed by"),))
    said = (
        f"{name} changed by {difference.value:+.4g} against the serving model, but by chance it "
        f"may have fallen by {-interval.low:.4g} ({interval} on {interval.num_groups} questions), "
        f"more than {allowed:.6g}"
    )
    return Decision((said,))


def _fallen(name: str, value: float, allowed: float, serving: float) -> str:
    return f"{name} is {value:.6g}, more than {allowed:.6g} below the serving model's {serving:.6g}"


def _too_few(name: str, value: float, interval: Interval, against: str, verb: str = "is") -> str:
    return (
        f"{name} {verb} {value:.4g} on {interval.num_groups} questions, too few to hold its "
        f"interval ({interval}) against {against}: the value alone was held"
    )


def _below(value: float, floor: float) -> bool:
    # 0.8 - 0.1 is a little more than 0.7 in binary: what just reaches the floor has reached it.
    return value < floor and not math.isclose(value, floor, abs_tol=1e-12)
