"""Which feedback comes to the function that asks for curation, and which thresholds it has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from localcloud.check import matches

from tests.stacks.deployment import long_variables

if TYPE_CHECKING:
    from tests.stacks.synthesis import Synthesis

# By the environment's file: of those, one learns from votes.
KINDS = {"poc": {"correction"}, "production": {"correction"}, "longest": {"correction", "vote"}}


def filters(synthesis: Synthesis) -> list[dict[str, Any]]:
    [mapping] = [
        one.properties
        for one in synthesis.resources("AWS::Lambda::EventSourceMapping")
        if "StartingPosition" in one.properties and "StartRetraining" in one.path
    ]
    return [json.loads(one["Pattern"]) for one in mapping["FilterCriteria"]["Filters"]]


def thresholds(synthesis: Synthesis) -> dict[str, dict[str, int]]:
    functions = synthesis.resources("AWS::Lambda::Function")
    found = [long_variables(synthesis.assembly, one) for one in functions]
    name = "FEEDBACK_BEFORE_RETRAINING"
    [told] = [json.loads(one[name]) for one in found if name in one]
    return dict(told)


def record(kind: str | None) -> dict[str, Any]:
    image = {"feedback_id": {"S": "a"}} | ({"pending": {"S": kind}} if kind else {})
    return {"eventName": "INSERT", "dynamodb": {"NewImage": image}}


@pytest.mark.parametrize("name", KINDS)
def test_feedback_comes_where_it_may_turn_the_loop(
    syntheses: dict[str, Synthesis], name: str
) -> None:
    patterns = filters(syntheses[name])
    coming = {
        kind
        for kind in ("correction", "vote", None)
        if any(matches(pattern, record(kind)) for pattern in patterns)
    }
    assert coming == KINDS[name] == thresholds(syntheses[name]).keys()


def test_each_model_has_its_thresholds(syntheses: dict[str, Synthesis]) -> None:
    assert thresholds(syntheses["poc"]) == {"correction": {"meguru-text": 3}}
    assert thresholds(syntheses["longest"]) == {
        "correction": {"N" * 63: 50},
        "vote": {"N" * 63: 2_147_483_647},
    }
