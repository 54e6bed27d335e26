"""A DynamoDB table: on demand, recoverable, encrypted with the environment's key."""

from __future__ import annotations

from typing import Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.constructs.retention import removal_policy
from stacks.environment import Environment


class Table(dynamodb.TableV2):
    """A table whose items have a text for a key. `key` is what encrypts it.

    One that isn't `kept` has nothing that couldn't be made again: it can't be recovered, and goes
    with its stack.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        key: kms.IKey,
        partition_key: str,
        kept: bool = True,
        **settings: Any,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            partition_key=text(partition_key),
            billing=dynamodb.Billing.on_demand(),
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=kept
            ),
            deletion_protection=kept and not environment.destroyable,
            removal_policy=removal_policy(environment) if kept else RemovalPolicy.DESTROY,
            **settings,
        )
        self.key = key
        table = self.node.default_child
        assert isinstance(table, dynamodb.CfnGlobalTable)
        # The property of the resource itself: CDK's own wants a region, which not every
        # environment has.
        table.add_property_override("SSESpecification", {"SSEEnabled": True, "SSEType": "KMS"})
        table.add_property_override("Replicas.0.SSESpecification.KMSMasterKeyId", key.key_arn)


def text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
