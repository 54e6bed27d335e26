"""Grants of single actions on single resources, one a line."""

from __future__ import annotations

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.constructs.table import Table


def grant(grantee: iam.IGrantable, actions: str | list[str], *resources: str) -> None:
    """Let `grantee` do just these actions on just these resources."""
    iam.Grant.add_to_principal(
        grantee=grantee,
        actions=[actions] if isinstance(actions, str) else actions,
        resource_arns=list(resources),
    )


def grant_table(grantee: iam.IGrantable, table: Table, *operations: str) -> None:
    """Let `grantee` call these DynamoDB operations on a table, and DynamoDB use its key for it."""
    grant(grantee, [f"dynamodb:{operation}" for operation in operations], table.table_arn)
    # Source: DynamoDB developer guide, "Authorizing use of a customer managed key".
    iam.Grant.add_to_principal(
        grantee=grantee,
        actions=[
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
        ],
        resource_arns=[table.key.key_arn],
        conditions={
            "StringEquals": {"kms:ViaService": f"dynamodb.{Stack.of(table).region}.amazonaws.com"}
        },
    )


def grant_volumes(grantee: iam.IGrantable, key: kms.IKey) -> None:
    """Let SageMaker encrypt the volumes of `grantee`'s jobs and endpoints, as long as they last."""
    grant(grantee, "kms:DescribeKey", key.key_arn)
    iam.Grant.add_to_principal(
        grantee=grantee,
        actions=["kms:CreateGrant"],
        resource_arns=[key.key_arn],
        conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
    )


def grant_network_interfaces(grantee: iam.IGrantable, actions: list[str]) -> None:
    """Let a service make interfaces in a VPC for `grantee`, by the actions it documents."""
    grant(grantee, actions, "*")


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


def hosting_arn(scope: Construct, endpoint_name: str) -> str:
    """Matches an endpoint and its inference component, which has the same name.

    Who asks a component is checked against both, and of both for each of many models a role's
    policies would be too long.
    """
    return sagemaker_arn(scope, "*", endpoint_name)


def secret_arn(scope: Construct, secret: str) -> str:
    """The ARN of a secret that is given by it, or by its name: AWS ends it with six characters.

    Source: Secrets Manager user guide, "Authentication and access control".
    """
    if secret.startswith("arn:"):
        return secret
    return Stack.of(scope).format_arn(
        service="secretsmanager",
        resource="secret",
        resource_name=f"{secret}-??????",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def default_bus_arn(scope: Construct) -> str:
    return Stack.of(scope).format_arn(
        service="events", resource="event-bus", resource_name="default"
    )
