"""`Run Failed` is told as JSON, whatever Step Functions' event of the end has or lacks."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from localcloud.check import matches

from meguru.events import RUN_FAILED
from tests.stacks.rendering import rendered

if TYPE_CHECKING:
    from tests.stacks.synthesis import Synthesis

IN_JOB_FAILED = (
    "An error occurred while executing the state 'JobFailed' (entered at the event id #9). The "
    "JSONata expression '$error($fault)' threw an error during evaluation: It broke."
)
ENDS: list[dict[str, Any]] = [
    {"name": "r", "status": "FAILED", "error": "Broken", "cause": 'It said "no"\n'},
    {"name": "r", "status": "TIMED_OUT", "error": None, "cause": None},
    {"name": "r", "status": "ABORTED"},
    {"name": "r", "status": "ABORTED", "cause": "by hand"},
]


def told(transformer: dict[str, Any], detail: dict[str, Any]) -> str:
    """What EventBridge makes of it: a variable that the event doesn't have leaves nothing."""
    found: dict[str, str] = {}
    for name, path in transformer["InputPathsMap"].items():
        value: Any = {"detail": detail}
        for step in path.removeprefix("$.").split("."):
            value = value.get(step, ...)
        found[name] = "" if value is ... else json.dumps(value)
    return re.sub(r"<(\w+)>", lambda one: found[one[1]], transformer["InputTemplate"])


def num_workflows(synthesis: Synthesis) -> int:
    return len(list(synthesis.resources("AWS::StepFunctions::StateMachine")))


@pytest.mark.parametrize("detail", ENDS)
def test_every_bad_end_is_told_as_json(synthesis: Synthesis, detail: dict[str, Any]) -> None:
    transformers = [
        rendered(target["InputTransformer"], rule.stack)
        for rule in synthesis.resources("AWS::Events::Rule")
        for target in rule.properties["Targets"]
        if RUN_FAILED in json.dumps(target)
    ]
    assert len(transformers) == num_workflows(synthesis)
    for transformer in transformers:
        said = json.loads(told(transformer, detail))["detail"]
        assert (said["run"], said["status"]) == ("r", detail["status"])
        assert said["execution"] == detail


@pytest.mark.parametrize(
    ("detail", "is_told"),
    [
        *[(detail, True) for detail in ENDS],
        ({"status": "FAILED", "cause": None}, True),
        ({"status": "FAILED"}, True),
        ({"status": "SUCCEEDED"}, False),
        ({"status": "FAILED", "cause": IN_JOB_FAILED}, False),
        ({"status": "TIMED_OUT", "cause": IN_JOB_FAILED}, True),
        ({"status": "FAILED", "cause": IN_JOB_FAILED.replace("JobFailed", "TellFailure")}, True),
    ],
)
def test_what_the_workflow_has_told_itself_is_not_told_twice(
    synthesis: Synthesis, detail: dict[str, Any], is_told: bool
) -> None:
    patterns = [
        rendered(rule.properties["EventPattern"], rule.stack)
        for rule in synthesis.resources("AWS::Events::Rule")
        if RUN_FAILED in json.dumps(rule.properties["Targets"])
    ]
    assert len(patterns) == num_workflows(synthesis)
    for pattern in patterns:
        [machine] = pattern["detail"]["stateMachineArn"]
        event = {
            "source": "aws.states",
            "detail-type": "Step Functions Execution Status Change",
            "detail": {"stateMachineArn": machine, **detail},
        }
        assert matches(pattern, event) is is_told
