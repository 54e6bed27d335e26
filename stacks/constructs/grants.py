"""Grants of single actions on single resources, one a line."""

from __future__ import annotations

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
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


def grant_runs(grantee: iam.IGrantable, workflow: sfn.StateMachine) -> None:
    """Let `grantee` start a workflow, and see how an execution of it stands."""
    grant(grantee, "states:StartExecution", workflow.state_machine_arn)
    grant(
        grantee,
        "states:DescribeExecution",
        Stack.of(workflow).format_arn(
            service="states",
            resource="execution",
            resource_name=f"{workflow.state_machine_name}:*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        ),
    )


def sagemaker_arn(scope: Construct, resource: str, name: str) -> str:
    return Stack.of(scope).format_arn(service="sagemaker", resource=resource, resource_name=name)


def default_bus_arn(scope: Construct) -> str:
    return Stack.of(scope).format_arn(
        service="events", resource="event-bus", resource_name="default"
    )
