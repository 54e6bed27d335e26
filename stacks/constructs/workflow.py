"""A state machine from its definition in stacks/workflows/."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from meguru.names import workflow_log_name
from stacks.constructs.call_retries import with_retries
from stacks.constructs.call_safeguards import KEY, KEY_VALUE, with_safeguards
from stacks.constructs.grants import grant_volumes
from stacks.constructs.job_adoption import with_adoption
from stacks.constructs.retention import LogGroup
from stacks.environment import Environment

WORKFLOWS = Path(__file__).parents[1] / "workflows"


class Workflow(sfn.StateMachine):
    """A standard state machine, logged and traced; each `${Name}` of its definition has a value.

    `owner` is the resource name of the model it is for, or of the data job.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        name: str,
        key: kms.IKey,
        substitutions: Mapping[str, str],
        timeout: Duration,
        owner: str,
    ) -> None:
        written = json.loads((WORKFLOWS / f"{name}.asl.json").read_text())
        guarded = with_safeguards(written, environment, substitutions)
        tried = with_retries(with_adoption(guarded))
        # CDK's own `timeout` is for definitions that CDK writes, and silently left out of others.
        timed = {"TimeoutSeconds": int(timeout.to_seconds()), **tried}
        definition = json.dumps(timed, ensure_ascii=False)
        is_key_used = KEY_VALUE in definition
        values = {**substitutions, **({KEY: key.key_arn} if is_key_used else {})}
        check_substitutions(name, definition, values)
        self.definition_name = name
        super().__init__(
            scope,
            construct_id,
            definition_body=sfn.DefinitionBody.from_string(definition),
            definition_substitutions=values,
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=LogGroup(
                    scope,
                    f"{construct_id}Logs",
                    environment=environment,
                    log_group_name=workflow_log_name(owner, name),
                ),
                level=sfn.LogLevel.ALL,
                include_execution_data=True,
            ),
        )
        if is_key_used:
            grant_volumes(self, key)


def check_substitutions(name: str, definition: str, substitutions: Mapping[str, str]) -> None:
    """Every name the definition uses is given, and nothing else is."""
    used = set(re.findall(r"\$\{(\w+)\}", definition))
    if used != set(substitutions):
        missing, unused = sorted(used - set(substitutions)), sorted(set(substitutions) - used)
        raise ValueError(f"{name}.asl.json: substitutions missing {missing}, unused {unused}")
