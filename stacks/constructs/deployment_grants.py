"""What whoever deploys a commit may do: act as CDK's own roles, and let the models look."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import DefaultStackSynthesizer, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from stacks.constructs.grants import grant

# Those of `cdk bootstrap` that the CDK CLI acts as; the fifth is CloudFormation's.
CLI_ROLES = ("deploy", "file-publishing", "image-publishing", "lookup")
# The images' base. Source: the FROM lines of the Dockerfiles, which a test compares.
BASE_IMAGE_REGION, BASE_IMAGE_ACCOUNT = "us-west-2", "763104351884"
BASE_IMAGE_REPOSITORY = "huggingface-pytorch-training"


def grant_deployment(grantee: iam.IRole, functions: Iterable[lambda_.IFunction]) -> None:
    """Let `grantee` run `cdk deploy` and then start what has something new to train on."""
    stack = Stack.of(grantee)
    qualifier = (
        grantee.node.try_get_context("@aws-cdk/core:bootstrapQualifier")
        or DefaultStackSynthesizer.DEFAULT_QUALIFIER
    )
    names = [f"cdk-{qualifier}-{name}-role-{stack.account}-{stack.region}" for name in CLI_ROLES]
    roles = [
        stack.format_arn(service="iam", region="", resource="role", resource_name=name)
        for name in names
    ]
    grant(grantee, "sts:AssumeRole", *roles)
    grant(grantee, "lambda:InvokeFunction", *(function.function_arn for function in functions))
    grant(grantee, "ecr:GetAuthorizationToken", "*")
    grant(
        grantee,
        ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        f"arn:{stack.partition}:ecr:{BASE_IMAGE_REGION}:{BASE_IMAGE_ACCOUNT}:repository/"
        f"{BASE_IMAGE_REPOSITORY}",
    )
