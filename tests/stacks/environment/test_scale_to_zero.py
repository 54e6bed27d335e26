"""An endpoint without an instance while nobody asks, and what can't be said of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.environment import Endpoint, InvalidEnvironment, read_environment


def read(folder: Path, endpoint: str) -> Endpoint:
    file = folder / "environment.yaml"
    file.write_text(f"name: acme\nmodels:\n  chat:\n    endpoint: {endpoint}\n")
    return read_environment(file).models["chat"].endpoint


def test_none_is_a_number_of_instances(tmp_path: Path) -> None:
    assert read(tmp_path, "{min_instances: 0}").scales_to_zero
    assert not read(tmp_path, "{min_instances: 1}").scales_to_zero


def test_hours_may_want_an_instance_by_day(tmp_path: Path) -> None:
    found = read(tmp_path, "{min_instances: 0, hours: business}")
    assert found.hours is not None
    assert found.hours.most(found.min_instances) == 1


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("{min_instances: -1}", "min_instances"),
        ("{min_instances: 0, max_instances: 0}", "max_instances"),
        (
            "{min_instances: 0, release: {traffic: canary}}",
            "release.traffic: all_at_once, or leave it out",
        ),
        (
            "{min_instances: 0, requests_in_flight_per_instance: 0, "
            "invocations_per_instance_per_minute: 0}",
            "requests_in_flight_per_instance: more than 0 here",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, endpoint: str, said: str) -> None:
    with pytest.raises(InvalidEnvironment) as refused:
        read(tmp_path, endpoint)
    assert said in str(refused.value)


def test_one_measure_of_load_is_enough(tmp_path: Path) -> None:
    only = (
        "{min_instances: 0, requests_in_flight_per_instance: 0, "
        "invocations_per_instance_per_minute: 0, tokens_in_flight_per_instance: 2000}"
    )
    assert read(tmp_path, only).scales_to_zero
