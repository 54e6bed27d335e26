"""Versions with faults, under load: none reaches full traffic, and every caller is answered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.campaigns.bad_versions import FAULTS, PLANTED, BadVersions, bad_versions


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BadVersions]:
    with bad_versions(tmp_path_factory.mktemp("bad")) as versions:
        yield versions


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_version_is_kept_from_serving(versions: BadVersions, fault: str) -> None:
    assert versions.release(fault) == []


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_fault_is_caught(versions: BadVersions, planted: str) -> None:
    plant, fault = PLANTED[planted]
    with versions.planted(plant):
        assert versions.release(fault) != []
