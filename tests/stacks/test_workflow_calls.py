"""Every `${Name}` of a definition has a value, every call fits AWS's model and has its grant."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from localcloud.check import evaluate, find_problems

from meguru.hyperparameters import as_text
from tests.stacks.aws_limits import call_complaints
from tests.stacks.deployment import Deployment, Role, StateMachine
from tests.stacks.workflow_calls import assigned_variables, calls, example_variables

if TYPE_CHECKING:
    from tests.stacks.synthesis import Synthesis

WORKFLOWS = Path(__file__).parents[2] / "stacks" / "workflows"
MACHINES = (
    "AddBaseModel",
    "CurateDataset",
    "TrainAndRegister",
    "ReleasePrompt",
    "DeployModelVersion",
)
SUBSTITUTION = re.compile(r"\$\{(\w+)\}")


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest, deployment: Deployment) -> StateMachine:
    return deployment.state_machines[request.param]


def missing(machine: StateMachine, role: Role, deployment: Deployment) -> set[tuple[str, str]]:
    """What calls of the definition need and the role doesn't grant."""
    needed = [
        demand for call in calls(machine, deployment) for demand in call.demands(deployment.place)
    ]
    assert needed
    return {(demand.action, demand.resource) for demand in needed if not role.allows(demand)}


def test_every_definition_is_a_state_machine(deployment: Deployment) -> None:
    files = {path.name.partition(".")[0] for path in WORKFLOWS.glob("*.asl.json")}
    named = {re.sub(r"(?<=.)([A-Z])", r"_\1", name).lower() for name in deployment.state_machines}
    assert named == files
    assert set(deployment.state_machines) == set(MACHINES)


@pytest.mark.parametrize("name", ["poc", "production", "longest"])
def test_every_state_machine_ends_in_time(
    syntheses: dict[str, Synthesis], deployments: dict[str, Deployment], name: str
) -> None:
    """In the definition itself, and late enough for the longest run that the settings allow."""
    [model] = syntheses[name].environment.trained.values()
    jobs = 60 * (model.training.longest_minutes + model.evaluation.max_runtime_minutes)
    machines = deployments[name].state_machines
    assert {key: machine.definition["TimeoutSeconds"] for key, machine in machines.items()} == {
        "AddBaseModel": 3 * 86400,
        "CurateDataset": 3 * 86400,
        "TrainAndRegister": jobs + (2 + len(model.training.capacities)) * 86400,
        "ReleasePrompt": 60 * model.evaluation.max_runtime_minutes + 2 * 86400,
        "DeployModelVersion": 12 * 3600,
    }


def test_every_substitution_has_its_value(machine: StateMachine) -> None:
    text = json.dumps(machine.definition)
    assert SUBSTITUTION.findall(text) == []
    # An unresolved reference of the template would stand there as an object.
    assert not re.search(r'"(Ref|Fn::\w+)":', text)


def test_a_value_in_jsonata_stays_what_the_template_says(machine: StateMachine) -> None:
    """No value of the template broke out of the JSON or the expression it stands in."""
    assert find_problems(json.dumps(machine.definition)) == []


def test_examples_are_of_the_definition_s_own_variables(
    machine: StateMachine, deployment: Deployment
) -> None:
    known = set(example_variables(machine, deployment))
    assert assigned_variables(machine.definition) == known - {"states"}


def test_every_call_fits_aws_s_model(machine: StateMachine, deployment: Deployment) -> None:
    assert complaints(machine, deployment) == []


def test_a_name_that_is_too_long_is_found(deployments: dict[str, Deployment]) -> None:
    deployment = deployments["longest"]
    machine = deployment.state_machines["TrainAndRegister"]
    text = json.dumps(machine.definition)
    longer = text.replace("$substring($replace($uuid(), '-', ''), 0, 12)", "'0123456789abcde'")
    planted = dataclasses.replace(machine, definition=json.loads(longer))
    found = complaints(planted, deployment)
    assert any("TrainingJobName: 65, more than 63" in said for said in found), found
    assert any("ProcessingJobName: 65, more than 63" in said for said in found), found


def complaints(machine: StateMachine, deployment: Deployment) -> list[str]:
    """What AWS has against the calls of a definition."""
    return [
        f"{call.state}: {said}"
        for call in calls(machine, deployment)
        for said in call_complaints(call.resource.model, call.parameters)
    ]


def test_every_call_has_its_grant(machine: StateMachine, deployment: Deployment) -> None:
    assert missing(machine, machine.role, deployment) == set()


