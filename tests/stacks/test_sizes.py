"""Names and sizes that AWS limits, and that no resource's schema knows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stacks.environment import Environment, read_environment
from tests.stacks.deployment import Deployment

if TYPE_CHECKING:
    from tests.stacks.synthesis import Synthesis

# Sources: Lambda quotas, "Environment variables, total size"; IAM quotas, inline policies of a
# role; EventBridge quotas, "Event pattern size".
FUNCTION_VARIABLES = 4096
ROLE_POLICIES = 10_240
EVENT_PATTERN = 2048
MODELS_PER_ENVIRONMENT = 20


@pytest.fixture
def most_models(tmp_path: Path) -> Environment:
    """As many models as there may be, each with the longest names."""
    entries = [
        f"  m{number:019}: {{name: N{number:062}}}" for number in range(MODELS_PER_ENVIRONMENT)
    ]
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


def test_functions_may_be_told_of_all_models(
    deployments: dict[str, Deployment], most_models: Environment
) -> None:
    deployment = deployments["longest"]
    told = {
        "answer_request": {
            "MODELS": json.dumps(most_models.learners, separators=(",", ":")),
            "EMBEDDERS": "{}",
        },
        "list_models": {"ENDPOINTS": json.dumps(most_models.endpoints)},
        "settle_expired": {"LOG_GROUPS": json.dumps(most_models.container_logs)},
        "record_feedback": {"MODELS": json.dumps(most_models.learners)},
        "start_retraining": {
            "FEEDBACK_BEFORE_RETRAINING": json.dumps(
                dict.fromkeys(("correction", "vote"), dict.fromkeys(most_models.endpoints, 10**6))
            )
        },
    }
    for folder, variables in told.items():
        assert variables.keys() <= deployment.functions[folder].variables.keys()
        together = deployment.functions[folder].variables | variables
        assert size_of(together) < FUNCTION_VARIABLES, folder


def size_of(variables: dict[str, str]) -> int:
    return sum(len(name) + len(value.encode()) for name, value in variables.items())


def test_roles_hold_their_policies(
    deployment: Deployment, deployments: dict[str, Deployment], most_models: Environment
) -> None:
    one_endpoint = len(deployment.place.arn("sagemaker", f"endpoint/{deployment.model}")) + 3
    roles = {name: machine.role for name, machine in deployment.state_machines.items()}
    roles |= {folder: function.role for folder, function in deployment.functions.items()}
    for name, role in roles.items():
        size = len(json.dumps(role.statements, separators=(",", ":")))
        invokes = "sagemaker:InvokeEndpoint" in role.actions()
        more = one_endpoint * len(most_models.endpoints) if invokes else 0
        assert size + more < ROLE_POLICIES, name


def test_event_patterns_are_short_enough(synthesis: Synthesis) -> None:
    rules = list(synthesis.resources("AWS::Events::Rule"))
    assert rules
    for rule in rules:
        pattern = json.dumps(rule.properties.get("EventPattern", {}))
        assert len(pattern) < EVENT_PATTERN, rule.path
