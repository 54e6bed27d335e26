"""Races for the endpoint: what a person approved serves, once, and nothing else ever does."""

from __future__ import annotations

import pytest

from tests.campaigns.approvals import PLANTED, Races, Version

NUM_TRIALS = 3


def version(races: Races) -> Version:
    return Version(races.cloud.register(races.model_uri))


def test_races_end_well(races: Races) -> None:
    found = {number: faults for number in range(NUM_TRIALS) if (faults := races.trial(number))}
    assert found == {}


def test_an_edit_of_an_earlier_version_does_not_bring_it_back(races: Races) -> None:
    first, second = version(races), version(races)
    for one in (first, second):
        races.act("approve", one)
        races.cloud.loop.released(one.arn)
    races.act("edit", first)
    races.act("replay", first)
    races.settle()
    assert races.cloud.serving() == second.arn
    assert races.faults([first, second]) == []


def test_two_versions_approved_at_once_both_pass_and_one_stays(races: Races) -> None:
    versions = [version(races), version(races)]
    for one in versions:
        races.act("approve", one)
    races.settle()
    assert races.faults(versions) == []
    assert races.end_faults() == []
    assert races.models() == {one.arn: 1 for one in versions}


def test_a_version_that_is_not_approved_is_never_released(races: Races) -> None:
    pending, rejected = version(races), version(races)
    races.act("reject", rejected)
    for one in (pending, rejected):
        races.act("edit", one)
        races.act("replay", one)
    races.settle()
    assert races.models() == {}
    assert races.cloud.serving() is None
    assert {one["status"] for one in races.cloud.releases()} == {"SUCCEEDED"}


def test_approving_again_after_a_rejection_brings_a_version_back(races: Races) -> None:
    first, second = version(races), version(races)
    for one in (first, second):
        races.act("approve", one)
        races.cloud.loop.released(one.arn)
    races.act("reject", first)
    races.settle()
    assert races.cloud.serving() == second.arn
    races.act("approve", first)
    races.cloud.loop.released(first.arn)
    assert races.cloud.serving() == first.arn


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_caught(races: Races, fault: str) -> None:
    assert races.trial_with(fault) != []
