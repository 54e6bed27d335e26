"""What the workflow tells of a run: read as it is, refused by name where it is of another kind."""

from __future__ import annotations

import json

import pytest

from evaluation.run_facts import Attempt, RunFacts

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
    assert (cost["price"], cost["price_on_demand"]) == (0.5, 1.5)
    assert cost["attempts"] == []


def test_each_attempt_is_told() -> None:
    attempts = [
        {"instance_type": "ml.g6.2xlarge", "spot": True, "status": "Stopped"},
        {"instance_type": "ml.g6.4xlarge", "spot": False, "status": "Completed"},
    ]
    facts = RunFacts.from_environment(TOLD | {"TRAINING_ATTEMPTS": json.dumps(attempts)})
    assert facts.attempts[1] == Attempt("ml.g6.4xlarge", False, "Completed")
    assert [one["is_spot"] for one in facts.cost()["attempts"]] == [True, False]


def test_the_base_model_is_told_as_far_as_it_is_known() -> None:
    facts = RunFacts.from_environment({"BASE_NAME": "smollm2", "BASE_LICENCE": ""})
    assert facts.base == {"name": "smollm2"}


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
        ("TRAINING_ATTEMPTS", "[1]"),
        ("TRAINING_ATTEMPTS", "{"),
        ("TRAINING_ATTEMPTS", '[{"spot": true}]'),
        ("MAXIMUM_METRIC_DROPS", '{"chrf": "low"}'),
    ],
)
def test_another_kind_of_value_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}="):
        RunFacts.from_environment({name: value})
