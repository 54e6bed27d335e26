"""An alarm on answers that people find bad: it asks for curation, and tells a person."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from meguru.events import QUALITY
from meguru.names import BAD_ANSWER_METRIC, METRIC_NAMESPACE
from stacks.environment import Environment
from stacks.environment.model import FallingQuality


class QualityLook(Construct):
    """What was corrected or voted on by then is learnt, and a person is told in any case."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        model_key: str,
        rule: FallingQuality,
        looks: sqs.IQueue,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        name = environment.name_in_api(model_key)
        alarm = cloudwatch.Alarm(
            self,
            "Alarm",
            alarm_description=f"The answers of {name} are found bad",
            metric=_percent_bad(environment.name, name, rule),
            threshold=rule.bad_percent,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(topic))
        message = events.RuleTargetInput.from_object({"look": QUALITY})
        events.Rule(
            self,
            "Fallen",
            event_pattern=events.EventPattern(
                source=["aws.cloudwatch"],
                detail_type=["CloudWatch Alarm State Change"],
                resources=[alarm.alarm_arn],
                detail={"state": {"value": ["ALARM"]}},
            ),
            targets=[targets.SqsQueue(looks, message=message)],
        )


def _percent_bad(environment: str, model: str, rule: FallingQuality) -> cloudwatch.MathExpression:
    """Of the answers that were judged within the window; 0 for as long as there are too few."""
    period = Duration.hours(rule.hours)

    def metric(statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=METRIC_NAMESPACE,
            metric_name=BAD_ANSWER_METRIC,
            dimensions_map={"environment": environment, "model": model},
            statistic=statistic,
            period=period,
        )

    return cloudwatch.MathExpression(
        expression=f"IF(judged >= {rule.answers}, 100 * bad, 0)",
        using_metrics={"judged": metric("SampleCount"), "bad": metric("Average")},
        period=period,
    )
