"""The repository of the environment's images: no clean-up of CDK's own can take one that serves."""

from __future__ import annotations

from aws_cdk import DefaultStackSynthesizer, Duration, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from meguru.names import image_repository_name
from stacks.constructs.retention import removal_policy
from stacks.environment import Environment

# What pushing takes; the login it has from the bootstrap's own policy.
PUSH_ACTIONS = [
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:DescribeImages",
    "ecr:DescribeRepositories",
    "ecr:GetDownloadUrlForLayer",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
]


class ImageRepository(ecr.Repository):
    """Images by the hash of their source, under tags that never move.

    The bootstrap's repository is cleaned by `cdk gc` of what no template names, and an approved
    model version names its image long after the template names another.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, key: kms.IKey
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            # The CDK CLI has to know it before it can ask CloudFormation.
            repository_name=image_repository_name(environment.name),
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            encryption=ecr.RepositoryEncryption.KMS,
            encryption_key=key,
            lifecycle_rules=[
                ecr.LifecycleRule(
                    description="What was left of a broken push; a tagged image may serve.",
                    tag_status=ecr.TagStatus.UNTAGGED,
                    max_image_age=Duration.days(7),
                )
            ],
            removal_policy=removal_policy(environment),
            empty_on_delete=environment.destroyable,
        )
        stack = Stack.of(self)
        qualifier = (
            self.node.try_get_context("@aws-cdk/core:bootstrapQualifier")
            or DefaultStackSynthesizer.DEFAULT_QUALIFIER
        )
        publisher = f"role/cdk-{qualifier}-image-publishing-role-{stack.account}-{stack.region}"
        self.add_to_resource_policy(
            iam.PolicyStatement(
                # The bootstrap lets its role push into its own repository only.
                principals=[
                    iam.ArnPrincipal(stack.format_arn(service="iam", region="", resource=publisher))
                ],
                actions=PUSH_ACTIONS,
            )
        )
