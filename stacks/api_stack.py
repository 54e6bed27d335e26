"""The inference API and its records."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.constructs.declared_consumers import DeclaredConsumers
from stacks.constructs.feedback_capture import FeedbackCapture
from stacks.constructs.inference_api import InferenceApi
from stacks.constructs.inference_log import InferenceLog
from stacks.constructs.ledger import LedgerWatch
from stacks.constructs.response_cache import ResponseCache
from stacks.constructs.spending_limit import SpendingLimit
from stacks.environment import Environment
from stacks.lake_stack import LakeStack


class ApiStack(Stack):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        storage: LakeStack,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        topic = storage.loop_events.topic
        inference_log = InferenceLog(
            self,
            "InferenceLog",
            environment=environment,
            lake=storage.lake,
            inferences=storage.records.inferences,
            topic=topic,
        )
        self.inference_api = InferenceApi(
            self,
            "InferenceApi",
            environment=environment,
            records=storage.records,
            inference_log=inference_log,
            feedback=FeedbackCapture(
                self,
                "FeedbackCapture",
                environment=environment,
                lake=storage.lake,
                records=storage.records,
            ),
            response_cache=ResponseCache(
                self,
                "ResponseCache",
                environment=environment,
                releases=storage.records.releases,
                key=storage.lake.key,
            ),
        )
        DeclaredConsumers(
            self,
            "DeclaredConsumers",
            environment=environment,
            consumers=storage.records.consumers,
        )
        LedgerWatch(
            self,
            "LedgerWatch",
            environment=environment,
            ledger=storage.records.ledger,
            topic=topic,
        )
        if usd_per_month := environment.budget.aws_usd_per_month:
            role = self.inference_api.answer_request.role
            assert role is not None
            SpendingLimit(
                self,
                "SpendingLimit",
                environment=environment,
                usd_per_month=usd_per_month,
                roles=[role],
                topic=topic,
            )
        CfnOutput(self, "ApiBase", value=f"{self.inference_api.api.url}v1")
        if aliases := environment.api.aliases:
            CfnOutput(self, "Aliases", value=" ".join(aliases))
        CfnOutput(self, "UsagePlan", value=self.inference_api.usage_plan.usage_plan_id)
