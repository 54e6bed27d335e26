"""What the workflow tells of a run: read as it is, refused by name where it is of another kind."""

from __future__ import annotations

import pytest

from evaluation.run_facts import RunFacts

TOLD = {
    "TRAINING_INSTANCE_TYPE": "ml.g6.2xlarge",
    "TRAINING_INSTANCE_COUNT": "2",
    "TRAINING_USED_SPOT": "true",
    "TRAINING_SECONDS": "1800",
    "TRAINING_BILLABLE_SECONDS": "600",
    "PREDICTED_SPOT_SAVING": "0.6",
    "TRAINING_PRICE_PER_HOUR": "1.5",
    "MINIMUM_METRICS": '{"chrf": 50}',
}


def test_cost_is_seconds_times_instances() -> None:
    cost = RunFacts.from_environment(TOLD).cost()
    assert (cost["instance_seconds"], cost["billable_instance_seconds"]) == (3600, 1200)
    assert (cost["spot_saving"], cost["predicted_spot_saving"]) == (0.6667, 0.6)
    assert cost["price"] == 0.5


def test_what_is_not_told_is_not_known() -> None:
    facts = RunFacts.from_environment({"TRAINING_SECONDS": "", "MINIMUM_METRICS": ""})
    assert (facts.minimum, facts.cost()["instance_seconds"]) == ({}, None)
    assert facts.cost()["spot_saving"] is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRAINING_SECONDS", "soon"),
        ("TRAINING_SECONDS", "-1"),
        ("PREDICTED_SPOT_SAVING", "nan"),
        ("TRAINING_PRICE_PER_HOUR", "cheap"),
        ("MINIMUM_METRICS", "[1]"),
        ("MAXIMUM_METRIC_DROPS", '{"chrf": "low"}'),
    ],
)
def test_another_kind_of_value_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}="):
        RunFacts.from_environment({name: value})
