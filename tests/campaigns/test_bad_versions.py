"""Versions with faults, under load: none reaches full traffic, and every caller is answered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.campaigns.bad_versions import PLANTED, BadVersions, bad_versions

# Of the campaign at length (`python -m benchmarks.campaigns`), one of each kind.
FAULTS = ("server-errors", "guarded")


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BadVersions]:
    with bad_versions(tmp_path_factory.mktemp("bad")) as versions:
        yield versions


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_version_is_kept_from_serving(versions: BadVersions, fault: str) -> None:
    assert versions.release(fault) == []


def test_a_release_is_stopped_by_a_rollback(versions: BadVersions) -> None:
    assert versions.stop_a_release() == []


def test_a_planted_fault_is_caught(versions: BadVersions) -> None:
    plant, fault = PLANTED["pass every smoke test"]
    with versions.planted(plant):
        assert versions.release(fault) != []
