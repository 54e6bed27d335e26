"""What a person is told of without asking: alarms, and executions that ended badly."""

from __future__ import annotations

import json
import re

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from meguru.events import RUN_FAILED, SCALING_NOT_REGISTERED, event_source
from meguru.names import METRIC_NAMESPACE
from stacks.constructs.loop_events import LoopEvents
from stacks.constructs.workflow import Workflow
from stacks.environment import Environment

AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
PERIOD = Duration.minutes(5)
# Two hours: of two hourly looks one may be early in its hour and the next late.
NUM_PERIODS_BETWEEN_LOOKS = 24

# A cause names the state that failed. What ends in this one was told by its workflow, in one line.
NOT_TOLD = [{"anything-but": {"wildcard": "*'JobFailed'*"}}, {"exists": False}]
# The ends of an execution that need a person.
BAD_ENDS = [{"status": ["TIMED_OUT", "ABORTED"]}, {"status": ["FAILED"], "cause": NOT_TOLD}]


class Alarms(Construct):
    """Alarms on what went wrong at all: a bad execution, a message set aside, no scaling."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        loop_events: LoopEvents,
    ) -> None:
        super().__init__(scope, construct_id)
        self._source, self._loop_events = event_source(environment.name), loop_events
        self._action = actions.SnsAction(loop_events.topic)

    def watch_workflow(self, construct_id: str, workflow: Workflow) -> None:
        """An alarm on bad ends, and `Run Failed` for each that the workflow hasn't told of."""
        metric = cloudwatch.MathExpression(
            expression="FILL(failed, 0) + FILL(timed_out, 0) + FILL(aborted, 0)",
            using_metrics={
                "failed": workflow.metric_failed(period=PERIOD),
                "timed_out": workflow.metric_timed_out(period=PERIOD),
                "aborted": workflow.metric_aborted(period=PERIOD),
            },
            period=PERIOD,
        )
        self._alarm(construct_id, metric)
        self._tell_of_ends(f"{construct_id}Rule", workflow)

    def _tell_of_ends(self, construct_id: str, workflow: Workflow) -> None:
        """Step Functions' own event, in the log as it is and to the topic as the loop's.

        What a workflow has told itself comes to both from the loop's own bus.
        """
        detail = {
            "workflow": workflow.definition_name,
            "run": "<run>",
            "status": "<status>",
            "execution": "<execution>",
        }
        # A variable stands without quotes: EventBridge puts them around what is text. One that the
        # event doesn't have would leave nothing, and no JSON: an execution that was stopped may
        # have no error and no cause, so they are told with all that the event says of it.
        template = re.sub(
            r'"(<\w+>)"',
            r"\1",
            json.dumps({"source": self._source, "detail-type": RUN_FAILED, "detail": detail}),
        )
        target = events.CfnRule.TargetProperty
        events.CfnRule(
            self,
            construct_id,
            event_pattern={
                "source": ["aws.states"],
                "detail-type": ["Step Functions Execution Status Change"],
                "detail": {
                    "stateMachineArn": [workflow.state_machine_arn],
                    "$or": BAD_ENDS,
                },
            },
            targets=[
                target(id="Log", arn=self._loop_events.log_target_arn),
                target(
                    id="Topic",
                    arn=self._loop_events.topic.topic_arn,
                    input_transformer=events.CfnRule.InputTransformerProperty(
                        input_paths_map={
                            "run": "$.detail.name",
                            "status": "$.detail.status",
                            "execution": "$.detail",
                        },
                        input_template=template,
                    ),
                ),
            ],
        )

    def watch_dead_letters(self, construct_id: str, queue: sqs.Queue) -> None:
        metric = queue.metric_approximate_number_of_messages_visible(period=PERIOD)
        self._alarm(construct_id, metric)

    def watch_scaling(self, construct_id: str, endpoint_name: str) -> None:
        """An alarm for as long as a version serves unscaled: every hourly look says so again."""
        equal = logs.FilterPattern.string_value
        said = logs.MetricFilter(
            self,
            f"{construct_id}Filter",
            log_group=self._loop_events.log_group,
            filter_pattern=logs.FilterPattern.all(
                equal("$.detail-type", "=", SCALING_NOT_REGISTERED),
                equal("$.detail.endpoint_name", "=", endpoint_name),
            ),
            metric_namespace=METRIC_NAMESPACE,
            metric_name=construct_id,
            dimensions={"EndpointName": "$.detail.endpoint_name"},
        )
        dimensions = {"EndpointName": endpoint_name}
        metric = said.metric(statistic="Sum", period=PERIOD, dimensions_map=dimensions)
        self._alarm(construct_id, metric, num_periods=NUM_PERIODS_BETWEEN_LOOKS)

    def _alarm(
        self, construct_id: str, metric: cloudwatch.IMetric, *, num_periods: int = 1
    ) -> None:
        """One in any of the last periods rings it."""
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            metric=metric,
            threshold=1,
            evaluation_periods=num_periods,
            datapoints_to_alarm=1,
            comparison_operator=AT_LEAST,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(self._action)
