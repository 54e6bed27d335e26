"""Errors that Retry and Catch name are such as AWS raises, and what passes is waited for.

Optimized integrations call by the AWS SDK for Java 1, `aws-sdk` ones by version 2: what the service
doesn't model, throttling above all, has another name in each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import botocore.session
import pytest
from localcloud.check import evaluate

from meguru.events import RUN_FAILED
from meguru.refusals import says_missing
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
    "aws-sdk:cloudwatch": ("cloudwatch", "CloudWatch", {"CloudWatchException"}),
    "lambda": (
        "lambda",
        "Lambda",
        {"AWSLambdaException", "ClientExecutionTimeoutException", "SdkClientException", "Unknown"},
    ),
}
# Raised by our own functions, by the exception's name.
OWN = {"BaseModelRefused", "HeadMoved"}
OF_STEP_FUNCTIONS = {"States.ALL", "States.TaskFailed", "States.Timeout"}
DAY, HOUR, MINUTE = 86400, 3600, 60


def integration(resource: str) -> str:
    """`sagemaker` or `aws-sdk:sagemaker` of a Resource ARN."""
    parts = resource.removeprefix("arn:aws:states:::").split(":")
    return ":".join(parts[: 2 if parts[0] == "aws-sdk" else 1])


@cache
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
        if {error, "States.TaskFailed"} & set(rule["ErrorEquals"]):
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
        if name != "DescribeServingModel" and ":sagemaker:" in state["Resource"]:
            [unnamed] = INTEGRATIONS[integration(state["Resource"])][2]
            assert waited(state, f"SageMaker.{unnamed}") >= MINUTE, name
        starts = ("createEndpoint", "updateEndpoint", "createInferenceComponent")
        is_long = state["Resource"].endswith((".sync", *starts, "updateInferenceComponent"))
        # A training's next state may fall back to other instances instead.
        if is_long and name != "TrainModel":
            assert waited(state, "SageMaker.ResourceLimitExceededException") >= HOUR, name


def test_no_call_ends_an_execution_for_a_second_of_trouble(machine: StateMachine) -> None:
    """What AWS raises for throttling and for its own errors is unnamed by most services."""
    for name, state in tasks(machine):
        _, prefix, unnamed = INTEGRATIONS[integration(state["Resource"])]
        for error in unnamed:
            waits = waited(state, f"{prefix}.{error}")
            assert waits >= (10 if name == "DescribeServingModel" else MINUTE / 2), (name, error)


def test_an_answer_is_not_asked_for_again(machine: StateMachine) -> None:
    for name, state in tasks(machine):
        for rule in state.get("Catch", []):
            for error in rule["ErrorEquals"]:
                if not error.startswith("States."):
                    assert waited(state, error) == 0, (name, error)


@pytest.mark.parametrize("name", ["TrainAndRegister", "ReleasePrompt"])
def test_a_model_is_registered_once_whatever_is_asked_again(
    deployments: dict[str, Deployment], name: str
) -> None:
    parts = deployments["poc"].state_machines[name].definition["States"]
    token = parts["RegisterModel"]["Arguments"]["ClientToken"]
    made = parts["CheckGate"]["Assign"]["registration"]
    assert token == "{% $registration %}"
    assert re.fullmatch("[a-zA-Z0-9-]{36}", evaluate(made, {}))


@pytest.mark.parametrize(
    ("cause", "gone"),
    [
        ("ModelPackage arn:aws:x/1 does not exist. (Service: SageMaker, Status Code: 400)", True),
        ("Could not find model package (Service: SageMaker, Status Code: 400)", True),
        ("Rate exceeded (Service: SageMaker, Status Code: 400)", False),
        ("User is not authorized to perform: sagemaker:DescribeModelPackage", False),
    ],
)
def test_only_a_deleted_version_is_no_serving_model(
    deployments: dict[str, Deployment], cause: str, gone: bool
) -> None:
    parts = deployments["poc"].state_machines["TrainAndRegister"].definition["States"]
    [choice] = parts["IsServingModelGone"]["Choices"]
    failure = {"Error": "SageMaker.SageMakerException", "Cause": cause}
    assert evaluate(choice["Condition"], {"failure": failure}) is gone
    assert says_missing({"Code": "ValidationException", "Message": cause}) is gone
    goes = choice["Next"], parts["IsServingModelGone"]["Default"]
    assert goes == ("NameJobToTrainModel", "NameFault")


def test_curation_gives_up_when_head_moves_on_and_on(deployments: dict[str, Deployment]) -> None:
    parts = deployments["poc"].state_machines["CurateDataset"].definition["States"]
    [choice] = parts["MovesOnAndOn"]["Choices"]
    [caught] = parts["PublishDataset"]["Catch"]
    moves = 0
    while True:
        moves = evaluate(caught["Assign"]["moves"], {"moves": moves})
        if not evaluate(choice["Condition"], {"moves": moves}):
            break
    assert moves == 3
    assert parts["JobFailed"]["Next"] == choice["Next"] == "ReadHead"


@pytest.mark.parametrize(
    ("answer", "etag"),
    [
        ({"KeyCount": 0}, ""),
        ({"KeyCount": 1, "Contents": [{"Key": "datasets/text/HEAD", "ETag": '"e"'}]}, '"e"'),
        ({"KeyCount": 1, "Contents": [{"Key": "datasets/text/HEADER", "ETag": '"e"'}]}, ""),
    ],
)
def test_head_is_what_is_listed_by_its_name(
    deployments: dict[str, Deployment], answer: dict[str, Any], etag: str
) -> None:
    parts = deployments["poc"].state_machines["CurateDataset"].definition["States"]
    read = evaluate(parts["ReadHead"]["Assign"]["headETag"], {"states": {"result": answer}})
    assert read == etag
    assert not parts["ReadHead"].get("Catch")


def test_a_release_that_polls_fast_stays_within_an_execution_s_events(
    machine: StateMachine,
) -> None:
    """Nine events a look: the wait's two, the task's five, the choice's two."""
    if machine.name != "DeployModelVersion":
        return
    written = machine.definition["States"]["WaitForEndpoint"]["Seconds"]
    seconds, looks = 0, 0
    while seconds < machine.definition["TimeoutSeconds"]:
        start = datetime.now(UTC) - timedelta(seconds=seconds)
        context = {"Execution": {"StartTime": start.isoformat(timespec="milliseconds")}}
        variables = {"plan": {"seconds": 1}, "states": {"context": context}}
        seconds += int(evaluate(written, variables))
        looks += 1
    assert looks > 100
    assert 9 * looks < 20_000


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


