"""The alarms a release is held against: failed and slow answers, and how good the others are."""

from __future__ import annotations

from collections.abc import Iterator

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk.aws_cloudwatch_actions import SnsAction
from aws_cdk.aws_sns import ITopic
from constructs import Construct

from meguru.answer_flaw import EMPTY, GUARDED, REPEATED
from meguru.names import FLAW_METRICS, METRIC_NAMESPACE, NEW_VERSION, THUMBS_DOWN_METRIC
from meguru.release_alarm import fingerprint_of
from meguru.rollback import STOP_DIMENSION, STOP_METRIC
from stacks.environment import ALARM_SECONDS, Release

PERIOD = Duration.seconds(ALARM_SECONDS)
# Below this, one bad answer is a large share of them all.
MIN_INVOCATIONS = 20


class ReleaseAlarms(Construct):
    """All are quiet while there are few requests, and each takes a release back.

    A container answers overload with 429, which SageMaker counts as the caller's error: so a busy
    version isn't taken for a broken one. `quality_of` are the environment's name and the model's,
    where it gives texts: their quality is that of the new version's alone, however few of the
    requests it gets. `fingerprints` are alarms' names, each with one of what it watches.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        endpoint_name: str,
        dimensions: dict[str, str],
        release: Release,
        quality_of: tuple[str, str] | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._dimensions = dimensions
        self._alarms: list[cloudwatch.Alarm] = []
        self.fingerprints: list[list[str]] = []
        self._watch_answering(release)
        self._watch_stop(endpoint_name)
        if quality_of:
            self._quality = dict(zip(("environment", "model"), quality_of, strict=True))
            self._watch_quality(release)

    def __iter__(self) -> Iterator[cloudwatch.Alarm]:
        return iter(self._alarms)

    def notify(self, topic: ITopic) -> None:
        for alarm in self:
            alarm.add_alarm_action(SnsAction(topic))

    def _watch_answering(self, release: Release) -> None:
        self._add_share(
            "Errors",
            "The endpoint answers too many requests with server errors.",
            "100 * value / invocations",
            self._metric("Invocation5XXErrors", "Sum"),
            self._metric("Invocations", "Sum"),
            release.error_percent,
        )
        self._add_share(
            "Latency",
            "One answer of the endpoint in ten takes too long.",
            "value / 1000000",
            self._metric("ModelLatency", "p90"),
            self._metric("Invocations", "Sum"),
            release.maximum_latency_seconds,
        )

    def _watch_stop(self, endpoint_name: str) -> None:
        """Rings when a person stops a release that is under way."""
        stop = cloudwatch.Metric(
            namespace=METRIC_NAMESPACE,
            metric_name=STOP_METRIC,
            dimensions_map={STOP_DIMENSION: endpoint_name},
            statistic="Sum",
            period=Duration.minutes(1),
        )
        # An expression like the others', which are looked at in one way.
        said = "A person has stopped the release."
        self._add("Stopped", said, "FILL(value, 0)", {"value": stop}, threshold=0)

    def _watch_quality(self, release: Release) -> None:
        shares = {
            "GuardedAnswers": (FLAW_METRICS[GUARDED], release.maximum_guarded_percent),
            "EmptyAnswers": (FLAW_METRICS[EMPTY], release.maximum_empty_percent),
            "RepeatedAnswers": (FLAW_METRICS[REPEATED], release.maximum_repeated_percent),
            "ThumbsDown": (THUMBS_DOWN_METRIC, release.maximum_thumbs_down_percent),
        }
        # Every answer is a sample of each flaw.
        answers = self._quality_metric(FLAW_METRICS[EMPTY], "SampleCount")
        for construct_id, (name, percent) in shares.items():
            self._add_share(
                construct_id,
                f"{name}: more than {percent:g} % of the new version's answers.",
                "100 * FILL(value, 0) / invocations",
                self._quality_metric(name, "Sum"),
                answers,
                percent,
            )

    def _add_share(
        self,
        construct_id: str,
        description: str,
        expression: str,
        value: cloudwatch.Metric,
        invocations: cloudwatch.Metric,
        threshold: float,
    ) -> None:
        """An alarm on an expression of `value` and `invocations`, once there are enough of them."""
        enough = f"IF(invocations >= {MIN_INVOCATIONS}, {expression}, 0)"
        metrics = {"value": value, "invocations": invocations}
        self._add(construct_id, description, enough, metrics, threshold)

    def _add(
        self,
        construct_id: str,
        description: str,
        expression: str,
        metrics: dict[str, cloudwatch.Metric],
        threshold: float,
    ) -> None:
        period = next(iter(metrics.values())).period
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            alarm_description=description,
            metric=cloudwatch.MathExpression(
                expression=expression, using_metrics=metrics, period=period
            ),
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        self._alarms.append(alarm)
        watched = [
            (one.namespace, one.metric_name, one.statistic, dict(one.dimensions or {}))
            for one in metrics.values()
        ]
        fingerprint = fingerprint_of(expression, threshold, watched)
        self.fingerprints.append([alarm.alarm_name, fingerprint])

    def _metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/SageMaker",
            metric_name=name,
            dimensions_map=self._dimensions,
            statistic=statistic,
            period=PERIOD,
        )

    def _quality_metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=METRIC_NAMESPACE,
            metric_name=name,
            dimensions_map={**self._quality, "version": NEW_VERSION},
            statistic=statistic,
            period=PERIOD,
        )
