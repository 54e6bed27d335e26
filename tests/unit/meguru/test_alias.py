"""Aliases: drawn by weight, the same for the same asker; compared in no known order."""

from __future__ import annotations

import json
from collections import Counter

from meguru.alias import Alias, read_aliases

FAST = Alias.read("fast", {"a": 90, "b": 10})


def test_over_many_askers_each_is_first_by_its_weight() -> None:
    drawn = Counter(FAST.drawn(str(number))[0] for number in range(10_000))
    # Four standard deviations of 10,000 draws.
    assert abs(drawn["b"] - 1000) < 120


def test_the_same_asker_has_the_same_models_in_the_same_order() -> None:
    order = FAST.drawn("somebody")
    assert sorted(order) == ["a", "b"]
    assert all(FAST.drawn("somebody") == order for _ in range(5))


def test_a_changed_weight_moves_no_more_than_it_has_to() -> None:
    changed = Alias.read("fast", {"a": 80, "b": 20})
    before, after = ([one.drawn(str(n))[0] for n in range(5000)] for one in (FAST, changed))
    moves = Counter(zip(before, after, strict=True))
    assert moves["b", "a"] == 0
    assert 350 < moves["a", "b"] < 650


def test_two_of_the_compared_are_drawn_in_any_order() -> None:
    alias = Alias.read("compare", ["a", "b", "c"])
    drawn = {alias.pair() for _ in range(500)}
    assert drawn == {(one, other) for one in "abc" for other in "abc" if one != other}
    assert alias.models == ("a", "b", "c")


def test_what_a_function_is_told() -> None:
    assert read_aliases("{}") == {}
    found = read_aliases(json.dumps({"fast": {"a": 90, "b": 10}, "c": ["a", "b"]}))
    assert found == {"fast": FAST, "c": Alias(name="c", between=("a", "b"))}
    assert FAST.models == ("a", "b")
