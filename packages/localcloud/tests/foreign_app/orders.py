"""Orders: a topic, queues with dead letters, a state machine, a nightly schedule."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from aws_cdk import custom_resources as custom
from constructs import Construct


class Warehouse(cdk.NestedStack):
    """Where orders are fetched from: a nested stack of its own."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.dead = sqs.Queue(self, "Dead")
        self.queue = sqs.Queue(
            self,
            "Queue",
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead, max_receive_count=2),
        )
        self.topic = sns.Topic(self, "Topic")
        self.topic.add_subscription(
            subscriptions.SqsSubscription(self.queue, raw_message_delivery=True)
        )


class Orders(Construct):
    """An order is published, priced by a state machine, and fetched from the warehouse."""

    def __init__(self, scope: Construct, construct_id: str, *, handlers: Path) -> None:
        super().__init__(scope, construct_id)
        warehouse = Warehouse(self, "Warehouse")
        pricer = lambda_.Function(
            self,
            "Pricer",
            runtime=lambda_.Runtime.PYTHON_3_11,
            handler="handler.price",
            code=lambda_.Code.from_asset(str(handlers / "hello")),
        )
        warehouse.topic.add_subscription(
            subscriptions.LambdaSubscription(
                pricer,
                filter_policy={"kind": sns.SubscriptionFilter.string_filter(allowlist=["urgent"])},
            )
        )
        machine = self._machine(pricer, warehouse.queue)
        events.Rule(
            self,
            "Nightly",
            schedule=events.Schedule.cron(minute="0", hour="3"),
            targets=[
                targets.SfnStateMachine(
                    machine, input=events.RuleTargetInput.from_object({"title": "夜間"})
                )
            ],
        )
        certificate = self._certificate(handlers)
        cdk.CfnOutput(self, "TopicArn", value=warehouse.topic.topic_arn)
        cdk.CfnOutput(self, "WarehouseQueue", value=warehouse.queue.queue_url)
        cdk.CfnOutput(self, "MachineArn", value=machine.state_machine_arn)
        cdk.CfnOutput(self, "CertificateNumber", value=certificate.get_att_string("Number"))

    def _machine(self, pricer: lambda_.Function, queue: sqs.Queue) -> sfn.StateMachine:
        price = tasks.LambdaInvoke(
            self, "Price", lambda_function=pricer, payload_response_only=True
        )
        fetch = tasks.SqsSendMessage(
            self,
            "Fetch",
            queue=queue,
            message_body=sfn.TaskInput.from_json_path_at("$"),
            result_path=sfn.JsonPath.DISCARD,
        )
        cheap = sfn.Condition.number_less_than("$.price", 10_000)
        chain = price.next(
            sfn.Choice(self, "Cheap?").when(cheap, fetch).otherwise(sfn.Fail(self, "TooDear"))
        )
        return sfn.StateMachine(
            self, "Machine", definition_body=sfn.DefinitionBody.from_chainable(chain)
        )

    def _certificate(self, handlers: Path) -> cdk.CustomResource:
        on_event = lambda_.Function(
            self,
            "OnEvent",
            runtime=lambda_.Runtime.PYTHON_3_11,
            handler="handler.on_event",
            code=lambda_.Code.from_asset(str(handlers / "certificate")),
        )
        provider = custom.Provider(self, "Provider", on_event_handler=on_event)
        return cdk.CustomResource(
            self,
            "Certificate",
            service_token=provider.service_token,
            resource_type="Custom::Certificate",
            properties={"Shelves": 3, "Open": True},
        )