@pytest.mark.parametrize("name", ["CurateDataset", "TrainAndRegister", "ReleasePrompt"])
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
    choice = parts["IsCapacityShort"]["Choices"][-1]
    job = {"TrainingJobName": "a", **({"FailureReason": reason} if reason else {})}
    for cause in (json.dumps(job), json.dumps(job, separators=(",", ":"))):
        variables = {
            "failure": {"Error": "States.TaskFailed", "Cause": cause},
            "numWaits": num_waits,
            "job": "TrainModel",
        }
        assert evaluate(choice["Condition"], variables) is waits
        seconds = evaluate(parts["WaitForCapacity"]["Seconds"], variables)
        assert 2 * MINUTE <= seconds <= HOUR


QUOTA = "SageMaker.ResourceLimitExceededException"
CAPACITIES = [
    {"instance_type": "ml.g5.xlarge", "spot": True},
    {"instance_type": "ml.g5.xlarge", "spot": False},
]


@pytest.mark.parametrize(
    ("failure", "num_waits", "num_fall_backs", "job", "falls_back"),
    [
        ({"Error": "States.TaskFailed", "Cause": "CapacityError"}, 2, 0, "TrainModel", True),
        ({"Error": "States.TaskFailed", "Cause": "CapacityError"}, 1, 0, "TrainModel", False),
        ({"Error": QUOTA, "Cause": ""}, 2, 0, "TrainModel", True),
        ({"Error": QUOTA, "Cause": ""}, 0, 0, "TrainModel", False),
        ({"Error": QUOTA, "Cause": ""}, 20, 1, "TrainModel", False),
        ({"Error": "States.TaskFailed", "Cause": "InternalServerError"}, 9, 0, "TrainModel", False),
        ({"Error": "States.TaskFailed", "Cause": "CapacityError"}, 9, 0, "EvaluateModel", False),
    ],
)
def test_a_training_falls_back_after_as_many_shortages(
    deployments: dict[str, Deployment],
    failure: dict[str, str],
    num_waits: int,
    num_fall_backs: int,
    job: str,
    falls_back: bool,
) -> None:
    parts = deployments["poc"].state_machines["TrainAndRegister"].definition["States"]
    if failure["Cause"]:
        failure = failure | {"Cause": json.dumps({"FailureReason": f"{failure['Cause']}: No."})}
    variables = {
        "failure": failure,
        "numWaits": num_waits,
        "numFallBacks": num_fall_backs,
        "capacities": CAPACITIES,
        "job": job,
    }
    falls, waits = parts["IsCapacityShort"]["Choices"]
    assert evaluate(falls["Condition"], variables) is falls_back
    assert evaluate(waits["Condition"], variables) is True
    assert falls["Next"] == "FallBack"
    assigned = evaluate(parts["FallBack"]["Assign"], variables | {"numFallBacks": 0})
    assert assigned == {"numFallBacks": 1, "capacity": CAPACITIES[1], "numWaits": 0}


