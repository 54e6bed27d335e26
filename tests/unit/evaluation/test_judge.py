"""The judge: its scores count, its failures stop nothing, and a bad one is found out."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import pytest

from evaluation.judge import (
    MAX_FAILURES_IN_A_ROW,
    MAX_SECONDS,
    Judge,
    NoVerdict,
    judge_all,
    judge_both,
    try_out,
)
from evaluation.metrics import Sample
from evaluation.outcome import Evaluation
from tests.unit.evaluation.answers import make_sample, make_samples


class FakeJudge:
    """Scores by whether the answer is right; answers in `silent` get no verdict."""

    name = "fake"

    def __init__(self, silent: frozenset[str] = frozenset()) -> None:
        self.silent = silent
        self.asked: list[str] = []

    def score(self, sample: Sample) -> float:
        self.asked.append(sample.row.record_id)
        if sample.row.record_id in self.silent:
            raise NoVerdict("it was silent")
        return float(sample.exact)


def test_every_answer_has_its_score() -> None:
    judge: Judge = FakeJudge()
    judged = judge_all(judge, make_samples(2, 3), at_most=10)
    assert [sample.judged for sample in judged.samples] == [1, 1, 0, 0, 0]
    assert judged.reasons == {}


def test_one_without_a_verdict_leaves_the_others_theirs() -> None:
    judged = judge_all(FakeJudge(frozenset(["r1"])), make_samples(3, 0), at_most=10)
    assert [sample.judged for sample in judged.samples] == [1, None, 1]
    assert judged.reasons == {"it was silent": 1}


def test_a_judge_that_is_down_is_not_asked_for_each() -> None:
    samples = make_samples(50, 0)
    judge = FakeJudge(frozenset(sample.row.record_id for sample in samples))
    judged = judge_all(judge, samples, at_most=40)
    assert MAX_FAILURES_IN_A_ROW <= len(judge.asked) < 2 * MAX_FAILURES_IN_A_ROW
    assert [sample.row for sample in judged.samples] == [sample.row for sample in samples]
    assert sum(judged.reasons.values()) == 40


def test_no_more_are_asked_than_wanted() -> None:
    judge = FakeJudge()
    assert len(judge_all(judge, make_samples(9, 0), at_most=3).samples) == 9
    assert len(judge.asked) == 3


def test_a_slow_judge_is_not_waited_for_all_day() -> None:
    times = itertools.count(step=MAX_SECONDS / 3)
    judge = FakeJudge()
    judged = judge_all(judge, make_samples(40, 0), 40, lambda: next(times))
    assert 0 < len(judge.asked) < 40
    assert judged.reasons == {"not asked any more, after 30 minutes": 40 - len(judge.asked)}


ANSWERS = ["10日です。", "総務部です。", "Ask Mori in Finance.", "毎月25日に振り込みます。", "No."]


CHANCE = random.Random(1)


def questions() -> list[Sample]:
    return [make_sample("知りません", answer, f"q{n}") for n, answer in enumerate(ANSWERS)]


class Grader:
    """A judge that goes by whatever it is told to."""

    name = "grader"

    def __init__(self, score: Callable[[Sample], float]) -> None:
        self._score = score

    def score(self, sample: Sample) -> float:
        return self._score(sample)


def test_a_careful_judge_is_tried_out_and_asked() -> None:
    evaluation = Evaluation(questions(), [], [], [], 0.1)
    judged, _, described = judge_both(Grader(lambda one: float(one.exact)), evaluation, None, 10)
    assert [sample.judged for sample in judged.held_out] == [0.0] * 5
    assert described is not None
    assert (described["num_controls"], described["num_controls_right"]) == (9, 9)


@pytest.mark.parametrize(
    "score",
    [
        lambda one: 1.0,
        lambda one: 0.0,
        lambda one: 0.6,
        lambda one: float(len(one.answer) > 7),
        lambda one: float(CHANCE.random() > 0.5),
    ],
    ids=["likes all", "likes nothing", "never decides", "likes the long", "guesses"],
)
def test_a_judge_that_can_t_tell_right_from_wrong_has_no_say(
    score: Callable[[Sample], float],
) -> None:
    evaluation = Evaluation(questions(), [], [], [], 0.1)
    judged, _, described = judge_both(Grader(score), evaluation, evaluation, 3)
    assert [sample.judged for sample in judged.held_out] == [None] * 5
    assert described is not None
    assert described["is_unreliable"]
    assert described["reasons"] == {"the judge can't be relied on": 3}


def test_too_few_controls_say_nothing_of_a_judge() -> None:
    trial = try_out(Grader(lambda one: 1.0), questions()[:2])
    assert (trial.num_controls, trial.num_right, trial.is_unreliable) == (3, 2, False)
