"""The alarms a release is held against: the share of failed answers, and how long answers take."""

from __future__ import annotations

from collections.abc import Iterator

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk.aws_cloudwatch_actions import SnsAction
from aws_cdk.aws_sns import ITopic
from constructs import Construct

from stacks.environment import ALARM_SECONDS, Release

PERIOD = Duration.seconds(ALARM_SECONDS)
# Below this, one bad answer is a large share of them all.
MIN_INVOCATIONS = 20


class ReleaseAlarms(Construct):
    """Both are quiet while there are few requests, and both take a release back.

    A container answers overload with 429, which SageMaker counts as the caller's error: so a busy
    version isn't taken for a broken one.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        dimensions: dict[str, str],
        release: Release,
    ) -> None:
        super().__init__(scope, construct_id)
        self._dimensions = dimensions
        self.errors = self._alarm(
            "Errors",
            "The text endpoint answers too many requests with server errors.",
            "100 * value / invocations",
            self._metric("Invocation5XXErrors", "Sum"),
            release.error_percent,
        )
        self.latency = self._alarm(
            "Latency",
            "One answer of the text endpoint in ten takes too long.",
            "value / 1000000",
            self._metric("ModelLatency", "p90"),
            release.maximum_latency_seconds,
        )

    def __iter__(self) -> Iterator[cloudwatch.Alarm]:
        return iter((self.errors, self.latency))

    def notify(self, topic: ITopic) -> None:
        for alarm in self:
            alarm.add_alarm_action(SnsAction(topic))

    def _alarm(
        self,
        construct_id: str,
        description: str,
        expression: str,
        value: cloudwatch.Metric,
        threshold: float,
    ) -> cloudwatch.Alarm:
        """An alarm on an expression of `value` and `invocations`."""
        return cloudwatch.Alarm(
            self,
            construct_id,
            alarm_description=description,
            metric=cloudwatch.MathExpression(
                expression=f"IF(invocations >= {MIN_INVOCATIONS}, {expression}, 0)",
                using_metrics={"value": value, "invocations": self._metric("Invocations", "Sum")},
                period=PERIOD,
            ),
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/SageMaker",
            metric_name=name,
            dimensions_map=self._dimensions,
            statistic=statistic,
            period=PERIOD,
        )
