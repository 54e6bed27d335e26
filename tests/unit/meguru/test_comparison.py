"""A comparison as its table has it."""

from __future__ import annotations

import pytest

from meguru.comparison import BOTH_BAD, TIE, WINNERS, Candidate, Comparison, Winner, read_winner

COMPARED = Comparison(
    comparison_id="cmpr-1",
    consumer="app",
    created_at="2026-11-27T00:00:00+00:00",
    topic="japanese",
    is_topic_given=False,
    candidates=(
        Candidate(model="a", inference_id="chatcmpl-1"),
        Candidate(model="b", inference_id="chatcmpl-2"),
    ),
)


def test_it_is_read_as_it_was_put() -> None:
    assert Comparison.read(COMPARED.item()) == COMPARED
    assert "winner" not in COMPARED.item()


@pytest.mark.parametrize("winner", WINNERS)
def test_a_vote_is_read_back(winner: Winner) -> None:
    assert read_winner(str(winner)) == winner
    assert Comparison.read({**COMPARED.item(), "winner": str(winner)}).winner == winner


def test_what_a_vote_means_for_each() -> None:
    assert COMPARED.outcomes(0) == ("wins", "losses")
    assert COMPARED.outcomes(1) == ("losses", "wins")
    assert COMPARED.outcomes(TIE) == ("ties", "ties")
    assert COMPARED.outcomes(BOTH_BAD) == ("both_bad", "both_bad")