def test_every_grant_has_its_call(machine: StateMachine, deployment: Deployment) -> None:
    """An action that no call needs is not granted, less those the services make on behalf."""
    needed = {
        demand.action
        for call in calls(machine, deployment)
        for demand in call.demands(deployment.place)
    }
    granted = machine.role.actions()
    assert {action for action in granted - needed if not ON_BEHALF.fullmatch(action)} == set()


# Logging and tracing of Step Functions itself; what the registry reads of what it registers; the
# alarms and capacity a scaling policy changes as its maker; HeadObject's 404 needs ListBucket.
ON_BEHALF = re.compile(
    r"logs:\w+|xray:\w+|ecr:\w+|kms:\w+|s3:(ListBucket|GetObject)|cloudwatch:\w+Alarms?|"
    r"iam:CreateServiceLinkedRole|"
    r"sagemaker:(DescribeEndpoint|UpdateEndpointWeightsAndCapacities|AddTags|"
    r"DescribeInferenceComponent|UpdateInferenceComponentRuntimeConfig)"
)


@pytest.mark.parametrize("name", MACHINES)
def test_a_removed_grant_is_missed(deployments: dict[str, Deployment], name: str) -> None:
    deployment = deployments["poc"]
    machine = deployment.state_machines[name]
    needed = {
        demand.action
        for call in calls(machine, deployment)
        for demand in call.demands(deployment.place)
    }
    for action in needed:
        missed = missing(machine, machine.role.without(action), deployment)
        assert {missed_action for missed_action, _ in missed} == {action}


def test_a_grant_on_another_resource_is_missed(deployments: dict[str, Deployment]) -> None:
    deployment = deployments["poc"]
    machine = deployment.state_machines["TrainAndRegister"]
    other = json.dumps(machine.role.statements).replace("meguru-poc--", "meguru-other--")
    role = dataclasses.replace(machine.role, statements=tuple(json.loads(other)))
    missed = {action for action, _ in missing(machine, role, deployment)}
    assert "sagemaker:CreateTrainingJob" in missed


def test_a_role_may_be_passed_to_its_service_only(deployment: Deployment) -> None:
    for machine in deployment.state_machines.values():
        for call in calls(machine, deployment):
            for demand in call.demands(deployment.place):
                if demand.action == "iam:PassRole":
                    elsewhere = {"iam:passedtoservice": "lambda.amazonaws.com"}
                    other = dataclasses.replace(demand, context=elsewhere)
                    assert not machine.role.allows(other), machine.name


@pytest.mark.parametrize(
    ("serving", "documents", "feedback", "inputs"),
    [
        ("", True, True, ["raw", "feedback"]),
        ("", True, False, ["raw"]),
        ("", False, True, ["feedback"]),
        ("", False, False, []),
        ("s3://lake/model.tar.gz", True, True, ["raw", "feedback", "serving_model"]),
    ],
)
def test_curation_reads_what_there_is(
    deployments: dict[str, Deployment],
    serving: str,
    documents: bool,
    feedback: bool,
    inputs: list[str],
) -> None:
    """SageMaker fails a job with an input that has no object."""
    machine = deployments["poc"].state_machines["CurateDataset"]
    arguments = machine.definition["States"]["CurateRecords"]["Arguments"]
    variables = {"servingModel": serving, "hasDocuments": documents, "hasFeedback": feedback}
    read = evaluate(arguments["ProcessingInputs"], variables)
    assert [one["InputName"] for one in read] == inputs
    assert all(one["S3Input"]["LocalPath"].endswith(f"/{one['InputName']}") for one in read)
    assert arguments["Environment"]["CONTEXT_TOKENS"] == "512"
    assert arguments["Environment"]["PREFERENCES"] == "off"


@pytest.mark.parametrize(
    ("serving", "found"),
    [
        ("s3://LAKE/runs/r/model.tar.gz", "runs/r/model.tar.gz"),
        ("s3://LAKE/models/base/tiny/0123/", "models/base/tiny/0123/"),
        # The evaluation may read no other bucket, and no more of this one.
        ("s3://LAKE/raw/models/base/tiny/", "runs//none"),
        ("s3://elsewhere/runs/r/model.tar.gz", "runs//none"),
        ("s3://elsewhere/models/base/tiny/0123/", "runs//none"),
    ],
)
@pytest.mark.parametrize("workflow", ["train_and_register", "release_prompt"])
def test_a_run_is_compared_with_what_it_may_read(workflow: str, serving: str, found: str) -> None:
    assert prefix(workflow, "LookForServingModel", {"servingModel": serving}) == found


