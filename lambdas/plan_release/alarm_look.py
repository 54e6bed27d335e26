"""Whether the alarms that a release is held against could ring: there, as deployed, with data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from meguru.names import GUARD_METRIC, METRIC_NAMESPACE
from meguru.release_alarm import Watched, fingerprint_as_described, watched_by

# Data takes a minute or two to come, and an alarm the length of its period to be quiet again.
PATIENCE = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)
# Of so many requests some have to have been measured; those of the last minutes may be on the way.
DEMANDED_OF, LOOKED_BACK_ON, ON_THE_WAY = 20, timedelta(hours=3), timedelta(minutes=10)
AGAIN = "then approve the version again"


@dataclass(frozen=True)
class AlarmLook:
    """`names` are the alarms to heed. `refusal` says why no release may begin, and what to do;
    `is_pending`: that may be settled shortly."""

    names: tuple[str, ...]
    refusal: str = ""
    is_pending: bool = False


def look(
    cloudwatch: Any,
    fingerprints: Mapping[str, str],
    now: datetime,
    *,
    asked_at: str,
    is_rollback: bool,
) -> AlarmLook:
    """The alarms by their names, each with the fingerprint of what it was deployed to watch.

    `asked_at` is when the serving endpoint has answered a request, from when on its metrics must
    have data. A rollback heeds what is there and quiet: what rings may be why it is wanted.
    """
    described = cloudwatch.describe_alarms(
        AlarmNames=list(fingerprints), AlarmTypes=["MetricAlarm"]
    )
    alarms = {one["AlarmName"]: one for one in described["MetricAlarms"]}
    if is_rollback:
        quiet = [name for name, one in alarms.items() if one["StateValue"] != "ALARM"]
        return AlarmLook(tuple(quiet))
    names = tuple(fingerprints)
    for name, fingerprint in fingerprints.items():
        if said := _not_as_deployed(name, alarms.get(name), fingerprint):
            return AlarmLook(names, said)
    for name in names:
        if alarms[name]["StateValue"] != "OK":
            is_pending = now - alarms[name]["StateUpdatedTimestamp"] < PATIENCE
            said = "" if is_pending else _not_quiet(name, alarms[name]["StateValue"])
            return AlarmLook(names, said, is_pending)
    return _look_for_data(_Data(cloudwatch, now), alarms, asked_at, now)


def _not_as_deployed(name: str, alarm: dict[str, Any] | None, fingerprint: str) -> str:
    if alarm is None:
        return f"the alarm {name} is missing: deploy the model's stack anew, {AGAIN}"
    if fingerprint_as_described(alarm) != fingerprint:
        return (
            f"the alarm {name} doesn't watch what it was deployed for: delete it and deploy the "
            f"model's stack anew, {AGAIN}"
        )
    if not alarm.get("ActionsEnabled", True):
        return (
            f"the actions of the alarm {name} are switched off, so that nobody would be told: "
            f"switch them on (aws cloudwatch enable-alarm-actions --alarm-names {name}), {AGAIN}"
        )
    return ""


def _not_quiet(name: str, state: str) -> str:
    if state == "ALARM":
        return (
            f"the alarm {name} rings already, for what serves now: bring an earlier version back "
            f"(meguru rollback), or wait until it is quiet, {AGAIN}"
        )
    return f"the alarm {name} has no data ({state}): see what it watches, {AGAIN}"


def _look_for_data(
    data: _Data, alarms: Mapping[str, Any], asked_at: str, now: datetime
) -> AlarmLook:
    names = tuple(alarms)
    since = datetime.fromisoformat(asked_at) if asked_at else None
    for name, metric in _hosting_metrics(alarms):
        if since and not data.num_samples(metric, since - MINUTE):
            is_pending = now - since < PATIENCE
            said = "" if is_pending else _no_data(name, metric)
            return AlarmLook(names, said, is_pending)
    if unmeasured := _unmeasured(data, alarms, now):
        return AlarmLook(names, unmeasured)
    return AlarmLook(names)


def _no_data(name: str, metric: Watched) -> str:
    return (
        f"the alarm {name} has no data: {metric[0]} {metric[1]} shows nothing of a request that "
        f"the endpoint answered {PATIENCE.seconds // 60} minutes ago, so that it would never ring; "
        f"see the endpoint's metrics, {AGAIN}"
    )


def _unmeasured(data: _Data, alarms: Mapping[str, Any], now: datetime) -> str:
    """Why the quality of answers isn't measured, where it can be told that it isn't."""
    of_model = [metric for _, metric in _metrics(alarms) if "model" in metric[3]]
    requests = [one for _, one in _hosting_metrics(alarms) if one[1] == "Invocations"]
    if not of_model or not requests:
        return ""
    earliest = now - LOOKED_BACK_ON
    num_answered = data.num_samples(requests[0], earliest, now - ON_THE_WAY)
    dimensions = {key: text for key, text in of_model[0][3].items() if key != "version"}
    measured: Watched = (METRIC_NAMESPACE, GUARD_METRIC, "SampleCount", dimensions)
    if num_answered < DEMANDED_OF or data.num_samples(measured, earliest):
        return ""
    return (
        f"of {num_answered:.0f} requests of the last hours no answer was measured, so that no "
        f"alarm on quality would ring: see the log of the function DeliverInferences, {AGAIN}"
    )


def _metrics(alarms: Mapping[str, Any]) -> Iterator[tuple[str, Watched]]:
    for name, alarm in alarms.items():
        for query in alarm["Metrics"]:
            if "MetricStat" in query:
                yield name, watched_by(query)


def _hosting_metrics(alarms: Mapping[str, Any]) -> Iterator[tuple[str, Watched]]:
    """Those that SageMaker itself writes of every request."""
    return (one for one in _metrics(alarms) if one[1][0].startswith("AWS/"))


@dataclass(frozen=True)
class _Data:
    cloudwatch: Any
    now: datetime

    def num_samples(self, metric: Watched, since: datetime, until: datetime | None = None) -> float:
        namespace, name, _, dimensions = metric
        found = self.cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": text} for key, text in dimensions.items()],
            StartTime=since.replace(second=0, microsecond=0),
            EndTime=(until or self.now) + MINUTE,
            Period=60,
            Statistics=["SampleCount"],
        )
        return sum(float(point["SampleCount"]) for point in found["Datapoints"])
