"""What an alarm does when its state changes: its actions, and the event it emits."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.service import Caller

if TYPE_CHECKING:
    from localcloud.cloud import Cloud

logger = logging.getLogger("localcloud.monitoring")
Alarm = dict[str, Any]
Action = Callable[[str, Alarm], None]
_ACTIONS = {
    "ALARM": "AlarmActions",
    "OK": "OKActions",
    "INSUFFICIENT_DATA": "InsufficientDataActions",
}
_SERVICE = "cloudwatch.amazonaws.com"
# An alarm's Lambda action comes from this principal, not from CloudWatch's own.
_LAMBDA_PRINCIPAL = "lambda.alarms.cloudwatch.amazonaws.com"


class AlarmActions:
    """Carries out actions in the background, in the order in which alarms changed."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="alarm-actions")
        self._registered: dict[str, Action] = {}
        self.recorded: list[tuple[str, str]] = []

    def register(self, service: str, action: Action) -> None:
        """Let `action(action_arn, alarm)` carry out actions whose ARN is of `service`."""
        self._registered[service] = action

    def close(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)

    def changed(self, alarm: Alarm, previous: Alarm, suppressed: bool) -> None:
        """An alarm went from `previous` to what `alarm` says; both are copies."""
        wanted = (
            []
            if suppressed or not alarm["ActionsEnabled"]
            else alarm[_ACTIONS[alarm["StateValue"]]]
        )
        done = self._worker.submit(self._carry_out, alarm, previous, list(wanted))
        done.add_done_callback(_tell_fault)

    def _carry_out(self, alarm: Alarm, previous: Alarm, actions: list[str]) -> None:
        self._emit(alarm, previous)
        for arn in actions:
            try:
                self._act(arn, alarm, previous)
            except (ClientError, BotoCoreError) as error:
                logger.warning("alarm %s: action %s: %s", alarm["AlarmName"], arn, error)

    def _emit(self, alarm: Alarm, previous: Alarm) -> None:
        events: Any = self._cloud.services.get("events")
        if events is not None:
            detail = _event_detail(alarm, previous)
            kind = "CloudWatch Alarm State Change"
            events.emit("aws.cloudwatch", kind, detail, [alarm["AlarmArn"]])

    def _act(self, arn: str, alarm: Alarm, previous: Alarm) -> None:
        service = arn.split(":")[2] if arn.count(":") >= 5 else ""
        if service in self._registered:
            self._registered[service](arn, alarm)
        elif service == "sns":
            caller = Caller.aws_service(_SERVICE, alarm["AlarmArn"])
            subject = f'{alarm["StateValue"]}: "{alarm["AlarmName"]}" in {self._cloud.region}'
            message = json.dumps(self._notification(alarm, previous))
            self._cloud.client("sns", caller).publish(
                TopicArn=arn, Subject=subject[:100], Message=message
            )
        elif service == "lambda":
            caller = Caller.aws_service(_LAMBDA_PRINCIPAL, alarm["AlarmArn"])
            payload = json.dumps(self._lambda_event(alarm, previous)).encode()
            self._cloud.client("lambda", caller).invoke(
                FunctionName=arn, InvocationType="Event", Payload=payload
            )
        else:
            self.recorded.append((alarm["AlarmName"], arn))
            logger.info("alarm %s: action %s is recorded only", alarm["AlarmName"], arn)

    def _notification(self, alarm: Alarm, previous: Alarm) -> dict[str, Any]:
        """The message that subscribers of a topic get."""
        trigger: dict[str, Any] = {
            name: alarm[name]
            for name in ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period",
                         "EvaluationPeriods", "DatapointsToAlarm", "ComparisonOperator",
                         "Threshold", "TreatMissingData", "Metrics")
            if name in alarm
        }  # fmt: skip
        trigger["Dimensions"] = [
            {"name": d["Name"], "value": d["Value"]} for d in alarm.get("Dimensions") or []
        ]
        return {
            "AlarmName": alarm["AlarmName"],
            "AlarmDescription": alarm.get("AlarmDescription"),
            "AWSAccountId": self._cloud.account,
            "NewStateValue": alarm["StateValue"],
            "NewStateReason": alarm["StateReason"],
            "StateChangeTime": _time(alarm["StateUpdatedTimestamp"]),
            "Region": self._cloud.region,
            "AlarmArn": alarm["AlarmArn"],
            "OldStateValue": previous["StateValue"],
            "OKActions": alarm["OKActions"],
            "AlarmActions": alarm["AlarmActions"],
            "InsufficientDataActions": alarm["InsufficientDataActions"],
            "Trigger": trigger,
        }

    def _lambda_event(self, alarm: Alarm, previous: Alarm) -> dict[str, Any]:
        return {
            "source": "aws.cloudwatch",
            "alarmArn": alarm["AlarmArn"],
            "accountId": self._cloud.account,
            "time": _time(alarm["StateUpdatedTimestamp"]),
            "region": self._cloud.region,
            "alarmData": _event_detail(alarm, previous),
        }


def _tell_fault(done: Future[None]) -> None:
    """A bug in an action ends nothing but that change's actions; it must not do so unseen."""
    if not done.cancelled() and (fault := done.exception()):
        logger.error("an alarm's actions failed", exc_info=fault)


def _event_detail(alarm: Alarm, previous: Alarm) -> dict[str, Any]:
    """The detail of a `CloudWatch Alarm State Change` event."""
    configuration: dict[str, Any] = {"description": alarm.get("AlarmDescription", "")}
    if "AlarmRule" in alarm:
        configuration["alarmRule"] = alarm["AlarmRule"]
    else:
        configuration["metrics"] = _metrics(alarm)
    return {
        "alarmName": alarm["AlarmName"],
        "state": _state(alarm),
        "previousState": _state(previous),
        "configuration": configuration,
    }


def _state(alarm: Alarm) -> dict[str, Any]:
    state = {
        "value": alarm["StateValue"],
        "reason": alarm["StateReason"],
        "timestamp": _time(alarm["StateUpdatedTimestamp"]),
    }
    data = alarm.get("StateReasonData")
    return {**state, "reasonData": data} if data else state


def _metrics(alarm: Alarm) -> list[dict[str, Any]]:
    if "MetricName" not in alarm:
        return [{"id": q["Id"], "expression": q.get("Expression")} for q in alarm["Metrics"]]
    metric = {
        "namespace": alarm["Namespace"],
        "name": alarm["MetricName"],
        "dimensions": {d["Name"]: d["Value"] for d in alarm.get("Dimensions") or []},
    }
    stat = alarm.get("Statistic") or alarm.get("ExtendedStatistic")
    measured = {"metric": metric, "period": alarm["Period"], "stat": stat}
    return [{"id": "m1", "metricStat": measured, "returnData": True}]


def _time(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
