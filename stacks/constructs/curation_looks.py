"""What starts curation: one queue of looks, and the function that lets one execution be at it."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from meguru.events import CLOCK, SCHEDULE
from meguru.names import RAW_PREFIX
from stacks.constructs.grants import grant_runs, grant_table
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.table import Table
from stacks.constructs.workflow import Workflow
from stacks.environment import Environment
from stacks.environment.schedule import schedule_expression

LOOK_EVERY = Duration.hours(1)
# Lambda takes larger batches only where it may wait for them.
MAX_BATCH_WITHOUT_WINDOW = 10
LARGEST_BATCH, LONGEST_WINDOW = 1000, 10


class CurationLooks(Construct):
    """None of the messages says what has changed: curation reads all of it, and once."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        bucket: s3.IBucket,
        loop: Table,
        workflow: Workflow,
    ) -> None:
        super().__init__(scope, construct_id)
        self._environment = environment
        self.failed = self._queue("Failed")
        self.queue = self._queue(
            "Queue",
            visibility_timeout=Duration.minutes(6),
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=5, queue=self.failed),
        )
        self._start_curation(loop, workflow)
        events.Rule(
            self,
            "ObjectChanged",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created", "Object Deleted"],
                detail={
                    "bucket": {"name": [bucket.bucket_name]},
                    "object": {"key": [{"prefix": RAW_PREFIX}]},
                },
            ),
            targets=[targets.SqsQueue(self.queue)],
        )
        self._look_by_the_clock()

    def _queue(self, construct_id: str, **settings: object) -> sqs.Queue:
        return sqs.Queue(
            self,
            construct_id,
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            retention_period=Duration.days(14),
            **settings,  # type: ignore[arg-type]
        )

    def _start_curation(self, loop: Table, workflow: Workflow) -> None:
        function = PythonFunction(
            self,
            "StartCuration",
            environment=self._environment,
            folder="start_curation",
            variables={
                "LOOP_TABLE": loop.table_name,
                "CURATION_STATE_MACHINE": workflow.state_machine_arn,
            },
            timeout=Duration.seconds(30),
        )
        grant_table(function, loop, "GetItem", "UpdateItem")
        grant_runs(function, workflow)
        # The workflow waits for what belongs together; this is for fewer calls.
        window = min(self._environment.curation.batch_seconds // 2, LONGEST_WINDOW)
        function.add_event_source(
            event_sources.SqsEventSource(
                self.queue,
                batch_size=LARGEST_BATCH if window else MAX_BATCH_WITHOUT_WINDOW,
                max_batching_window=Duration.seconds(window),
            )
        )

    def _look_by_the_clock(self) -> None:
        """At each time at which some model is to learn what is new, and for what has failed."""
        retrain = [model.retrain for model in self._environment.trained.values()]
        schedules = dict.fromkeys(one.schedule for one in retrain if one.schedule)
        for number, schedule in enumerate(schedules, 1):
            expression = events.Schedule.expression(schedule_expression(schedule))
            self._look(f"RetrainingSchedule{number}", expression, SCHEDULE)
        self._look("Hourly", events.Schedule.rate(LOOK_EVERY), CLOCK)

    def _look(self, construct_id: str, schedule: events.Schedule, reason: str) -> None:
        message = events.RuleTargetInput.from_object({"look": reason})
        events.Rule(
            self,
            construct_id,
            schedule=schedule,
            targets=[targets.SqsQueue(self.queue, message=message)],
        )
