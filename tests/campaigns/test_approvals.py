"""Races for the endpoint: the version that was approved last serves in the end, always."""

from __future__ import annotations

import random

import pytest

from tests.campaigns.approvals import PLANTED, Decisions, Races, hesitate

# Of the campaign at length (`python -m benchmarks.campaigns`), as much as says that it works.
NUM_TRIALS = 1
PAUSES = (0, 0, 0.05, 0.2, 0.4, 0.7)


def test_a_version_that_is_not_approved_is_never_released(shared_races: Races) -> None:
    pending, rejected = shared_races.version(), shared_races.version()
    shared_races.act("reject", rejected)
    for one in (pending, rejected):
        shared_races.act("edit", one)
        shared_races.act("replay", one)
    assert shared_races.faults() == []
    assert shared_races.models() == {}
    assert shared_races.cloud.serving() is None


def test_races_end_well(shared_races: Races) -> None:
    found = {
        number: faults for number in range(NUM_TRIALS) if (faults := shared_races.trial(number))
    }
    assert found == {}


def test_of_many_approvals_the_last_one_serves(shared_races: Races) -> None:
    chance = random.Random(shared_races.seed)
    assert shared_races.approve_in_a_row([chance.choice(PAUSES) for _ in range(6)]) == []


def test_a_version_approved_during_a_release_is_released_after_it(shared_races: Races) -> None:
    assert shared_races.approve_during("WaitForEndpoint") == []


def test_an_edit_of_an_earlier_version_does_not_bring_it_back(shared_races: Races) -> None:
    first, second = shared_races.version(), shared_races.version()
    for one in (first, second):
        shared_races.act("approve", one)
        shared_races.cloud.loop.released(one)
    shared_races.act("edit", first)
    shared_races.act("replay", first)
    assert shared_races.faults() == []
    assert shared_races.cloud.serving() == second


def test_approving_an_earlier_version_again_brings_it_back(shared_races: Races) -> None:
    first, second = shared_races.version(), shared_races.version()
    for one in (first, second, first):
        shared_races.act("approve", one)
        shared_races.cloud.loop.released(one)
    shared_races.act("reject", first)
    assert shared_races.faults() == []
    assert shared_races.cloud.serving() == first, "rejecting what serves leaves it serving"
    for action in ("reject", "approve"):
        shared_races.act(action, second)
    shared_races.cloud.loop.released(second)


def test_a_release_that_is_killed_is_taken_up_at_once(shared_races: Races) -> None:
    only = shared_races.version()
    shared_races.act("approve", only)
    shared_races.cloud.wait(
        lambda: shared_races.cloud.release_record().get("claimed_by"), "a claim"
    )
    shared_races.kill()
    shared_races.cloud.loop.released(only)
    assert shared_races.faults() == []


def test_a_version_approved_after_the_last_look_is_not_overlooked(shared_races: Races) -> None:
    with shared_races.planted(hesitate):
        assert shared_races.approve_during("Hesitate") == []


def test_a_lost_event_is_healed_by_the_clock(shared_races: Races) -> None:
    rules = shared_races.cloud.client("events")
    on_approval = [
        rule["Name"]
        for rule in rules.list_rules()["Rules"]
        if "Package State Change" in rule.get("EventPattern", "")
    ]
    num_before = len(shared_races.settle())
    for name in on_approval:
        rules.disable_rule(Name=name)
    only = shared_races.version()
    shared_races.act("approve", only)
    assert len(shared_races.settle()) == num_before
    shared_races.cloud.account.advance_clock(3600)
    shared_races.cloud.loop.released(only)
    assert shared_races.faults() == []
    for name in on_approval:
        rules.enable_rule(Name=name)


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_caught(shared_races: Races, fault: str) -> None:
    plants, trial = PLANTED[fault]
    with shared_races.planted(*plants):
        assert trial(shared_races) != []


@pytest.mark.parametrize(
    ("made", "serving", "is_right"),
    [
        ("", None, True),
        ("", "a", False),
        ("a+", "a", True),
        ("a+", None, False),
        ("a+ b+", "a", False),
        ("a+ b+ a+", "a", True),
        ("a+ b+ b-", "a", True),
        ("a+ b+ b-", "b", True),
        ("a+ b+ c-", "c", False),
        ("a+ b+ a-", "a", False),
    ],
)
def test_what_may_serve(made: str, serving: str | None, is_right: bool) -> None:
    signs = {"+": "Approved", "-": "Rejected"}
    decisions = Decisions([(one[0], signs[one[1]]) for one in made.split()])
    assert (decisions.faults(serving) == []) == is_right
