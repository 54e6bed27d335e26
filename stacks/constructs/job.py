"""A SageMaker job: its image, and the role it runs with."""

from __future__ import annotations

import subprocess
from pathlib import Path

from aws_cdk import ArnFormat, IgnoreMode, Stack
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from meguru.names import JOB_LOG_GROUPS
from stacks.constructs.grants import grant_network_interfaces, grant_volumes
from stacks.constructs.python_function import REPOSITORY
from stacks.environment import Environment

# Source: SageMaker developer guide, "How to use SageMaker AI execution roles".
INTERFACES_OF_CONTAINERS = [
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
]


class Image(ecr_assets.DockerImageAsset):
    """The image of one folder: that folder and `meguru`, nothing else of the repository.

    A container that serves has what is beside it in `serving`, too. `base` is what an image is
    built on, where its Dockerfile leaves that open.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        folder: str,
        dockerfile: str = "Dockerfile",
        base: str | None = None,
    ) -> None:
        parents = list(Path(folder).parents)[:-1]
        packages = [f"!{parent}/__init__.py" for parent in parents]
        packages += [f"!{parent}/serving" for parent in parents]
        super().__init__(
            scope,
            construct_id,
            directory=str(REPOSITORY),
            file=f"{folder}/{dockerfile}",
            build_args={"BASE": base} if base else None,
            platform=ecr_assets.Platform.LINUX_AMD64,
            exclude=["*", "!meguru", f"!{folder}", *packages, "**/__pycache__", "**/*.pyc"],
            ignore_mode=IgnoreMode.DOCKER,
            # SageMaker takes Docker's own manifests (schema 2): no OCI index, which a build with
            # attestations makes. The CDK CLI switches those off too.
            outputs=["type=docker"],
        )


class ContainerRole(iam.Role):
    """What SageMaker needs to run any container: pull its image, write logs and metrics."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        key: kms.IKey,
        image: Image,
        log_groups: tuple[str, ...],
    ) -> None:
        super().__init__(
            scope, construct_id, assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com")
        )
        image.repository.grant_pull(self)
        stack = Stack.of(self)
        self.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:DescribeLogStreams",
                    "logs:PutLogEvents",
                ],
                resources=[
                    stack.format_arn(
                        service="logs",
                        resource="log-group",
                        resource_name=group,
                        arn_format=ArnFormat.COLON_RESOURCE_NAME,
                    )
                    for group in log_groups
                ],
            )
        )
        self.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                # CloudWatch has no resource to name here; the namespace is what can be held.
                resources=["*"],
                conditions={"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
            )
        )
        grant_volumes(self, key)
        if environment.network.is_vpc:
            grant_network_interfaces(self, INTERFACES_OF_CONTAINERS)


class Job(Construct):
    """An image with the role its jobs run with."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        key: kms.IKey,
        folder: str,
    ) -> None:
        super().__init__(scope, construct_id)
        self.image = Image(self, "Image", folder=folder)
        self.role = ContainerRole(
            self,
            "Role",
            environment=environment,
            key=key,
            image=self.image,
            log_groups=tuple(f"{group}*" for group in JOB_LOG_GROUPS),
        )


def source_commit(*folders: str) -> str:
    """The newest commit that changed what images are made of: their folders and `meguru`.

    `-modified` when the working tree differs from it there. What else is committed changes no
    image, and so nothing that is deployed.
    """
    try:
        commit = _git("log", "-1", "--format=%H", "--", "meguru", *folders)
        modified = _git("status", "--porcelain", "--", "meguru", *folders)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}-modified" if modified else commit or "unknown"


def _git(*words: str) -> str:
    said = subprocess.run(
        ["git", *words], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return said.stdout.strip()
