"""Scorecards: counters read back, and the interval of a win rate."""

from __future__ import annotations

import pytest

from meguru.scorecard import (
    ALL,
    OPPONENT,
    OUTCOMES,
    TOPIC,
    Tally,
    counter,
    scorecard_key,
    tallies,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("wins", "votes", "low", "high"),
    [
        # Of the first column of published tables, 95 %.
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (8, 10, 0.4902, 0.9433),
        (1, 1, 0.2065, 1.0),
    ],
)
def test_wilson_s_interval(wins: int, votes: int, low: float, high: float) -> None:
    assert wilson_interval(wins, votes) == pytest.approx((low, high), abs=1e-4)


def test_without_a_vote_there_is_no_rate() -> None:
    assert wilson_interval(0, 0) is None
    told = Tally(ties=3).as_dict()
    assert (told["votes"], told["win_rate"], told["low"], told["high"]) == (3, None, None, None)


def test_ties_are_told_and_change_no_rate() -> None:
    told = Tally(wins=3, losses=1, ties=5, both_bad=2).as_dict()
    assert (told["votes"], told["win_rate"]) == (11, 0.75)


def test_counters_are_read_back_whatever_a_topic_is_called() -> None:
    item = {
        "name": "scorecard#a",
        "topics": {"wins"},
        counter(ALL, "wins"): 2,
        counter(OPPONENT, "wins", "b.v2"): 2,
        counter(TOPIC, "wins", "wins"): 1,
        counter(TOPIC, "losses", "経費"): 3,
        counter(TOPIC, "ties", "経費"): 1,
    }
    assert list(tallies(item, ALL)) == [("", Tally(wins=2))]
    assert list(tallies(item, OPPONENT)) == [("b.v2", Tally(wins=2))]
    assert list(tallies(item, TOPIC)) == [
        ("経費", Tally(losses=3, ties=1)),
        ("wins", Tally(wins=1)),
    ]


def test_keys_and_outcomes() -> None:
    assert len({scorecard_key("a"), scorecard_key("a", "app"), scorecard_key("b")}) == 3
    assert OUTCOMES == ("wins", "losses", "ties", "both_bad")
