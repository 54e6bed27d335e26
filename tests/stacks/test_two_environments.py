"""Environments whose names begin alike, in one account and region: none hears or reaches another.

So do two models of one environment, but for what the account, or the environment, has once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from localcloud.check import Assembly, matches

from meguru.events import event_source
from stacks.environment import read_environment
from tests.stacks.deployment import listed
from tests.stacks.rendering import rendered
from tests.stacks.test_templates import NAMED

if TYPE_CHECKING:
    from tests.stacks.synthesis import Resource, Synthesis

NAMES = ("poc", "poc-", "poc-2", "poc--a")
PAIRS = list(permutations(NAMES, 2))
# What an account has once in a region, whoever uses it.
SHARED = re.compile(
    r"\*|arn:aws:logs:[^/]*:log-group:/aws/sagemaker/(TrainingJobs|ProcessingJobs|Endpoints)\*|"
    r"arn:aws:events:.*:(event-bus/default|rule/StepFunctionsGetEventsForSageMaker\w+Rule)|"
    # Their names are generated; the call names the endpoint, which the service role is checked on.
    r"arn:aws:application-autoscaling:.*:scalable-target/\*|"
    r"arn:aws:iam::123456789012:role/aws-service-role/.*|"
    r"arn:aws:ecr:.*:repository/cdk-hnb659fds-container-assets-.*|"
    r".*cdk-hnb659fds-assets-.*"
)
# An account may have several of one name; a policy is its role's, a stage its API's.
NOT_UNIQUE = {
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGateway::Authorizer",
    "AWS::ApiGateway::Stage",
    "AWS::IAM::Policy",
}


@pytest.fixture(scope="module")
def environments(
    syntheses: dict[str, Synthesis], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Synthesis]:
    """Each with two models, of which one's name begins with the other's."""
    from app import compose
    from tests.stacks.synthesis import Synthesis

    made = {}
    for name in NAMES:
        folder = tmp_path_factory.mktemp("environment")
        file = folder / "environment.yaml"
        file.write_text(
            f"name: {name}\nmodels:\n  a: {{}}\n  a-b: {{retrain: {{schedule: daily}}}}\n"
        )
        environment = read_environment(file)
        app = compose(environment, outdir=str(folder / "cdk.out"))
        app.synth()
        assembly = Assembly.load(folder / "cdk.out")
        made[name] = Synthesis(environment, app, Path(folder / "cdk.out"), assembly)
    return made


def patterns(synthesis: Synthesis) -> list[dict[str, Any]]:
    """The patterns of an environment's rules."""
    return [
        rendered(rule.properties["EventPattern"], rule.stack)
        for rule in synthesis.resources("AWS::Events::Rule")
        if "EventPattern" in rule.properties
    ]


def events(pattern: Any) -> Any:
    """An event that a pattern matches."""
    if isinstance(pattern, dict):
        first, *_ = pattern.get("$or", [{}])
        own = {name: part for name, part in pattern.items() if name != "$or"}
        return {name: events(part) for name, part in (own | first).items()}
    [first, *_] = pattern
    # Of a prefix, or of what it must not be.
    return f"{first.get('prefix', '')}x" if isinstance(first, dict) else first


def granted(synthesis: Synthesis) -> Iterator[tuple[Resource, str]]:
    """What roles' policies name, with patterns."""
    for resource, statement in synthesis.statements():
        if resource.type == "AWS::IAM::Policy":
            for name in listed(rendered(statement["Resource"], resource.stack)):
                yield resource, name


def example(pattern: str) -> str:
    """Something that a policy's pattern matches."""
    return pattern.replace("?", "0").replace("*", "x")


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_no_event_of_one_is_heard_by_the_other(
    environments: dict[str, Synthesis], one: str, other: str
) -> None:
    heard = [events(pattern) for pattern in patterns(environments[one])]
    assert len(heard) >= 7
    for event in heard:
        assert any(matches(pattern, event) for pattern in patterns(environments[one]))
        assert not any(matches(pattern, event) for pattern in patterns(environments[other]))


def test_definitions_say_their_events_in_the_environment_s_name(
    environments: dict[str, Synthesis],
) -> None:
    for name, made in environments.items():
        for machine in made.resources("AWS::StepFunctions::StateMachine"):
            values = machine.properties["DefinitionSubstitutions"]
            assert values["EventSource"] == event_source(name)
            definition = json.dumps(rendered(machine.properties["DefinitionString"], machine.stack))
            sources = set(re.findall(r'\\"Source\\": \\"(.*?)\\"', definition))
            assert sources == {"${EventSource}"}


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_no_grant_of_one_reaches_what_is_the_other_s(
    environments: dict[str, Synthesis], one: str, other: str
) -> None:
    theirs = {name for _, name in granted(environments[other])}
    reached = {
        (resource.path, name, target)
        for resource, name in granted(environments[one])
        if not SHARED.fullmatch(name)
        for target in theirs
        if not SHARED.fullmatch(target) and fnmatchcase(example(target), name)
    }
    assert reached == set()


@pytest.mark.parametrize("name", NAMES)
def test_no_grant_of_one_model_reaches_what_is_the_other_s(
    environments: dict[str, Synthesis], name: str
) -> None:
    of_model: dict[str, set[str]] = {"a": set(), "a-b": set()}
    for resource, pattern in granted(environments[name]):
        for key, found in of_model.items():
            if resource.stack == f"Meguru-{name}-Model-{key}" and ":sagemaker:" in pattern:
                found.add(pattern)
    assert all(len(found) >= 5 for found in of_model.values())
    for mine, theirs in permutations(of_model.values(), 2):
        assert not [(a, b) for a in mine for b in theirs if fnmatchcase(example(b), a)]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_no_name_is_in_both(environments: dict[str, Synthesis], one: str, other: str) -> None:
    assert not names(environments[one]) & names(environments[other])


def names(synthesis: Synthesis) -> set[tuple[str, str]]:
    """Physical names, and those of stacks and exports."""
    found = {("stack", stack.stack_name) for stack in synthesis.assembly.stacks}
    for stack in synthesis.assembly.stacks:
        for output in stack.template.get("Outputs", {}).values():
            if "Export" in output:
                found.add(("export", output["Export"]["Name"]))
    for resource in synthesis.resources():
        name = rendered(resource.properties.get(NAMED.get(resource.type, "")), resource.stack)
        if name and resource.type not in NOT_UNIQUE:
            found.add((resource.type, name))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_model_s_stack_needs_no_other_model_s(
    environments: dict[str, Synthesis], name: str
) -> None:
    """One that fails to deploy, or is taken out, stops no other; nor the API."""
    for stack in environments[name].assembly.stacks:
        template = json.dumps(stack.template)
        read = set(re.findall(r'"Fn::GetStackOutput": {"StackName": "([^"]*)"', template))
        assert read <= {f"Meguru-{name}-Lake"}, stack.stack_name
        assert "Fn::ImportValue" not in template, stack.stack_name


def test_the_account_s_logging_role_outlives_an_environment(
    environments: dict[str, Synthesis],
) -> None:
    made = environments["poc"]
    kept = [
        *made.resources("AWS::ApiGateway::Account"),
        *(role for role in made.resources("AWS::IAM::Role") if "CloudWatchRole" in role.path),
    ]
    assert len(kept) == 2
    for resource in kept:
        assert resource.definition["DeletionPolicy"] == "Retain"
        assert resource.definition["UpdateReplacePolicy"] == "Retain"
