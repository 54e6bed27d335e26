"""Base models: a model from elsewhere becomes a revision in the lake, by a job of its own."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from meguru.events import event_source
from meguru.names import (
    BASE_MODELS_PREFIX,
    CURATION,
    INCOMING_MODELS_PREFIX,
    RUNS_PREFIX,
    made_by_runs,
    resource_name,
)
from stacks.constructs.grants import default_bus_arn, grant
from stacks.constructs.job import Job, source_commit
from stacks.constructs.job_grants import grant_processing_jobs
from stacks.constructs.lake import Lake
from stacks.constructs.workflow import Workflow
from stacks.environment import Environment

# With a wait for quota or capacity.
TIME_LIMIT = Duration.days(3)


class BaseModels(Construct):
    """The job that adds base models, and its workflow, which a person starts."""

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, lake: Lake
    ) -> None:
        super().__init__(scope, construct_id)
        self._environment, self._lake = environment, lake
        self._job = Job(self, "Job", environment=environment, key=lake.key, folder="base_models")
        lake.grant_read(self._job.role, INCOMING_MODELS_PREFIX)
        lake.grant_write(self._job.role, BASE_MODELS_PREFIX, RUNS_PREFIX)
        for source in environment.base_models.sources:
            self._grant_source(source)
        self.workflow = self._create_workflow()

    def _grant_source(self, source: str) -> None:
        """Let the job read a prefix of another bucket, as far as that bucket's owner does."""
        bucket, _, prefix = source.removeprefix("s3://").partition("/")
        arn = f"arn:{Stack.of(self).partition}:s3:::{bucket}"
        grant(self._job.role, "s3:GetObject", f"{arn}/{prefix}*")
        iam.Grant.add_to_principal(
            grantee=self._job.role,
            actions=["s3:ListBucket"],
            resource_arns=[arn],
            conditions={"StringLike": {"s3:prefix": [f"{prefix}*"]}},
        )

    def _create_workflow(self) -> Workflow:
        settings = self._environment.base_models
        name = resource_name(self._environment.name, CURATION)
        workflow = Workflow(
            self,
            "AddBaseModel",
            environment=self._environment,
            name="add_base_model",
            key=self._lake.key,
            timeout=TIME_LIMIT,
            owner=name,
            substitutions={
                "LakeBucket": self._lake.bucket.bucket_name,
                "NamePrefix": name,
                "JobRoleArn": self._job.role.role_arn,
                "JobImageUri": self._job.image.image_uri,
                "InstanceType": settings.instance_type,
                "VolumeSizeInGB": str(settings.volume_gb),
                "MaxRuntimeSeconds": str(settings.max_runtime_minutes * 60),
                "SourceCommit": source_commit("base_models"),
                "EventBusName": "default",
                "EventSource": event_source(self._environment.name),
            },
        )
        self._lake.grant_read(workflow, RUNS_PREFIX)
        self._lake.grant_list(workflow, BASE_MODELS_PREFIX)
        # The manifest and HEAD, each in one part.
        place = self._lake.bucket.arn_for_objects(f"{BASE_MODELS_PREFIX}*")
        grant(workflow, "s3:PutObject", place)
        grant(workflow, "kms:GenerateDataKey", self._lake.key.key_arn)
        grant_processing_jobs(workflow, made_by_runs(name), self._job.role)
        grant(workflow, "events:PutEvents", default_bus_arn(self))
        return workflow
