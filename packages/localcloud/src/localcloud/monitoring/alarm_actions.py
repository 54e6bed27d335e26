"""What an alarm does when its state changes: its actions, and the event it emits."""

from __future__ import annotations

import json
import logging
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.account import Account
from localcloud.calls import Caller

logger = logging.getLogger("localcloud.monitoring")
Alarm = dict[str, Any]
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

    def __init__(self, account: Account) -> None:
        self._account = account
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="alarm-actions")
        self.recorded: list[tuple[str, str]] = []

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
        detail, kind = _event_detail(alarm, previous), "CloudWatch Alarm State Change"
        self._account.events.emit("aws.cloudwatch", kind, detail, [alarm["AlarmArn"]])

    def _act(self, arn: str, alarm: Alarm, previous: Alarm) -> None:
        service = arn.split(":")[2] if arn.count(":") >= 5 else ""
        if action := self._account.metrics.alarm_action(service):
            action(arn, alarm)
        elif service == "sns":
            caller = Caller.aws_service(_SERVICE, alarm["AlarmArn"])
            subject = f'{alarm["StateValue"]}: "{alarm["AlarmName"]}" in {self._account.region}'
            message = json.dumps(self._notification(alarm, previous))
            self._account.client("sns", caller).publish(
                TopicArn=arn, Subject=subject[:100], Message=message
            )
        elif service == "lambda":
            caller = Caller.aws_service(_LAMBDA_PRINCIPAL, alarm["AlarmArn"])
            payload = json.dumps(self._lambda_event(alarm, previous)).encode()
            self._account.client("lambda", caller).invoke(
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
            "AWSAccountId": self._account.id,
            "NewStateValue": alarm["StateValue"],
            "NewStateReason": alarm["StateReason"],
            "StateChangeTime": _time(alarm["StateUpdatedTimestamp"]),
            "Region": self._account.region,
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
            "accountId": self._account.id,
            "time": _time(alarm["StateUpdatedTimestamp"]),
            "region": self._account.region,
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
