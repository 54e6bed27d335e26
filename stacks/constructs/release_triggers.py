"""What starts a look at the endpoint: decisions, the clock, and executions that ended badly."""

from __future__ import annotations

import json
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from stacks.constructs.workflow import Workflow

LOOK_EVERY = Duration.hours(1)
# Inputs of executions that nobody asked for: as text, as a status event repeats them.
AFTER_FAILURE, AFTER_AN_HOUR = '{"after":"failure"}', '{"after":"an hour"}'


class ReleaseTriggers(Construct):
    """None of them says what to release: the workflow looks at what is approved when it runs."""

    def __init__(
        self, scope: Construct, construct_id: str, *, workflow: Workflow, group_name: str
    ) -> None:
        super().__init__(scope, construct_id)
        self._workflow = workflow
        events.Rule(
            self,
            "ModelVersionDecided",
            event_pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Model Package State Change"],
                detail={"ModelPackageGroupName": [group_name]},
            ),
            targets=[targets.SfnStateMachine(workflow)],
        )
        # Events can be lost, and another template changes what is wanted without one.
        events.Rule(
            self,
            "Hourly",
            schedule=events.Schedule.rate(LOOK_EVERY),
            targets=[self._target(AFTER_AN_HOUR)],
        )
        self._follow("Stopped", {"status": ["ABORTED", "TIMED_OUT"]})
        # What was approved meanwhile was left to the failed execution. Only once: what fails every
        # time is tried again by the clock.
        unasked = [{"anything-but": [AFTER_FAILURE, AFTER_AN_HOUR]}]
        self._follow("Failed", {"status": ["FAILED"], "input": unasked})

    def _follow(self, construct_id: str, detail: dict[str, Any]) -> None:
        """Look again after an execution that may have left its work undone."""
        events.Rule(
            self,
            construct_id,
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"stateMachineArn": [self._workflow.state_machine_arn], **detail},
            ),
            targets=[self._target(AFTER_FAILURE)],
        )

    def _target(self, text: str) -> targets.SfnStateMachine:
        given = events.RuleTargetInput.from_object(json.loads(text))
        return targets.SfnStateMachine(self._workflow, input=given)