@pytest.mark.parametrize(
    ("serving", "own", "found"),
    [
        ("s3://LAKE/models/base/tiny/0123/", "s3://LAKE/models/base/tiny/4567/", True),
        ("s3://LAKE/models/base/other/0123/", "s3://LAKE/models/base/tiny/4567/", True),
        ("s3://LAKE/models/base/tiny/0123/", "", True),
        # The same one is there already.
        ("s3://LAKE/models/base/tiny/0123/", "s3://LAKE/models/base/tiny/0123/", False),
        ("s3://elsewhere/models/base/tiny/0123/", "", False),
        ("", "s3://LAKE/models/base/tiny/0123/", False),
        ("", "", False),
    ],
)
@pytest.mark.parametrize("workflow", ["train_and_register", "release_prompt"])
def test_a_serving_adapter_of_another_base_model_brings_it(
    workflow: str, serving: str, own: str, found: bool
) -> None:
    kept = {"base_uri": own} if own else {}
    variables = {"servingBase": serving, "base": {"uri": own}, "kept": kept}
    expected = serving.removeprefix("s3://LAKE/") if found else "runs//none"
    assert prefix(workflow, "LookForServingBase", variables) == expected


def prefix(workflow: str, state: str, variables: Mapping[str, object]) -> object:
    """What a state lists, in a lake of the name LAKE."""
    states = json.loads((WORKFLOWS / f"{workflow}.asl.json").read_text())["States"]
    written = states[state]["Arguments"]["Prefix"].replace("${LakeBucket}", "LAKE")
    return evaluate(written, variables)


@pytest.mark.parametrize(
    ("container", "continued", "serving", "initial", "curated"),
    [
        ({"ModelDataUrl": "s3://a"}, "true", "s3://a", "s3://a", "s3://a"),
        ({"ModelDataUrl": "s3://a"}, "false", "s3://a", "", "s3://a"),
        # A base model as it is: nothing to go on from but itself.
        ({"ModelDataSource": {"S3DataSource": {"S3Uri": "s3://b/"}}}, "true", "s3://b/", "", ""),
    ],
)
def test_a_base_model_that_serves_as_it_is_is_read_where_it_lies(
    container: dict[str, object], continued: str, serving: str, initial: str, curated: str
) -> None:
    package = {
        "InferenceSpecification": {"Containers": [container]},
        "CustomerMetadataProperties": {},
    }

    def assigned(workflow: str) -> dict[str, str]:
        states = json.loads((WORKFLOWS / f"{workflow}.asl.json").read_text())["States"]
        text = json.dumps(states["DescribeServingModel"]["Assign"])
        text = text.replace("${ContinueServingModel}", continued)
        return dict(
            evaluate(json.loads(text), {"states": {"result": package}, "base": {"uri": ""}})
        )

    training = assigned("train_and_register")
    assert (training["servingModel"], training["initialModel"]) == (serving, initial)
    assert training["servingDataset"] == ""
    assert assigned("curate_dataset")["servingModel"] == curated


@pytest.mark.parametrize(
    ("of", "initial"),
    [(None, "s3://a"), ("s3://LAKE/models/base/b/1/", "s3://a"), ("s3://LAKE/b/0/", "")],
)
def test_training_goes_on_from_an_adapter_of_its_own_base_model_alone(
    of: str | None, initial: str
) -> None:
    states = json.loads((WORKFLOWS / "train_and_register.asl.json").read_text())["States"]
    written = states["DescribeServingModel"]["Assign"]["initialModel"]
    package = {
        "InferenceSpecification": {"Containers": [{"ModelDataUrl": "s3://a"}]},
        "CustomerMetadataProperties": {"base_uri": of} if of else {},
    }
    variables = {"states": {"result": package}, "base": {"uri": "s3://LAKE/models/base/b/1/"}}
    assert evaluate(written.replace("${ContinueServingModel}", "true"), variables) == initial


@pytest.mark.parametrize(
    "value", ["a'b", 'a"b', "a\\b", "{% $x %}", "日本語", "a\nb", "${LakeBucket}", 1e-4, True]
)
def test_a_hyperparameter_arrives_as_it_was_written(value: str | float | bool) -> None:
    from stacks.constructs.training import jsonata_text

    # CDK starts when it is imported: not before a test needs it.

    given = as_text({"name": value})
    text = json.loads(f"\"{{% $parse('{jsonata_text(given)}') %}}\"")
    assert evaluate(text, {}) == given
