"""Errors that Retry and Catch name are such as AWS raises, and what passes is waited for.

Optimized integrations call by the AWS SDK for Java 1, `aws-sdk` ones by version 2: what the service
doesn't model, throttling above all, has another name in each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from localcloud.check import evaluate

from tests.stacks.deployment import Deployment, StateMachine
from tests.stacks.test_workflow_calls import MACHINES
from tests.stacks.workflow_calls import states

# By the integration's name: botocore's service, the prefix, and what is raised besides what the
# service models.
INTEGRATIONS = {
    "sagemaker": ("sagemaker", "SageMaker", {"AmazonSageMakerException"}),
    "aws-sdk:sagemaker": ("sagemaker", "SageMaker", {"SageMakerException"}),
    "dynamodb": ("dynamodb", "DynamoDB", {"AmazonDynamoDBException"}),
    "events": ("events", "EventBridge", {"AmazonEventBridgeException"}),
    # A missing key is told by HeadObject's bare status.
    "aws-sdk:s3": ("s3", "S3", {"S3Exception", "404Exception"}),
    "aws-sdk:applicationautoscaling": (
        "application-autoscaling",
        "ApplicationAutoScaling",
        {"ApplicationAutoScalingException"},
    ),
    "lambda": (
        "lambda",
        "Lambda",
        {"AWSLambdaException", "ClientExecutionTimeoutException", "SdkClientException", "Unknown"},
    ),
}
# Raised by our own functions, by the exception's name.
OWN = {"HeadMoved"}
OF_STEP_FUNCTIONS = {"States.ALL", "States.TaskFailed", "States.Timeout"}
DAY, HOUR, MINUTE = 86400, 3600, 60


def integration(resource: str) -> str:
    """`sagemaker` or `aws-sdk:sagemaker` of a Resource ARN."""
    parts = resource.removeprefix("arn:aws:states:::").split(":")
    return ":".join(parts[: 2 if parts[0] == "aws-sdk" else 1])


def raised_by(resource: str) -> set[str]:
    service, prefix, others = INTEGRATIONS[integration(resource)]
    model = botocore.session.get_session().get_service_model(service)
    names = {shape.name.removesuffix("Fault") for shape in model.error_shapes}
    modelled = {name if name.endswith("Exception") else f"{name}Exception" for name in names}
    own = OWN if service == "lambda" else set()
    return {f"{prefix}.{name}" for name in modelled | others} | own | OF_STEP_FUNCTIONS


def tasks(machine: StateMachine) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((name, one) for name, one in states(machine.definition) if one["Type"] == "Task")


def unknown_errors(machine: StateMachine) -> set[str]:
    return {
        f"{name}: {error}"
        for name, state in tasks(machine)
        for rule in (*state.get("Retry", []), *state.get("Catch", []))
        for error in set(rule["ErrorEquals"]) - raised_by(state["Resource"])
    }


def waited(state: dict[str, Any], error: str) -> int:
    """How many seconds a state's retries wait for an error to pass, without jitter."""
    for rule in state.get("Retry", []):
        if error in rule["ErrorEquals"]:
            delays = (
                rule["IntervalSeconds"] * rule["BackoffRate"] ** n
                for n in range(rule["MaxAttempts"])
            )
            return int(sum(min(delay, rule.get("MaxDelaySeconds", DAY)) for delay in delays))
    return 0


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest, deployments: dict[str, Deployment]) -> StateMachine:
    return deployments["poc"].state_machines[request.param]


def test_every_error_is_one_that_the_integration_raises(machine: StateMachine) -> None:
    assert unknown_errors(machine) == set()


def test_jobs_and_endpoints_wait_for_quota_and_throttling(machine: StateMachine) -> None:
    for name, state in tasks(machine):
        if integration(state["Resource"]) == "sagemaker":
            assert waited(state, "SageMaker.AmazonSageMakerException") >= MINUTE, name
        if state["Resource"].endswith((".sync", "createEndpoint", "updateEndpoint")):
            assert waited(state, "SageMaker.ResourceLimitExceededException") >= HOUR, name


@pytest.mark.parametrize(
    "name", ["SageMaker.ThrottlingException", "SageMaker.SageMakerException", "SageMaker.Typo"]
)
def test_a_name_that_is_never_raised_is_found(
    deployments: dict[str, Deployment], name: str
) -> None:
    machine = deployments["poc"].state_machines["TrainAndRegister"]
    state = dict(tasks(machine))["TrainModel"]
    state["Retry"][0]["ErrorEquals"].append(name)
    try:
        assert unknown_errors(machine) == {f"TrainModel: {name}"}
    finally:
        state["Retry"][0]["ErrorEquals"].remove(name)


@pytest.mark.parametrize("name", ["CurateDataset", "TrainAndRegister"])
@pytest.mark.parametrize(
    ("reason", "num_waits", "waits"),
    [
        ("CapacityError: Unable to provision requested ML compute capacity.", 0, True),
        ("InternalServerError: We encountered an internal error. Please try again.", 23, True),
        ("CapacityError: Unable to provision requested ML compute capacity.", 24, False),
        ("AlgorithmError: CapacityError is what the container says", 0, False),
        (None, 0, False),
    ],
)
def test_a_job_without_capacity_is_started_again(
    deployments: dict[str, Deployment], name: str, reason: str | None, num_waits: int, waits: bool
) -> None:
    parts = deployments["poc"].state_machines[name].definition["States"]
    [choice] = parts["IsCapacityShort"]["Choices"]
    job = {"TrainingJobName": "a", **({"FailureReason": reason} if reason else {})}
    for cause in (json.dumps(job), json.dumps(job, separators=(",", ":"))):
        variables = {
            "failure": {"Error": "States.TaskFailed", "Cause": cause},
            "numWaits": num_waits,
        }
        assert evaluate(choice["Condition"], variables) is waits
        seconds = evaluate(parts["WaitForCapacity"]["Seconds"], variables)
        assert 2 * MINUTE <= seconds <= HOUR