@pytest.mark.parametrize(
    ("secondary", "num_reclaims", "num_fall_backs", "falls_back"),
    [
        ("MaxWaitTimeExceeded", 0, 0, True),
        ("Stopped", 3, 0, True),
        ("Stopped", 2, 0, False),
        ("MaxRuntimeExceeded", 3, 0, False),
        ("MaxWaitTimeExceeded", 0, 1, False),
    ],
)
def test_a_spot_job_that_waited_or_was_reclaimed_too_long_falls_back(
    deployments: dict[str, Deployment],
    secondary: str,
    num_reclaims: int,
    num_fall_backs: int,
    falls_back: bool,
) -> None:
    parts = deployments["poc"].state_machines["TrainAndRegister"].definition["States"]
    statuses = ["Starting", *["Training", "Interrupted", "Starting"] * num_reclaims]
    variables = {
        "training": {
            "TrainingJobStatus": "Stopped",
            "SecondaryStatus": secondary,
            "SecondaryStatusTransitions": [{"Status": status} for status in statuses],
        },
        "capacity": CAPACITIES[0],
        "capacities": CAPACITIES,
        "numFallBacks": num_fall_backs,
    }
    _, choice = parts["HasTrainingCompleted"]["Choices"]
    assert evaluate(choice["Condition"], variables) is falls_back
    assert choice["Next"] == "FallBack"


FAULT = 'ClientError: Data download failed: the S3 key "raw/\\a" is no file.\n\tRename it: 直す'
LONG_JOB: dict[str, Any] = {"ProcessingJobName": "a", "Environment": {"A": "x" * 9000}}


@pytest.mark.parametrize("name", ["CurateDataset", "TrainAndRegister", "ReleasePrompt"])
@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (json.dumps(LONG_JOB | {"FailureReason": FAULT}), " ".join(FAULT.split())),
        (
            json.dumps({"FailureReason": FAULT}, ensure_ascii=False, separators=(",", ":")),
            " ".join(FAULT.split()),
        ),
        (
            json.dumps({"errorMessage": "HEAD has moved", "errorType": "HeadMoved"}),
            "HEAD has moved",
        ),
        ("Rate exceeded\n(Service: x)", "Broken: Rate exceeded (Service: x)"),
        ('{"FailureReason": "cut o', 'Broken: {"FailureReason": "cut o'),
        ("x" * 9000, "Broken: " + "x" * 1000),
        ("", "Broken: "),
    ],
)
def test_what_went_wrong_is_named_in_one_line(
    deployments: dict[str, Deployment], name: str, cause: str, reason: str
) -> None:
    parts = deployments["poc"].state_machines[name].definition["States"]
    variables = {"failure": {"Error": "Broken", "Cause": cause}}
    assert evaluate(parts["NameFault"]["Assign"]["fault"], variables) == reason


@pytest.mark.parametrize("name", ["CurateDataset", "TrainAndRegister", "ReleasePrompt"])
def test_what_ends_in_job_failed_was_told(deployments: dict[str, Deployment], name: str) -> None:
    """The rule on bad ends leaves it out."""
    parts = deployments["poc"].state_machines[name].definition["States"]
    assert {one for one, state in parts.items() if '"JobFailed"' in json.dumps(state)} == {
        "TellFailure"
    }
    assert parts["NameFault"]["Next"] == "TellFailure"
    [entry] = parts["TellFailure"]["Arguments"]["Entries"]
    assert entry["DetailType"] == RUN_FAILED
    assert (entry["Detail"]["status"], entry["Detail"]["reason"]) == ("FAILED", "{% $fault %}")
    assert re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower() == entry["Detail"]["workflow"]


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("CurateDataset", "HasCurationCompleted"),
        ("TrainAndRegister", "HasEvaluationCompleted"),
        ("ReleasePrompt", "HasEvaluationCompleted"),
    ],
)
def test_a_job_that_ran_out_of_time_is_no_success(
    deployments: dict[str, Deployment], name: str, state: str
) -> None:
    parts = deployments["poc"].state_machines[name].definition["States"]
    [completed] = parts[state]["Choices"]
    [variable] = completed["Condition"].split("$")[1].split(".")[:1]
    job = {"ProcessingJobName": "job-1", "ProcessingJobStatus": "Stopped"}
    assert evaluate(completed["Condition"], {variable: job}) is False
    failure = evaluate(parts[state]["Assign"]["failure"], {variable: job})
    assert failure["Cause"] == "job-1 ended as Stopped"
    assert parts[state]["Default"] == "NameFault"
