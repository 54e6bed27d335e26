"""What the evaluation is told of the training: its instances, what they cost, what was tried."""

from __future__ import annotations

import json
from typing import Any

import pytest
from localcloud.check import evaluate

from evaluation.run_facts import RunFacts
from tests.stacks.deployment import Deployment
from tests.stacks.workflow_calls import EXAMPLE_ATTEMPTS, example_variables

SPOT = {
    "instance_type": "ml.g5.xlarge",
    "instance_count": 2,
    "spot": True,
    "price": "1.41",
    "saving": "0.55",
}
ON_DEMAND = (
    SPOT
    | {"instance_type": "ml.g6.xlarge", "instance_count": 1, "price": "1.13"}
    | {
        "spot": False,
        "saving": "",
    }
)


@pytest.fixture
def states(deployments: dict[str, Deployment]) -> dict[str, Any]:
    found: dict[str, Any] = (
        deployments["poc"].state_machines["TrainAndRegister"].definition["States"]
    )
    return found


@pytest.fixture
def variables(deployments: dict[str, Deployment]) -> dict[str, Any]:
    deployment = deployments["poc"]
    made = example_variables(deployment.state_machines["TrainAndRegister"], deployment)
    return made | {"attempts": []}


def after(
    states: dict[str, Any], variables: dict[str, Any], capacity: dict[str, Any], seconds: int
) -> dict[str, Any]:
    """The variables once a job has trained that long on these instances, billed for a half."""
    job = {
        "SecondaryStatus": "Completed",
        "TrainingTimeInSeconds": seconds,
        "BillableTimeInSeconds": seconds // 2,
    }
    before = variables | {"capacity": capacity, "states": {"result": job}}
    assigned: dict[str, Any] = evaluate(states["TrainModel"]["Assign"], before, "Assign")
    return before | assigned | {"training": {**variables["training"], **job}}


def told(states: dict[str, Any], variables: dict[str, Any]) -> dict[str, str]:
    environment = states["EvaluateModel"]["Arguments"]["Environment"]
    found: dict[str, str] = evaluate(environment, variables, "Environment")
    assert all(isinstance(one, str) and len(one) <= 256 for one in found.values())
    return found


def test_one_job(states: dict[str, Any], variables: dict[str, Any]) -> None:
    environment = told(states, after(states, variables, SPOT, 600))
    facts = RunFacts.from_environment(environment)
    assert (facts.price_per_hour, facts.predicted_spot_saving) == (1.41, 0.55)
    cost = facts.cost()
    assert (cost["instance_seconds"], cost["billable_instance_seconds"]) == (1200, 600)
    assert (cost["spot_saving"], cost["price"]) == (0.5, round(1.41 * 600 / 3600, 2))
    assert json.loads(environment["TRAINING_ATTEMPTS"]) == [
        {"instance_type": "ml.g5.xlarge", "spot": True, "status": "Completed"}
    ]


def test_the_cost_is_that_of_all_jobs(states: dict[str, Any], variables: dict[str, Any]) -> None:
    variables = after(states, variables, SPOT, 7200)
    environment = told(states, after(states, variables, ON_DEMAND, 3600))
    facts = RunFacts.from_environment(environment)
    assert (facts.instance_type, facts.is_spot, facts.predicted_spot_saving) == (
        "ml.g6.xlarge",
        False,
        None,
    )
    cost = facts.cost()
    assert cost["billable_instance_seconds"] == 7200 + 1800
    assert cost["price"] == pytest.approx(1.41 * 2 + 1.13 / 2, abs=0.01)
    tried = json.loads(environment["TRAINING_ATTEMPTS"])
    assert [one["instance_type"] for one in tried] == ["ml.g5.xlarge", "ml.g6.xlarge"]


@pytest.mark.parametrize("unknown", [SPOT, ON_DEMAND])
def test_a_price_that_is_not_known_is_not_told(
    states: dict[str, Any], variables: dict[str, Any], unknown: dict[str, Any]
) -> None:
    for capacity in (SPOT, ON_DEMAND):
        price = "" if capacity is unknown else capacity["price"]
        variables = after(states, variables, capacity | {"price": price}, 600)
    assert told(states, variables)["TRAINING_PRICE_PER_HOUR"] == ""


def test_of_many_attempts_the_last_are_told(
    states: dict[str, Any], variables: dict[str, Any]
) -> None:
    variables = after(states, variables | {"attempts": EXAMPLE_ATTEMPTS}, SPOT, 600)
    tried = json.loads(told(states, variables)["TRAINING_ATTEMPTS"])
    assert len(tried) == 3
    assert tried[-1]["status"] == "Completed"


def test_a_shortage_is_an_attempt(states: dict[str, Any], variables: dict[str, Any]) -> None:
    caught = states["TrainModel"]["Catch"][-1]
    reasons = {
        "CapacityError": json.dumps({"FailureReason": "CapacityError: Unable to provision"}),
        "InternalServerError": '{"FailureReason": "InternalServerError: Please try again."}',
        "ResourceLimitExceeded": "The account-level service limit",
    }
    for status, cause in reasons.items():
        name = "SageMaker.ResourceLimitExceededException"
        error = {"Error": name if "Limit" in status else "States.TaskFailed", "Cause": cause}
        before = variables | {"capacity": SPOT, "states": {"errorOutput": error}}
        [attempt] = evaluate(caught["Assign"], before, "Assign")["attempts"]
        assert attempt == {"instance_type": "ml.g5.xlarge", "spot": True, "status": status}
