"""Names and sizes that AWS limits, and that no resource's schema knows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meguru.names import endpoint_log_name
from stacks.environment import Environment, read_environment
from stacks.environment.settings import MAX_MODELS
from tests.stacks.deployment import Deployment

if TYPE_CHECKING:
    from tests.stacks.synthesis import Synthesis

# Sources: Lambda quotas, "Environment variables, total size"; IAM quotas, inline policies of a
# role; EventBridge quotas, "Event pattern size".
FUNCTION_VARIABLES = 4096
ROLE_POLICIES = 10_240
EVENT_PATTERN = 2048


@pytest.fixture
def most_models(tmp_path: Path) -> Environment:
    """As many models as there may be, each with the longest names."""
    entries = [f"  m{number:019}: {{name: N{number:062}}}" for number in range(MAX_MODELS)]
    path = tmp_path / "most.yaml"
    path.write_text("\n".join([f"name: {'e' * 20}", "models:", *entries]))
    return read_environment(path)


def test_stacks_and_exports_have_names(synthesis: Synthesis) -> None:
    for stack in synthesis.assembly.stacks:
        assert re.fullmatch(r"[a-zA-Z][-a-zA-Z0-9]{0,127}", stack.stack_name)
        for output in stack.template.get("Outputs", {}).values():
            if "Export" in output:
                assert re.fullmatch(r"[a-zA-Z0-9:-]{1,255}", output["Export"]["Name"])


def test_functions_are_told_no_more_than_they_may_be(deployment: Deployment) -> None:
    for function in deployment.functions.values():
        assert size_of(function.variables) < FUNCTION_VARIABLES, function.folder


def test_variables_grow_with_no_model(deployment: Deployment) -> None:
    """What has many names in it has room in a file only."""
    told = deployment.functions["list_models"].long_variables["ENDPOINTS"]
    names = json.loads(told)
    for function in deployment.functions.values():
        for name, value in function.variables.items():
            is_map = value.startswith("{") and any(f'"{one}"' in value for one in names)
            assert not is_map, (function.folder, name)


def size_of(variables: dict[str, str]) -> int:
    return sum(len(name) + len(value.encode()) for name, value in variables.items())


def test_roles_hold_their_policies(deployment: Deployment, most_models: Environment) -> None:
    place, longest = deployment.place, f"{'e' * 20}-{'m' * 20}"
    more = {
        "sagemaker:InvokeEndpoint": place.arn("sagemaker", f"endpoint/{longest}"),
        "logs:FilterLogEvents": place.arn("logs", f"log-group:{endpoint_log_name(longest)}:*"),
    }
    roles = {name: machine.role for name, machine in deployment.state_machines.items()}
    roles |= {folder: function.role for folder, function in deployment.functions.items()}
    for name, role in roles.items():
        size = len(json.dumps(role.statements, separators=(",", ":")))
        each = sum(len(arn) + 3 for action, arn in more.items() if action in role.actions())
        assert size + each * len(most_models.endpoints) < ROLE_POLICIES, name


def test_event_patterns_are_short_enough(synthesis: Synthesis) -> None:
    rules = list(synthesis.resources("AWS::Events::Rule"))
    assert rules
    for rule in rules:
        pattern = json.dumps(rule.properties.get("EventPattern", {}))
        assert len(pattern) < EVENT_PATTERN, rule.path
