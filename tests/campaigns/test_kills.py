"""Runs that are killed, stopped or resumed by others, and folders that are damaged: in short."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.campaigns.damages import Damages
from tests.campaigns.faults import (
    forget_optimizer,
    forget_position,
    order_by_world,
    save_seldom,
    skip_the_last_save,
    trust_every_file,
)
from tests.campaigns.kills import Kills

MakeKills = Callable[..., Kills]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return Kills(tmp_path_factory.mktemp("whole")).whole


@pytest.fixture
def make_kills(tmp_path: Path, undisturbed: dict[str, str]) -> MakeKills:
    """Trials that share the end of the run that nothing interrupted."""

    def make(**settings: Any) -> Kills:
        trials = Kills(tmp_path, **settings)
        trials.whole = undisturbed
        return trials

    return make


@pytest.mark.parametrize("sharding", ["none", "fsdp"])
def test_killed_at_any_moment(tmp_path: Path, make_kills: MakeKills, sharding: str) -> None:
    trials = make_kills() if sharding == "none" else Kills(tmp_path, sharding=sharding)
    assert trials.sigkills(0, num_kills=3) == []
    assert trials.num_kills >= 2
    assert trials.num_inside_saves >= 1


@pytest.mark.parametrize("fault", [forget_optimizer, forget_position])
def test_a_kill_that_changes_the_end_is_noticed(
    make_kills: MakeKills, fault: Callable[[], None]
) -> None:
    assert make_kills(plant=fault).sigkills(0, num_kills=3) != []


def test_more_than_an_interval_lost_is_noticed(make_kills: MakeKills) -> None:
    assert "were unsaved" in "".join(make_kills(plant=save_seldom).sigkills(0, num_kills=2))


def test_asked_to_stop(make_kills: MakeKills) -> None:
    assert make_kills().sigterms(0, num_stops=2) == []


def test_a_lost_step_is_noticed(make_kills: MakeKills) -> None:
    assert make_kills(plant=skip_the_last_save).sigterms(0, num_stops=2) != []


def test_one_two_or_four_processes(tmp_path: Path) -> None:
    assert Kills(tmp_path).worlds(0, num_cuts=3) == []


def test_another_order_is_noticed(tmp_path: Path) -> None:
    assert Kills(tmp_path, plant=order_by_world).worlds(0, num_cuts=3) != []


def test_damaged_folders(tmp_path: Path) -> None:
    trials = Damages(tmp_path)
    assert [fault for number in range(40) for fault in trials.trial(number)] == []


def test_a_wrong_folder_is_noticed(tmp_path: Path) -> None:
    with trust_every_file():
        trials = Damages(tmp_path)
        assert any(trials.trial(number) for number in range(20))
