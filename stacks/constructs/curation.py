"""Curation: what has arrived in the lake becomes a dataset version."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from meguru.events import event_source
from meguru.names import (
    CURATION,
    DATASETS_PREFIX,
    FEEDBACK_PREFIX,
    QUARANTINE_PREFIX,
    RAW_PREFIX,
    RUNS_PREFIX,
    TEXT_DATASET,
    made_by_runs,
    resource_name,
)
from stacks.constructs.grants import default_bus_arn, grant, grant_table, sagemaker_arn
from stacks.constructs.job import Job, source_commit
from stacks.constructs.job_grants import grant_processing_jobs
from stacks.constructs.lake import Lake
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.workflow import Workflow
from stacks.environment import Environment
from stacks.environment.schedule import schedule_expression

MAX_RUNTIME = Duration.hours(4)


class Curation(Construct):
    """The curation job, its workflow, and the queue of arrivals that starts it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        lake: Lake,
        releases: dynamodb.ITableV2,
    ) -> None:
        super().__init__(scope, construct_id)
        self._environment, self._lake, self._releases = environment, lake, releases
        self._job = Job(self, "Job", folder="curation")
        # A model that serves lies where a run left it.
        lake.grant_read(self._job.role, RAW_PREFIX, FEEDBACK_PREFIX, RUNS_PREFIX)
        lake.grant_write(self._job.role, DATASETS_PREFIX, QUARANTINE_PREFIX, RUNS_PREFIX)
        self._publish_dataset = self._create_publish_dataset()
        self.workflow = self._create_workflow()
        self._start_on_arrival()
        self._start_on_schedules()

    def _create_publish_dataset(self) -> PythonFunction:
        function = PythonFunction(
            self,
            "PublishDataset",
            environment=self._environment,
            folder="publish_dataset",
            variables={"LAKE_BUCKET": self._lake.bucket.bucket_name},
            timeout=Duration.seconds(30),
        )
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
            timeout=MAX_RUNTIME.plus(Duration.hours(1)),
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
                "ReleaseTable": self._releases.table_name,
                "EndpointName": endpoint_name,
                "VolumeSizeInGB": "30",
                "MaxRuntimeSeconds": str(MAX_RUNTIME.to_seconds()),
                "SourceCommit": source_commit("curation"),
                "PublishDatasetArn": self._publish_dataset.function_arn,
                "EventBusName": "default",
                "EventSource": event_source(self._environment.name),
            },
        )
        self._lake.grant_read(workflow, DATASETS_PREFIX)
        grant_table(workflow, self._releases, "GetItem")
        grant(
            workflow,
            "sagemaker:DescribeModelPackage",
            sagemaker_arn(self, "model-package", f"{endpoint_name}/*"),
        )
        grant_processing_jobs(workflow, made_by_runs(name), self._job.role)
        grant(workflow, "lambda:InvokeFunction", self._publish_dataset.function_arn)
        grant(workflow, "events:PutEvents", default_bus_arn(self))
        return workflow

    def _start_on_arrival(self) -> None:
        failed = sqs.Queue(
            self,
            "FailedArrivals",
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            retention_period=Duration.days(14),
        )
        arrivals = sqs.Queue(
            self,
            "Arrivals",
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            visibility_timeout=Duration.minutes(6),
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=5, queue=failed),
        )
        events.Rule(
            self,
            "ObjectArrived",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [self._lake.bucket.bucket_name]},
                    "object": {"key": [{"prefix": RAW_PREFIX}]},
                },
            ),
            targets=[targets.SqsQueue(arrivals)],
        )
        function = PythonFunction(
            self,
            "StartCuration",
            environment=self._environment,
            folder="start_curation",
            variables={"CURATION_STATE_MACHINE": self.workflow.state_machine_arn},
            timeout=Duration.seconds(30),
        )
        grant(function, "states:StartExecution", self.workflow.state_machine_arn)
        function.add_event_source(
            event_sources.SqsEventSource(
                arrivals,
                batch_size=1000,
                # Many objects arrive together: they are curated together.
                max_batching_window=Duration.seconds(self._environment.curation.batch_seconds),
            )
        )
        self.failed_arrivals = failed

    def _start_on_schedules(self) -> None:
        """One rule for each time at which some model is to learn what is new."""
        retrain = [model.retrain for model in self._environment.models.values()]
        schedules = dict.fromkeys(one.schedule for one in retrain if one.schedule)
        for number, schedule in enumerate(schedules, 1):
            events.Rule(
                self,
                f"RetrainingSchedule{number}",
                schedule=events.Schedule.expression(schedule_expression(schedule)),
                targets=[
                    targets.SfnStateMachine(
                        self.workflow,
                        input=events.RuleTargetInput.from_object({"reason": "schedule"}),
                    )
                ],
            )
