"""PutMetricData, GetMetricData, GetMetricStatistics, ListMetrics."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from localcloud.calls import Caller, Request, Response
from localcloud.monitoring.embedded_metrics import read_line
from localcloud.monitoring.metric_store import (
    HIGH_SECONDS,
    STANDARD_SECONDS,
    Aggregate,
    Metric,
    MetricStore,
)
from localcloud.monitoring.queries import (
    check_period,
    check_queries,
    epoch,
    metric_of,
    offset,
    run_queries,
)
from localcloud.monitoring.statistics import check_statistic, invalid, statistic
from localcloud.service import Service

_PAGE = 500
_RECENT_SECONDS = 3 * 3600


class MetricOperations(Service):
    """Metrics in and out. Other parts of the cloud use `record` and `record_embedded_metrics`."""

    service_name = "cloudwatch"
    store: MetricStore

    def record(
        self,
        namespace: str,
        name: str,
        dimensions: dict[str, str],
        value: float,
        unit: str = "None",
        at: float | None = None,
    ) -> None:
        """Add one measurement, made now or at `at`, of a metric of AWS's own."""
        metric = Metric.of(namespace, name, dimensions)
        when = self.account.clock.time() if at is None else at
        with self.store.bucket(metric, unit, when) as bucket:
            bucket.add(value)

    def record_embedded_metrics(self, line: str) -> None:
        """Take the metrics out of a log line where it is an EMF document; else do nothing.

        Whoever wrote it went by the machine's time.
        """
        ahead = self.account.clock.seconds_ahead
        for found in read_line(line):
            metric = Metric.of(found.namespace, found.name, found.dimensions)
            resolution = HIGH_SECONDS if found.high_resolution else STANDARD_SECONDS
            with self.store.bucket(metric, found.unit, found.at + ahead, resolution) as bucket:
                for value in found.values:
                    bucket.add(value)

    def put_metric_data(self, request: Request, caller: Caller) -> Response:
        data = list(request.get("MetricData") or [])
        for entity in request.get("EntityMetricData") or []:
            data.extend(entity.get("MetricData") or [])
        for datum in data:
            _check(datum)
        for datum in data:
            self._put(request["Namespace"], datum)
        return {}

    def _put(self, namespace: str, datum: dict[str, Any]) -> None:
        metric = metric_of({"Namespace": namespace, **datum})
        at = epoch(datum.get("Timestamp") or self.account.clock.now())
        fine = datum.get("StorageResolution") == 1
        resolution = HIGH_SECONDS if fine else STANDARD_SECONDS
        with self.store.bucket(metric, datum.get("Unit") or "None", at, resolution) as bucket:
            _add(bucket, datum)

    def get_metric_statistics(self, request: Request, caller: Caller) -> Response:
        period, simple = request["Period"], request.get("Statistics") or []
        extended = request.get("ExtendedStatistics") or []
        check_period(period)
        for name in (*simple, *extended):
            check_statistic(name)
        if not simple and not extended:
            raise invalid("GetMetricStatistics needs Statistics or ExtendedStatistics")
        metric, unit = metric_of(request), request.get("Unit")
        start = epoch(request["StartTime"]) // period * period
        found = self.store.aggregates(metric, start, epoch(request["EndTime"]), period, unit)
        shown_unit = unit or next(iter(self.store.units(metric)), "None")
        points = []
        for at, aggregate in found.items():
            point: dict[str, Any] = {"Timestamp": _time(at), "Unit": shown_unit}
            point.update({name: statistic(name, aggregate) for name in simple})
            if extended:
                values = {name: statistic(name, aggregate) for name in extended}
                point["ExtendedStatistics"] = {k: v for k, v in values.items() if v is not None}
            points.append(point)
        return {"Label": request["MetricName"], "Datapoints": points}

    def get_metric_data(self, request: Request, caller: Caller) -> Response:
        queries = request["MetricDataQueries"]
        check_queries(queries)
        start, end = epoch(request["StartTime"]), epoch(request["EndTime"])
        found = run_queries(self.store, queries, start, end)
        newest_first = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        results = []
        for query in queries:
            if query.get("ReturnData") is False:
                continue
            points = sorted(found[query["Id"]].items(), reverse=newest_first)
            points = [(at, v) for at, v in points if not math.isnan(v)]
            results.append(
                {
                    "Id": query["Id"],
                    "Label": query.get("Label") or _label(query),
                    "Timestamps": [_time(at) for at, _ in points],
                    "Values": [value for _, value in points],
                    "StatusCode": "Complete",
                }
            )
        return {"MetricDataResults": results, "Messages": []}

    def list_metrics(self, request: Request, caller: Caller) -> Response:
        wanted = [m for m in self.store.metrics() if _listed(m, request)]
        if request.get("RecentlyActive"):
            since = self.account.clock.time() - _RECENT_SECONDS
            wanted = [m for m in wanted if self.store.newest(m) >= since]
        start = offset(request)
        response: Response = {
            "Metrics": [
                {
                    "Namespace": m.namespace,
                    "MetricName": m.name,
                    "Dimensions": [{"Name": k, "Value": v} for k, v in m.dimensions],
                }
                for m in wanted[start : start + _PAGE]
            ]
        }
        if start + _PAGE < len(wanted):
            response["NextToken"] = str(start + _PAGE)
        return response


def _time(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _label(query: dict[str, Any]) -> str:
    stat = query.get("MetricStat")
    label: str = stat["Metric"]["MetricName"] if stat else query["Id"]
    return label


def _listed(metric: Metric, request: Request) -> bool:
    if request.get("Namespace") not in (None, metric.namespace):
        return False
    if request.get("MetricName") not in (None, metric.name):
        return False
    own = dict(metric.dimensions)
    return all(
        d["Name"] in own and d.get("Value") in (None, "", own[d["Name"]])
        for d in request.get("Dimensions") or []
    )


def _check(datum: dict[str, Any]) -> None:
    given = [name for name in ("Value", "Values", "StatisticValues") if datum.get(name) is not None]
    if len(given) != 1:
        raise invalid(
            f"Metric {datum['MetricName']} needs exactly one of Value, Values, StatisticValues"
        )
    values, counts = datum.get("Values") or [], datum.get("Counts")
    if counts is not None and len(counts) != len(values):
        raise invalid(f"Metric {datum['MetricName']}: Values and Counts must be of one length")
    for value in [*values, datum.get("Value") or 0.0]:
        if not math.isfinite(float(value)):
            raise invalid(f"Metric {datum['MetricName']}: the value must be a finite number")


def _add(bucket: Aggregate, datum: dict[str, Any]) -> None:
    if datum.get("StatisticValues") is not None:
        s = datum["StatisticValues"]
        bucket.add_set(
            float(s["SampleCount"]), float(s["Sum"]), float(s["Minimum"]), float(s["Maximum"])
        )
    elif datum.get("Values") is not None:
        counts = datum.get("Counts") or [1.0] * len(datum["Values"])
        for value, count in zip(datum["Values"], counts, strict=True):
            bucket.add(float(value), float(count))
    else:
        bucket.add(float(datum["Value"]))
