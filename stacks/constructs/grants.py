"""Grants of single actions on single resources, one a line."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct


def grant(grantee: iam.IGrantable, actions: str | list[str], *resources: str) -> None:
    """Let `grantee` do just these actions on just these resources."""
    iam.Grant.add_to_principal(
        grantee=grantee,
        actions=[actions] if isinstance(actions, str) else actions,
        resource_arns=list(resources),
    )


def grant_table(grantee: iam.IGrantable, table: dynamodb.ITableV2, *operations: str) -> None:
    """Let `grantee` call these DynamoDB operations on a table."""
    grant(grantee, [f"dynamodb:{operation}" for operation in operations], table.table_arn)


def grant_pass_role(grantee: iam.IGrantable, role: iam.IRole, service: str) -> None:
    """Let `grantee` hand a role to a service, and to no other."""
    iam.Grant.add_to_principal(
        grantee=grantee,
        actions=["iam:PassRole"],
        resource_arns=[role.role_arn],
        conditions={"StringEquals": {"iam:PassedToService": service}},
    )


def sagemaker_arn(scope: Construct, resource: str, name: str) -> str:
    return Stack.of(scope).format_arn(service="sagemaker", resource=resource, resource_name=name)


def default_bus_arn(scope: Construct) -> str:
    return Stack.of(scope).format_arn(
        service="events", resource="event-bus", resource_name="default"
    )
