"""State machines, versions, aliases and activities of a template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from localcloud.cloud import Cloud
from localcloud.template.assembly import Assembly
from localcloud.template.cloudformation import CloudFormationService
from localcloud.workflows.service import StepFunctionsService

ROLE = "arn:aws:iam::123456789012:role/r"


def resource(name: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::StepFunctions::{name}", "Properties": properties}


TEMPLATE = {
    "Resources": {
        "Workers": resource("Activity", Name="approve"),
        "Machine": resource(
            "StateMachine",
            RoleArn=ROLE,
            StateMachineName="m",
            Definition={
                "StartAt": "A",
                "States": {"A": {"Type": "Task", "Resource": "${Worker}", "End": True}},
            },
            DefinitionSubstitutions={"Worker": {"Ref": "Workers"}},
        ),
        "First": resource(
            "StateMachineVersion",
            StateMachineArn={"Ref": "Machine"},
            StateMachineRevisionId={"Fn::GetAtt": ["Machine", "StateMachineRevisionId"]},
        ),
        "Live": resource(
            "StateMachineAlias",
            Name="live",
            RoutingConfiguration=[{"StateMachineVersionArn": {"Ref": "First"}, "Weight": 100}],
        ),
        "Slow": resource(
            "StateMachineAlias",
            Name="slow",
            DeploymentPreference={
                "StateMachineVersionArn": {"Ref": "First"},
                "Type": "LINEAR",
                "Percentage": 10,
                "Interval": 1,
            },
        ),
    }
}


def test_a_template_with_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "S.template.json").write_text(json.dumps(TEMPLATE))
    artifact = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/unknown-region",
        "properties": {"templateFile": "S.template.json"},
    }
    manifest = {"version": "55.0.0", "artifacts": {"S": artifact}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    services = [CloudFormationService, StepFunctionsService]
    with Cloud(Assembly.load(tmp_path), work_dir=tmp_path / "work", services=services) as cloud:
        states = cloud.client("stepfunctions")
        machine = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
        for alias in ("live", "slow"):
            described = states.describe_state_machine_alias(
                stateMachineAliasArn=f"{machine}:{alias}"
            )
            assert described["routingConfiguration"] == [
                {"stateMachineVersionArn": f"{machine}:1", "weight": 100}
            ]
        arn = states.start_execution(stateMachineArn=f"{machine}:live")["executionArn"]
        activity = machine.replace("stateMachine:m", "activity:approve")
        token = states.get_activity_task(activityArn=activity)["taskToken"]
        states.send_task_success(taskToken=token, output="1")
        while (described := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            pass
        assert described["output"] == "1"
        assert described["stateMachineVersionArn"] == f"{machine}:1"
