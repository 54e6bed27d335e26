"""What starts a model's training: looks at what curation has published, and one run at a time."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from meguru.events import CLOCK, CURATED, DATASET_VERSION_FROZEN, ENDED, event_source
from meguru.names import DATASETS_PREFIX, TEXT_DATASET
from stacks.constructs.grants import default_bus_arn, grant, grant_runs, grant_table
from stacks.constructs.lake import Lake
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.table import Table
from stacks.constructs.workflow import Workflow
from stacks.environment import Environment

LOOK_EVERY = Duration.hours(1)


class TrainingLooks(Construct):
    """None of the events says what to train on: the function looks at what is there."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        model: str,
        training_code: str,
        max_runs_per_day: int,
        lake: Lake,
        loop: Table,
        workflow: Workflow,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = PythonFunction(
            self,
            "StartTraining",
            environment=environment,
            folder="start_training",
            variables={
                "ENVIRONMENT_NAME": environment.name,
                "MODEL": model,
                "TRAINING_CODE": training_code,
                "DATASET": TEXT_DATASET,
                "LAKE_BUCKET": lake.bucket.bucket_name,
                "LOOP_TABLE": loop.table_name,
                "TRAINING_STATE_MACHINE": workflow.state_machine_arn,
                "MAX_RUNS_PER_DAY": str(max_runs_per_day),
            },
            timeout=Duration.minutes(1),
        )
        lake.grant_read(self.function, DATASETS_PREFIX)
        grant_table(self.function, loop, "GetItem", "UpdateItem")
        grant_runs(self.function, workflow)
        grant(self.function, "events:PutEvents", default_bus_arn(self))
        self._look_on(
            "DatasetCurated", CURATED, event_source(environment.name), DATASET_VERSION_FROZEN
        )
        self._look_on(
            "TrainingEnded",
            ENDED,
            "aws.states",
            "Step Functions Execution Status Change",
            stateMachineArn=[workflow.state_machine_arn],
            status=["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"],
        )
        # Events can be lost, and what failed or was put off waits for another day.
        hourly = events.Schedule.rate(LOOK_EVERY)
        events.Rule(self, "Hourly", schedule=hourly, targets=[self._look(CLOCK)])

    def _look_on(
        self, construct_id: str, look: str, source: str, detail_type: str, **detail: Any
    ) -> None:
        pattern = events.EventPattern(
            source=[source], detail_type=[detail_type], detail=detail or None
        )
        events.Rule(self, construct_id, event_pattern=pattern, targets=[self._look(look)])

    def _look(self, look: str) -> targets.LambdaFunction:
        return targets.LambdaFunction(
            self.function, event=events.RuleTargetInput.from_object({"look": look})
        )
