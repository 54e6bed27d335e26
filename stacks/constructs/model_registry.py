"""The model registry: the group a person approves versions in, and the image that serves them."""

from __future__ import annotations

from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks.constructs.grants import sagemaker_arn
from stacks.constructs.job import Image
from stacks.environment import Environment


class ModelRegistry(Construct):
    """A model package group. The endpoint its versions are released to is named here too, so that
    who trains and who serves need not know each other."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        self.group_name = f"meguru-{environment.name}-text"
        self.endpoint_name = f"meguru-{environment.name}-text"
        self.image = Image(self, "Image", folder="inference_containers/text")
        self.group = sagemaker.CfnModelPackageGroup(
            self,
            "Group",
            # SageMaker makes no name of its own here.
            model_package_group_name=self.group_name,
            model_package_group_description="Text models; approving a version releases it.",
        )

    @property
    def group_arn(self) -> str:
        return sagemaker_arn(self, "model-package-group", self.group_name)

    @property
    def versions_arn(self) -> str:
        """Matches every version of the group."""
        return sagemaker_arn(self, "model-package", f"{self.group_name}/*")

    @property
    def endpoint_arn(self) -> str:
        return sagemaker_arn(self, "endpoint", self.endpoint_name)
