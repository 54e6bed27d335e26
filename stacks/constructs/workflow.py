"""A state machine from its definition in stacks/workflows/."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.constructs.retention import LogGroup
from stacks.environment import Environment

WORKFLOWS = Path(__file__).parents[1] / "workflows"


class Workflow(sfn.StateMachine):
    """A standard state machine, logged and traced; each `${Name}` of its definition has a value."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        name: str,
        substitutions: Mapping[str, str],
        timeout: Duration,
    ) -> None:
        definition = (WORKFLOWS / f"{name}.asl.json").read_text()
        check_substitutions(name, definition, substitutions)
        self.definition_name = name
        super().__init__(
            scope,
            construct_id,
            definition_body=sfn.DefinitionBody.from_string(definition),
            definition_substitutions=dict(substitutions),
            timeout=timeout,
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=LogGroup(scope, f"{construct_id}Logs", environment=environment),
                level=sfn.LogLevel.ALL,
                include_execution_data=True,
            ),
        )


def check_substitutions(name: str, definition: str, substitutions: Mapping[str, str]) -> None:
    """Every name the definition uses is given, and nothing else is."""
    used = set(re.findall(r"\$\{(\w+)\}", definition))
    if used != set(substitutions):
        missing, unused = sorted(used - set(substitutions)), sorted(set(substitutions) - used)
        raise ValueError(f"{name}.asl.json: substitutions missing {missing}, unused {unused}")
