"""A judge's key: only the evaluation job's role may read it, and nothing of it is in a template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from localcloud.check import Assembly

from stacks.environment import Environment
from tests.stacks.rendering import rendered
from tests.stacks.synthesis import Synthesis

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:judge/key-AbCdEf"


@pytest.mark.parametrize(
    ("secret", "resource"),
    [
        (ARN, ARN),
        ("judge/key", "arn:aws:secretsmanager:us-east-1:123456789012:secret:judge/key-??????"),
    ],
)
def test_only_the_evaluation_may_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str, resource: str
) -> None:
    monkeypatch.setenv("CDK_VALIDATION", "false")
    from app import synthesize

    judge = {"address": "https://judge.example/v1", "model": "m", "api_key_secret": secret}
    values = {"name": "a", "models": {"m": {"evaluation": {"judge": judge}}}}
    environment = Environment.model_validate(
        {**values, "account": "123456789012", "region": "us-east-1"}
    )
    app = synthesize(environment, str(tmp_path))
    made = Synthesis(environment, app, tmp_path, Assembly.load(tmp_path))
    readers = {
        policy.path: statement["Resource"]
        for policy in made.resources("AWS::IAM::Policy")
        for statement in rendered(policy.properties, policy.stack)["PolicyDocument"]["Statement"]
        if "secretsmanager" in json.dumps(statement)
    }
    assert readers == {"Training/Evaluation/Role/DefaultPolicy/Resource": resource}
    definitions: list[Any] = [
        rendered(machine.properties, machine.stack)["DefinitionSubstitutions"]
        for machine in made.resources("AWS::StepFunctions::StateMachine")
    ]
    given = [one["JudgeApiKeySecret"] for one in definitions if "JudgeApiKeySecret" in one]
    # A training's evaluation, and a prompt's.
    assert given == [f"'{secret}'"] * 2
