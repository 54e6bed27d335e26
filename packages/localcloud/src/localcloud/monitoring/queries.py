"""Metric data queries: of metrics, and of expressions over them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from localcloud.calls import ServiceError
from localcloud.monitoring.expressions import Series, Value, evaluate, names
from localcloud.monitoring.metric_store import Metric, MetricStore
from localcloud.monitoring.statistics import check_statistic, invalid, statistic

_DEFAULT_PERIOD = 60


def epoch(value: Any) -> float:
    """A timestamp parameter as seconds since the epoch."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return float(value)


def offset(request: dict[str, Any]) -> int:
    """Where the page begins that a request's NextToken asks for."""
    token = request.get("NextToken") or "0"
    if not token.isdecimal():
        raise ServiceError("InvalidNextToken", "The NextToken is not one that was returned")
    return int(token)


def metric_of(described: dict[str, Any]) -> Metric:
    """The metric that a structure with Namespace, MetricName and Dimensions names."""
    dimensions = {d["Name"]: d["Value"] for d in described.get("Dimensions") or []}
    return Metric.of(described["Namespace"], described["MetricName"], dimensions)


def check_period(period: int) -> None:
    if period not in (1, 5, 10, 20, 30) and (period < 60 or period % 60):
        raise invalid(f"Invalid period {period}: it must be 1, 5, 10, 20, 30 or a multiple of 60")


def check_queries(queries: list[dict[str, Any]]) -> None:
    """ServiceError where a query is none, or can't be answered here."""
    known = {query["Id"] for query in queries}
    if len(known) < len(queries):
        raise invalid("The ids of metric data queries must be unique")
    for query in queries:
        if ("MetricStat" in query) == ("Expression" in query):
            raise invalid(f"Query {query['Id']} needs either MetricStat or Expression")
        if "MetricStat" in query:
            check_period(query["MetricStat"]["Period"])
            check_statistic(query["MetricStat"]["Stat"])
        elif missing := names(query["Expression"]) - known - {"REPEAT"}:
            raise invalid(f"Query {query['Id']} refers to {', '.join(sorted(missing))}: no such id")


def period_of(queries: list[dict[str, Any]]) -> int:
    """The period, in seconds, in which a set of queries is evaluated: its longest."""
    periods = [q["MetricStat"]["Period"] for q in queries if "MetricStat" in q]
    return max(periods + [q["Period"] for q in queries if q.get("Period")], default=_DEFAULT_PERIOD)


def run_queries(
    store: MetricStore, queries: list[dict[str, Any]], start: float, end: float
) -> dict[str, Series]:
    """Each query's values by the start of their period, from `start` until before `end`."""
    found: dict[str, Value] = {}
    for query in queries:
        if "MetricStat" in query:
            found[query["Id"]] = _metric_stat(store, query["MetricStat"], start, end)
    period = period_of(queries)
    timeline = list(range(int(start // period * period), int(end), period))
    waiting = [query for query in queries if "Expression" in query]
    while waiting:
        ready = [q for q in waiting if names(q["Expression"]) - {"REPEAT"} <= set(found)]
        if not ready:
            raise invalid(f"Query {waiting[0]['Id']} refers to itself")
        for query in ready:
            found[query["Id"]] = evaluate(query["Expression"], found, timeline)
            waiting.remove(query)
    return {name: _as_series(value, timeline) for name, value in found.items()}


def _as_series(value: Value, timeline: list[int]) -> Series:
    return value if isinstance(value, dict) else dict.fromkeys(timeline, value)


def _metric_stat(store: MetricStore, wanted: dict[str, Any], start: float, end: float) -> Series:
    period, metric = wanted["Period"], metric_of(wanted["Metric"])
    # Periods are whole: the one that `start` falls in counts from its own beginning.
    first = start // period * period
    aggregates = store.aggregates(metric, first, end, period, wanted.get("Unit"))
    values = {at: statistic(wanted["Stat"], each) for at, each in aggregates.items()}
    return {at: value for at, value in sorted(values.items()) if value is not None}
