"""What the loop says of itself: every event kept, and a person told of those that need one."""

from __future__ import annotations

from typing import Any

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from meguru.events import (
    MODEL_VERSION_REFUSED,
    MODEL_VERSION_REGISTERED,
    RUN_FAILED,
    SCALING_NOT_REGISTERED,
    TRAINING_PUT_OFF,
    event_source,
)
from meguru.names import event_log_name
from stacks.constructs.retention import LogGroup
from stacks.environment import Environment

FOR_A_PERSON = [
    MODEL_VERSION_REGISTERED,
    MODEL_VERSION_REFUSED,
    RUN_FAILED,
    SCALING_NOT_REGISTERED,
    TRAINING_PUT_OFF,
]


class LoopEvents(Construct):
    """The loop's event log, and the topic its operators and approvers subscribe to."""

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, key: kms.IKey
    ) -> None:
        super().__init__(scope, construct_id)
        self._source = event_source(environment.name)
        self.log_group = LogGroup(
            self,
            "Log",
            environment=environment,
            log_group_name=event_log_name(environment.name),
        )
        self._keep_every_event()
        self.topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        self.topic.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
        key.grant_encrypt_decrypt(iam.ServicePrincipal("events.amazonaws.com"))
        if environment.budget.aws_usd_per_month:
            self.topic.grant_publish(iam.ServicePrincipal("budgets.amazonaws.com"))
            key.grant_encrypt_decrypt(iam.ServicePrincipal("budgets.amazonaws.com"))
        events.Rule(
            self,
            "ForAPerson",
            event_pattern=events.EventPattern(source=[self._source], detail_type=FOR_A_PERSON),
            targets=[targets.SnsTopic(self.topic)],
        )
        if environment.notify:
            self.topic.add_subscription(subscriptions.EmailSubscription(environment.notify))

    @property
    def log_target_arn(self) -> str:
        """The log group as EventBridge takes it for a target: without the `:*` of its streams."""
        return Stack.of(self).format_arn(
            service="logs",
            resource="log-group",
            resource_name=self.log_group.log_group_name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

    def _keep_every_event(self) -> None:
        # The L2 target sets the log group's policy by a function of its own; the resource will do.
        policy = logs.CfnResourcePolicy(
            self,
            "LogPolicy",
            policy_name=f"{self.node.addr}-events",
            policy_document=Stack.of(self).to_json_string(_log_policy(self.log_group)),
        )
        rule = events.CfnRule(
            self,
            "EveryEvent",
            event_pattern={"source": [self._source]},
            targets=[
                events.CfnRule.TargetProperty(
                    id="Log",
                    arn=self.log_target_arn,
                )
            ],
        )
        rule.add_resource_dependency(policy)


def _log_policy(log_group: logs.LogGroup) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]},
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": log_group.log_group_arn,
            }
        ],
    }
