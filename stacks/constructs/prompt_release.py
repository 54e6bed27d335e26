"""Prompt releases: a model version's weights with another prompt, evaluated and registered."""

from __future__ import annotations

from aws_cdk import Duration
from constructs import Construct

from meguru.names import (
    BASE_MODELS_PREFIX,
    DATASETS_PREFIX,
    FEEDBACK_PREFIX,
    LABELS_PREFIX,
    RUNS_PREFIX,
    TEXT_DATASET,
    prompts_prefix,
)
from stacks.constructs.grants import default_bus_arn, grant, grant_table
from stacks.constructs.job_grants import grant_processing_jobs
from stacks.constructs.lake import Lake
from stacks.constructs.model_registry import ModelRegistry
from stacks.constructs.records import Records
from stacks.constructs.training import Training
from stacks.constructs.workflow import Workflow
from stacks.environment import Environment, Model

# For quota and for capacity of the evaluation, most of a day each.
WAITS = Duration.days(2)


class PromptRelease(Construct):
    """The workflow, which a person starts. It evaluates as a training's does, and holds what comes
    of it against the same gate."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        model_key: str,
        model: Model,
        lake: Lake,
        registry: ModelRegistry,
        records: Records,
        training: Training,
    ) -> None:
        super().__init__(scope, construct_id)
        self._environment, self._model, self._lake = environment, model, lake
        self._registry, self._records, self._training = registry, records, training
        self._prompts = prompts_prefix(model_key)
        self.workflow = self._create_workflow()
        self._grant()

    def _create_workflow(self) -> Workflow:
        evaluation = self._model.evaluation
        return Workflow(
            self,
            "ReleasePrompt",
            environment=self._environment,
            name="release_prompt",
            key=self._lake.key,
            timeout=WAITS.plus(Duration.minutes(evaluation.max_runtime_minutes)),
            owner=self._registry.group_name,
            substitutions=self._substitutions(),
        )

    def _substitutions(self) -> dict[str, str]:
        return {
            "LakeBucket": self._lake.bucket.bucket_name,
            "PromptsPrefix": self._prompts,
            "Dataset": TEXT_DATASET,
            "NamePrefix": self._registry.group_name,
            "ReleaseTable": self._records.releases.table_name,
            "EndpointName": self._registry.endpoint_name,
            **self._training.evaluation_values,
        }

    def _grant(self) -> None:
        workflow, registry = self.workflow, self._registry
        grant_processing_jobs(workflow, registry.made_by_runs, self._training.evaluation.role)
        # Any base model: a version keeps the one it was trained from, whatever is set now.
        self._lake.grant_read(self._training.evaluation.role, self._prompts)
        self._lake.grant_list(
            workflow,
            DATASETS_PREFIX,
            RUNS_PREFIX,
            FEEDBACK_PREFIX,
            LABELS_PREFIX,
            BASE_MODELS_PREFIX,
            self._prompts,
        )
        grant_table(workflow, self._records.releases, "GetItem")
        grant(workflow, "lambda:InvokeFunction", self._training.check_gate.function_arn)
        grant(workflow, "events:PutEvents", default_bus_arn(self))
        grant(workflow, "sagemaker:DescribeModelPackage", registry.versions_arn)
        grant(
            workflow,
            "sagemaker:CreateModelPackage",
            registry.group_arn,
            registry.versions_arn,
        )
        # The registry reads what it registers, as whoever registers it.
        self._lake.grant_read(workflow, RUNS_PREFIX)
        registry.image.repository.grant(
            workflow, "ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer"
        )
