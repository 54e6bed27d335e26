"""PutMetricAlarm, PutCompositeAlarm, DescribeAlarms and their kin."""

from __future__ import annotations

import copy
import threading
from collections import deque
from typing import Any

from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.monitoring.alarm_evaluation import COMPARISONS, INSUFFICIENT_DATA
from localcloud.monitoring.alarm_rules import alarm_names
from localcloud.monitoring.queries import check_period, check_queries, metric_of, offset
from localcloud.monitoring.statistics import check_statistic, invalid
from localcloud.service import Service

Alarm = dict[str, Any]
_STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")
_TREATMENTS = ("breaching", "notBreaching", "ignore", "missing")
_HISTORY_ITEMS = 2000


class AlarmState:
    """Every alarm, as DescribeAlarms shows it; `lock` guards all of it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.alarms: dict[str, Alarm] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.history: deque[dict[str, Any]] = deque(maxlen=_HISTORY_ITEMS)


class AlarmOperations(Service):
    """The alarms' own operations; their evaluation is elsewhere."""

    service_name = "cloudwatch"
    state: AlarmState

    def put_metric_alarm(self, request: Request, caller: Caller) -> Response:
        _check_metric_alarm(request)
        alarm = {"TreatMissingData": "missing", **request}
        alarm.setdefault("DatapointsToAlarm", request["EvaluationPeriods"])
        if "Metrics" not in request:
            alarm.setdefault("Dimensions", [])
        self._keep(alarm)
        return {}

    def put_composite_alarm(self, request: Request, caller: Caller) -> Response:
        try:
            names = alarm_names(request["AlarmRule"])
        except ValueError as error:
            raise ServiceError("ValidationError", str(error)) from None
        with self.state.lock:
            if missing := [name for name in names if name not in self.state.alarms]:
                message = f"Could not save the composite alarm as alarms [{', '.join(missing)}] "
                raise ServiceError("ValidationError", message + "in the alarm rule do not exist")
        if request["AlarmName"] in names:
            raise ServiceError("ValidationError", "A composite alarm can't depend on itself")
        self._keep(dict(request))
        return {}

    def _keep(self, alarm: Alarm) -> None:
        name, now = alarm["AlarmName"], self.account.clock.now()
        tags = {tag["Key"]: tag["Value"] for tag in alarm.pop("Tags", None) or []}
        alarm.update(AlarmArn=self.alarm_arn(name), AlarmConfigurationUpdatedTimestamp=now)
        for actions in ("AlarmActions", "OKActions", "InsufficientDataActions"):
            alarm[actions] = list(alarm.get(actions) or [])
        alarm["ActionsEnabled"] = alarm.get("ActionsEnabled", True) is not False
        with self.state.lock:
            old = self.state.alarms.get(name)
            if old is not None and ("AlarmRule" in old) != ("AlarmRule" in alarm):
                message = f"{name} is an alarm of another type: delete it first"
                raise ServiceError("ValidationError", message)
            alarm.update(
                StateValue=old["StateValue"] if old else INSUFFICIENT_DATA,
                StateReason=old["StateReason"] if old else "Unchecked: Initial alarm creation",
                StateUpdatedTimestamp=old["StateUpdatedTimestamp"] if old else now,
                StateTransitionedTimestamp=old["StateTransitionedTimestamp"] if old else now,
            )
            self.state.alarms[name] = alarm
            if tags and old is None:
                self.state.tags[alarm["AlarmArn"]] = tags
        summary = f'Alarm "{name}" {"updated" if old else "created"}'
        self.remember(alarm, "ConfigurationUpdate", summary)

    def alarm_arn(self, name: str) -> str:
        return f"arn:aws:cloudwatch:{self.account.region}:{self.account.id}:alarm:{name}"

    def remember(self, alarm: Alarm, kind: str, summary: str, data: str = "{}") -> None:
        """Add an item to the alarm's history."""
        self.state.history.appendleft(
            {
                "AlarmName": alarm["AlarmName"],
                "AlarmType": alarm_type(alarm),
                "Timestamp": self.account.clock.now(),
                "HistoryItemType": kind,
                "HistorySummary": summary,
                "HistoryData": data,
            }
        )

    def describe_alarms(self, request: Request, caller: Caller) -> Response:
        types = request.get("AlarmTypes") or ["MetricAlarm"]
        if "StateValue" in request:
            check_state(request["StateValue"])
        with self.state.lock:
            found = [a for a in self._sorted() if _described(a, request, types)]
            start, limit = offset(request), request.get("MaxRecords") or 50
            some = copy.deepcopy(found[start : start + limit])
        response: Response = {
            "MetricAlarms": [a for a in some if "AlarmRule" not in a],
            "CompositeAlarms": [a for a in some if "AlarmRule" in a],
        }
        if start + limit < len(found):
            response["NextToken"] = str(start + limit)
        return response

    def describe_alarms_for_metric(self, request: Request, caller: Caller) -> Response:
        wanted = metric_of(request)
        with self.state.lock:
            found = [a for a in self._sorted() if "MetricName" in a and metric_of(a) == wanted]
            return {"MetricAlarms": copy.deepcopy(found)}

    def describe_alarm_history(self, request: Request, caller: Caller) -> Response:
        start, limit = offset(request), request.get("MaxRecords") or 100
        with self.state.lock:
            wanted = [item for item in self.state.history if _remembered(item, request)]
        if request.get("ScanBy") == "TimestampAscending":
            wanted.reverse()
        response: Response = {"AlarmHistoryItems": wanted[start : start + limit]}
        if start + limit < len(wanted):
            response["NextToken"] = str(start + limit)
        return response

    def delete_alarms(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            missing = [n for n in request["AlarmNames"] if n not in self.state.alarms]
            if missing:
                raise _unknown(missing)
            for name in request["AlarmNames"]:
                alarm = self.state.alarms.pop(name, None)
                if alarm is not None:
                    self.state.tags.pop(alarm["AlarmArn"], None)
        return {}

    def enable_alarm_actions(self, request: Request, caller: Caller) -> Response:
        return self._switch_actions(request["AlarmNames"], True)

    def disable_alarm_actions(self, request: Request, caller: Caller) -> Response:
        return self._switch_actions(request["AlarmNames"], False)

    def _switch_actions(self, names: list[str], enabled: bool) -> Response:
        with self.state.lock:
            for name in names:
                if name in self.state.alarms:
                    self.state.alarms[name]["ActionsEnabled"] = enabled
        return {}

    def list_tags_for_resource(self, request: Request, caller: Caller) -> Response:
        tags = self.state.tags.get(request["ResourceARN"], {})
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def tag_resource(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            tags = self.state.tags.setdefault(request["ResourceARN"], {})
            tags.update({tag["Key"]: tag["Value"] for tag in request["Tags"]})
        return {}

    def untag_resource(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            for key in request["TagKeys"]:
                self.state.tags.get(request["ResourceARN"], {}).pop(key, None)
        return {}

    def _sorted(self) -> list[Alarm]:
        return [self.state.alarms[name] for name in sorted(self.state.alarms)]


def alarm_type(alarm: Alarm) -> str:
    return "CompositeAlarm" if "AlarmRule" in alarm else "MetricAlarm"


def _unknown(names: list[str]) -> ServiceError:
    return ServiceError("ResourceNotFound", f"Unknown alarms: {', '.join(names)}", 404)


def _described(alarm: Alarm, request: Request, types: list[str]) -> bool:
    names, prefix = request.get("AlarmNames"), request.get("AlarmNamePrefix")
    action = request.get("ActionPrefix")
    every_action = [
        *alarm["AlarmActions"],
        *alarm["OKActions"],
        *alarm["InsufficientDataActions"],
    ]
    return (
        alarm_type(alarm) in types
        and (not names or alarm["AlarmName"] in names)
        and (not prefix or alarm["AlarmName"].startswith(prefix))
        and request.get("StateValue") in (None, alarm["StateValue"])
        and (not action or any(each.startswith(action) for each in every_action))
    )


def _remembered(item: dict[str, Any], request: Request) -> bool:
    types = request.get("AlarmTypes") or ["MetricAlarm"]
    if "AlarmName" in request:
        types = [item["AlarmType"]]
    return (
        request.get("AlarmName") in (None, item["AlarmName"])
        and item["AlarmType"] in types
        and request.get("HistoryItemType") in (None, item["HistoryItemType"])
        and item["Timestamp"] >= request.get("StartDate", item["Timestamp"])
        and item["Timestamp"] <= request.get("EndDate", item["Timestamp"])
    )


def check_state(state: str) -> None:
    if state not in _STATES:
        raise invalid(f"StateValue {state} must be one of {', '.join(_STATES)}")


def _check_metric_alarm(request: Request) -> None:
    name = request["AlarmName"]
    if request.get("ThresholdMetricId") or request["ComparisonOperator"] not in COMPARISONS:
        raise invalid(f"Alarm {name}: anomaly detection is not simulated here: set a Threshold")
    if request.get("Threshold") is None:
        raise invalid(f"Alarm {name} needs a Threshold")
    if request.get("EvaluationPeriods") is None:
        raise invalid(f"Alarm {name} needs EvaluationPeriods")
    if not 1 <= (request.get("DatapointsToAlarm") or 1) <= request["EvaluationPeriods"]:
        raise invalid(f"Alarm {name}: DatapointsToAlarm must be from 1 to EvaluationPeriods")
    if (request.get("TreatMissingData") or "missing") not in _TREATMENTS:
        raise invalid(f"Alarm {name}: TreatMissingData must be one of {', '.join(_TREATMENTS)}")
    if request.get("Metrics"):
        check_queries(request["Metrics"])
        if sum(query.get("ReturnData", True) is not False for query in request["Metrics"]) != 1:
            raise invalid(f"Alarm {name}: exactly one of its Metrics must have ReturnData true")
    else:
        _check_single_metric(request)


def _check_single_metric(request: Request) -> None:
    name = request["AlarmName"]
    for member in ("MetricName", "Namespace", "Period"):
        if request.get(member) is None:
            raise invalid(f"Alarm {name} needs {member}")
    check_period(request["Period"])
    if bool(request.get("Statistic")) == bool(request.get("ExtendedStatistic")):
        raise invalid(f"Alarm {name} needs either Statistic or ExtendedStatistic")
    check_statistic(request.get("Statistic") or request["ExtendedStatistic"])
