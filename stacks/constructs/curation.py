"""Curation: what has arrived in the lake becomes a dataset version."""

from __future__ import annotations

from aws_cdk import Duration
from constructs import Construct

from meguru.events import event_source
from meguru.names import (
    CURATION,
    CURATION_CLAIM,
    DATASETS_PREFIX,
    FEEDBACK_PREFIX,
    QUARANTINE_PREFIX,
    RAW_PREFIX,
    RUNS_PREFIX,
    TEXT_DATASET,
    made_by_runs,
    resource_name,
)
from meguru.normalisation import OFF, ON
from stacks.constructs.curation_looks import CurationLooks
from stacks.constructs.grants import default_bus_arn, grant, grant_table, sagemaker_arn
from stacks.constructs.job import Job, source_commit
from stacks.constructs.job_grants import grant_processing_jobs
from stacks.constructs.lake import Lake
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.records import PENDING_INDEX, Records
from stacks.constructs.workflow import Workflow
from stacks.environment import Environment

MAX_RUNTIME = Duration.hours(4)
# The objective that learns from right answers alone.
# Longer than it takes with a wait for quota or capacity, and for arrivals to end.
TIME_LIMIT = Duration.days(3)


class Curation(Construct):
    """The curation job, its workflow, and what starts it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        lake: Lake,
        records: Records,
    ) -> None:
        super().__init__(scope, construct_id)
        self._environment, self._lake, self._records = environment, lake, records
        self._job = Job(self, "Job", environment=environment, key=lake.key, folder="curation")
        # A model that serves lies where a run left it.
        lake.grant_read(self._job.role, RAW_PREFIX, FEEDBACK_PREFIX, RUNS_PREFIX)
        lake.grant_write(self._job.role, DATASETS_PREFIX, QUARANTINE_PREFIX, RUNS_PREFIX)
        self._publish_dataset = self._create_publish_dataset()
        self.workflow = self._create_workflow()
        self.looks = CurationLooks(
            self,
            "Looks",
            environment=environment,
            bucket=lake.bucket,
            loop=records.loop,
            workflow=self.workflow,
        )

    def _create_publish_dataset(self) -> PythonFunction:
        feedback = self._records.feedback
        function = PythonFunction(
            self,
            "PublishDataset",
            environment=self._environment,
            folder="publish_dataset",
            variables={
                "LAKE_BUCKET": self._lake.bucket.bucket_name,
                "FEEDBACK_TABLE": feedback.table_name,
                "PENDING_INDEX": PENDING_INDEX,
            },
            timeout=Duration.minutes(5),
        )
        grant_table(function, feedback, "GetItem", "UpdateItem")
        grant(function, "dynamodb:Query", f"{feedback.table_arn}/index/{PENDING_INDEX}")
        self._lake.grant_read(function, RUNS_PREFIX, DATASETS_PREFIX)
        self._lake.grant_write(function, DATASETS_PREFIX)
        return function

    def _create_workflow(self) -> Workflow:
        settings = self._environment.curation
        name = resource_name(self._environment.name, CURATION)
        # What this model can't read is too long for each of the others.
        reader = self._environment.longest_context
        endpoint_name = self._environment.resource_name(reader)
        workflow = Workflow(
            self,
            "CurateDataset",
            environment=self._environment,
            name="curate_dataset",
            key=self._lake.key,
            timeout=TIME_LIMIT,
            owner=name,
            substitutions={
                "LakeBucket": self._lake.bucket.bucket_name,
                "Dataset": TEXT_DATASET,
                "NamePrefix": name,
                "CurationRoleArn": self._job.role.role_arn,
                "CurationImageUri": self._job.image.image_uri,
                "CurationInstanceType": settings.instance_type,
                "FeedbackWeight": str(settings.feedback_weight),
                "Normalisation": settings.normalisation,
                "ContextTokens": str(self._environment.models[reader].training.context_tokens),
                "Preferences": ON if self._environment.learns_from_preferences else OFF,
                "ReleaseTable": self._records.releases.table_name,
                "EndpointName": endpoint_name,
                "VolumeSizeInGB": str(settings.volume_gb),
                "MaxRuntimeSeconds": str(MAX_RUNTIME.to_seconds()),
                "SourceCommit": source_commit("curation"),
                "LoopTable": self._records.loop.table_name,
                "LoopItem": CURATION_CLAIM,
                "BatchSeconds": str(settings.batch_seconds),
                "PublishDatasetArn": self._publish_dataset.function_arn,
                "EventBusName": "default",
                "EventSource": event_source(self._environment.name),
            },
        )
        self._lake.grant_list(workflow, DATASETS_PREFIX, RAW_PREFIX, FEEDBACK_PREFIX)
        grant_table(workflow, self._records.releases, "GetItem")
        grant_table(workflow, self._records.loop, "GetItem", "UpdateItem")
        grant(
            workflow,
            "sagemaker:DescribeModelPackage",
            sagemaker_arn(self, "model-package", f"{endpoint_name}/*"),
        )
        grant_processing_jobs(workflow, made_by_runs(name), self._job.role)
        grant(workflow, "lambda:InvokeFunction", self._publish_dataset.function_arn)
        grant(workflow, "events:PutEvents", default_bus_arn(self))
        return workflow
