"""The application-autoscaling service: variants and components that follow load and time."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from typing import Any, ClassVar

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.account import Account
from localcloud.calls import ServiceError
from localcloud.monitoring.alarm_watch import queries_of
from localcloud.monitoring.queries import period_of
from localcloud.sagemaker.scalable_targets import Key
from localcloud.sagemaker.scaling_policies import ScalingPolicies
from localcloud.sagemaker.target_tracking import (
    MINUTES_IN,
    SAGEMAKER_METRICS,
    is_cooling_down,
    metric_of,
    stepped_capacity,
    wanted_capacity,
)

_log = logging.getLogger(__name__)
_PERIOD_SECONDS = 60


class ApplicationAutoScalingService(ScalingPolicies):
    """Evaluates target tracking once a minute of the cloud's time."""

    service_name: ClassVar[str] = "application-autoscaling"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._last_scaled: dict[Key, datetime] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="target tracking", daemon=True)

    def start(self) -> None:
        super().start()
        self.account.metrics.on_alarm("autoscaling", self.step)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5)
        super().stop()

    def evaluate(self) -> None:
        """Evaluate every target tracking policy now.

        One that wants more is enough to scale out; to scale in, all of a target have to agree. So
        the one that wants most decides. Source: Application Auto Scaling User Guide, "How target
        tracking scaling for Application Auto Scaling works", multiple policies.
        """
        policies: dict[Key, list[dict[str, Any]]] = {}
        for key, policy in self.policies_of("TargetTrackingScaling"):
            policies.setdefault(key, []).append(policy)
        for key, each in policies.items():
            current = self.capacity(key)
            if current:
                wanted = [(self._tracked(key, policy, current), policy) for policy in each]
                self._follow(key, current, *max(wanted, key=lambda one: one[0]))

    def step(self, policy_arn: str, alarm: dict[str, Any]) -> None:
        """Carry out a step scaling policy for the alarm whose action it is.

        A composite alarm watches no metric that a step could be chosen by.
        """
        if "AlarmRule" in alarm:
            _log.warning("%s: a composite alarm scales nothing", alarm["AlarmName"])
            return
        for key, policy in self.policies_of("StepScaling"):
            current = self.capacity(key)
            if policy["PolicyARN"] != policy_arn or current is None:
                continue
            configuration = policy["StepScalingPolicyConfiguration"]
            wanted = stepped_capacity(configuration, current, self._breach(alarm))
            cooldown = {
                "ScaleOutCooldown": configuration.get("Cooldown", 0),
                "ScaleInCooldown": configuration.get("Cooldown", 0),
            }
            self._scale(key, cooldown, current, wanted, f"alarm {alarm['AlarmName']}")

    def _tracked(self, key: Key, policy: dict[str, Any], current: int) -> int:
        """The capacity that a policy wants."""
        configuration = policy["TargetTrackingScalingPolicyConfiguration"]
        suspended = self.target(key).get("SuspendedState", {})
        can_scale_in = not (
            configuration.get("DisableScaleIn") or suspended.get("DynamicScalingInSuspended")
        )
        metric = metric_of(configuration, key[1], key[2])
        minutes = self._minutes(metric)
        return wanted_capacity(minutes, configuration["TargetValue"], current, can_scale_in)

    def _follow(self, key: Key, current: int, wanted: int, policy: dict[str, Any]) -> None:
        configuration = policy["TargetTrackingScalingPolicyConfiguration"]
        suspended = self.target(key).get("SuspendedState", {})
        if wanted > current and suspended.get("DynamicScalingOutSuspended"):
            return
        cause = f"monitor of policy {policy['PolicyName']} was triggered"
        self._scale(key, configuration, current, wanted, cause)

    def _scale(
        self, key: Key, cooldown: dict[str, Any], current: int, wanted: int, cause: str
    ) -> None:
        now, last = self.account.clock.now(), self._last_scaled.get(key)
        if wanted == current or is_cooling_down(cooldown, wanted > current, last, now):
            return
        if self.scale(key, wanted, cause):
            self._last_scaled[key] = now

    def _minutes(self, metric: dict[str, Any]) -> list[float | None]:
        """The metric in each of the last whole minutes, the newest last.

        SageMaker emits zeros where nobody asks, so that a fleet without requests is scaled in.
        """
        now = self.account.clock.now()
        end = now.replace(second=0, microsecond=0)
        statistic = metric["Statistic"]
        points = self.account.client("cloudwatch").get_metric_statistics(
            Namespace=metric["Namespace"],
            MetricName=metric["MetricName"],
            Dimensions=metric["Dimensions"],
            StartTime=end - timedelta(minutes=MINUTES_IN),
            EndTime=end,
            Period=_PERIOD_SECONDS,
            Statistics=[statistic],
        )["Datapoints"]
        values = {point["Timestamp"]: float(point[statistic]) for point in points}
        moments = [end - timedelta(minutes=ago) for ago in range(MINUTES_IN, 0, -1)]
        missing = 0.0 if metric["Namespace"] == SAGEMAKER_METRICS else None
        return [values.get(moment, missing) for moment in moments]

    def _breach(self, alarm: dict[str, Any]) -> float:
        """How far the alarm's metric is from its threshold, as of its last data."""
        queries = queries_of(alarm)
        now = self.account.clock.now()
        looked_back = period_of(queries) * (alarm["EvaluationPeriods"] + 1)
        [found] = self.account.client("cloudwatch").get_metric_data(
            MetricDataQueries=queries,
            StartTime=now - timedelta(seconds=looked_back),
            EndTime=now,
            ScanBy="TimestampDescending",
        )["MetricDataResults"]
        return float(found["Values"][0]) - float(alarm["Threshold"]) if found["Values"] else 0.0

    def _run(self) -> None:
        while self.account.clock.sleep(_PERIOD_SECONDS, self._stop):
            try:
                self.evaluate()
            # A target that goes meanwhile is a refusal too.
            except (ClientError, BotoCoreError, ServiceError) as error:
                _log.warning("target tracking could not be evaluated: %s", error)
