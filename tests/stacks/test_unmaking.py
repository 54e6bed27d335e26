"""The order in which a stack's deletion takes things away, and what the function may reach."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from localcloud.check import Demand

from meguru.names import NUM_RANDOM_DIGITS

if TYPE_CHECKING:
    from tests.stacks.deployment import Deployment
    from tests.stacks.synthesis import Resource, Synthesis

RUN = "0" * NUM_RANDOM_DIGITS
STARTS_RUNS = ("AWS::Events::Rule", "AWS::Lambda::EventSourceMapping", "AWS::Scheduler::Schedule")


def dependencies(resource: Resource, template: dict[str, dict[str, object]]) -> set[str]:
    """What a resource needs, directly or not: all of it is deleted after it."""
    found: set[str] = set()
    waiting = [resource.logical_id]
    while waiting:
        text = json.dumps(template[waiting.pop()])
        named = {name for name in template if f'"{name}"' in text} - found
        found |= named
        waiting += named
    return found


def test_what_starts_runs_goes_first_and_what_they_need_last(synthesis: Synthesis) -> None:
    unmakings = list(synthesis.resources("Custom::UnmakeModel"))
    assert len(unmakings) == len(synthesis.environment.models) + 1
    for unmaking in unmakings:
        of_stack = [one for one in synthesis.resources() if one.stack == unmaking.stack]
        template = {one.logical_id: one.definition for one in of_stack}
        after = dependencies(unmaking, template)
        for one in of_stack:
            if one.type in STARTS_RUNS:
                assert unmaking.logical_id in dependencies(one, template), one.path
                assert one.logical_id not in after, one.path
            if one.type in (
                "AWS::StepFunctions::StateMachine",
                "AWS::SageMaker::ModelPackageGroup",
            ):
                assert one.logical_id in after, one.path


def test_the_group_goes_where_its_versions_go(synthesis: Synthesis) -> None:
    expected = "Delete" if synthesis.environment.destroyable else "Retain"
    groups = list(synthesis.resources("AWS::SageMaker::ModelPackageGroup"))
    assert [one.definition["DeletionPolicy"] for one in groups] == [expected] * len(groups)
    for one in synthesis.resources("AWS::Lambda::Function"):
        variables = one.properties.get("Environment", {}).get("Variables", {})
        if "KEEPS_VERSIONS" in variables:
            keeps = not synthesis.environment.destroyable
            assert json.loads(variables["KEEPS_VERSIONS"]) is keeps


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("StopTrainingJob", "training-job/{}"),
        ("StopProcessingJob", "processing-job/{}"),
        ("DeleteEndpointConfig", "endpoint-config/{}"),
        ("DeleteModel", "model/{}"),
    ],
)
def test_it_reaches_what_its_model_s_runs_made_and_no_other(
    deployment: Deployment, action: str, resource: str
) -> None:
    function = deployment.functions["unmake_model"]
    own = function.variables["MODEL"]
    for name, reached in {f"{own}-{RUN}": True, f"{own}-b-{RUN}": False, own: False}.items():
        arn = deployment.place.arn("sagemaker", resource.format(name))
        assert function.role.allows(Demand(f"sagemaker:{action}", arn)) is reached, name


def test_it_reaches_the_executions_of_its_workflows(deployment: Deployment) -> None:
    function = deployment.functions["unmake_model"]
    for workflow in json.loads(function.variables["WORKFLOWS"]):
        execution = f"{workflow.replace(':stateMachine:', ':execution:')}:one"
        assert function.role.allows(Demand("states:StopExecution", execution))
        assert not function.role.allows(Demand("states:StopExecution", f"{workflow}x:one"))
