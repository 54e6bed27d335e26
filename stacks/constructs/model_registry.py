"""The model registry: the group a person approves versions in, and the image that serves them."""

from __future__ import annotations

from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from meguru.names import made_by_runs
from stacks.constructs.grants import sagemaker_arn
from stacks.constructs.job import Image
from stacks.constructs.retention import removal_policy
from stacks.environment import Environment
from stacks.environment.model import Model

FOLDERS = {"text": "inference_containers/text", "embedding": "inference_containers/embedding"}
DESCRIPTIONS = {
    "text": "Text model versions; approving one releases it.",
    "embedding": "Embedding model versions; approving one releases it.",
}
DOCKERFILES = {"meguru": "Dockerfile", "vllm": "vllm.Dockerfile"}


class ModelRegistry(Construct):
    """A model package group. The endpoint its versions are released to is named here too, so that
    who trains and who serves need not know each other. Both have the model's name."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        name: str,
        model: Model,
    ) -> None:
        super().__init__(scope, construct_id)
        self.group_name = self.endpoint_name = name
        self.image = Image(
            self,
            "Image",
            folder=FOLDERS[model.kind],
            dockerfile=DOCKERFILES[model.engine],
            base=model.engine_image,
        )
        self.group = sagemaker.CfnModelPackageGroup(
            self,
            "Group",
            # SageMaker makes no name of its own here.
            model_package_group_name=self.group_name,
            model_package_group_description=DESCRIPTIONS[model.kind],
        )
        # A group that has versions can't be deleted.
        self.group.apply_removal_policy(removal_policy(environment))

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

    @property
    def component_arn(self) -> str:
        """The inference component that an endpoint has which scales to zero, by the same name."""
        return sagemaker_arn(self, "inference-component", self.endpoint_name)

    @property
    def made_by_runs(self) -> str:
        """Matches the names of the jobs, models and configs that workflows make for the model."""
        return made_by_runs(self.group_name)
