"""Evaluates alarms as time goes on, and through every period that advancing it skips."""

from __future__ import annotations

import copy
import json
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from localcloud.clock import Clock
from localcloud.monitoring import alarm_evaluation, alarm_rules
from localcloud.monitoring.alarm_actions import AlarmActions
from localcloud.monitoring.alarm_evaluation import EXTRA_PERIODS
from localcloud.monitoring.alarm_operations import Alarm, AlarmState
from localcloud.monitoring.metric_store import MetricStore
from localcloud.monitoring.queries import period_of, run_queries

logger = logging.getLogger("localcloud.monitoring")
_TICK_SECONDS = 10
# An advance by days is not replayed in full: no alarm looks further back than a day.
_MAX_REPLAY_SECONDS = 86_400


class AlarmWatch:
    """One thread that evaluates every alarm each 10 seconds of the cloud's time."""

    def __init__(
        self,
        clock: Clock,
        state: AlarmState,
        store: MetricStore,
        actions: AlarmActions,
        sample: Callable[[float], None],
    ) -> None:
        """`sample(at)` measures, as of `at`, what has a length rather than a number of calls."""
        self._clock, self._state, self._store, self._actions = clock, state, store, actions
        self._sample = sample
        self._stopping = threading.Event()
        self._evaluated_until = clock.time()
        self._evaluating = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        while self._clock.sleep(_TICK_SECONDS, self._stopping):
            self.evaluate()

    def evaluate(self) -> None:
        """Evaluate all alarms at each period's end since last time, and now."""
        with self._evaluating:
            self._catch_up()

    def _catch_up(self) -> None:
        now = self._clock.time()
        since = max(self._evaluated_until, now - _MAX_REPLAY_SECONDS)
        with self._state.lock:
            periods = [_period(a) for a in self._state.alarms.values() if "AlarmRule" not in a]
        step = max(_TICK_SECONDS, min([60, *periods]))
        at = since // step * step + step if periods else now
        while at < now and not self._stopping.is_set():
            # What is so now was so in the time that was skipped: in the period that ends here.
            self._sample(at - 1)
            self._evaluate_at(at)
            at += step
        self._sample(now)
        self._evaluate_at(now)
        self._evaluated_until = now

    def _evaluate_at(self, at: float) -> None:
        with self._state.lock:
            alarms = list(self._state.alarms.values())
        for alarm in alarms:
            if "AlarmRule" not in alarm and _created(alarm) <= at:
                self._evaluate_metric_alarm(alarm, at)
        for alarm in alarms:
            if "AlarmRule" in alarm:
                self._evaluate_composite(alarm, at)

    def _evaluate_metric_alarm(self, alarm: Alarm, at: float) -> None:
        points = data_points(self._store, alarm, at)
        state = alarm_evaluation.next_state(alarm, points)
        reason = alarm_evaluation.reason(alarm, state, points)
        recent = [p for p in points[-alarm["EvaluationPeriods"] :] if p is not None]
        data = {
            "version": "1.0",
            "queryDate": datetime.fromtimestamp(at, UTC).isoformat(),
            "statistic": alarm.get("Statistic") or alarm.get("ExtendedStatistic"),
            "period": _period(alarm),
            "recentDatapoints": recent,
            "threshold": alarm["Threshold"],
        }
        self.set_state(alarm["AlarmName"], state, reason, json.dumps(data), at)

    def _evaluate_composite(self, alarm: Alarm, at: float) -> None:
        holds = alarm_rules.parse(alarm["AlarmRule"])(self._state_of)
        state = alarm_evaluation.ALARM if holds else alarm_evaluation.OK
        reason = f"{alarm['AlarmRule']} is {'TRUE' if holds else 'FALSE'}"
        self.set_state(alarm["AlarmName"], state, reason, None, at)

    def _state_of(self, name: str) -> str | None:
        with self._state.lock:
            alarm = self._state.alarms.get(name)
            return alarm["StateValue"] if alarm else None

    def set_state(self, name: str, state: str, reason: str, data: str | None, at: float) -> None:
        """Move an alarm to a state and do what it does there; nothing where it is there already."""
        with self._state.lock:
            alarm = self._state.alarms.get(name)
            if alarm is None or alarm["StateValue"] == state:
                return
            previous = copy.deepcopy(alarm)
            when = datetime.fromtimestamp(at, UTC)
            alarm.update(
                StateValue=state,
                StateReason=reason,
                StateUpdatedTimestamp=when,
                StateTransitionedTimestamp=when,
            )
            alarm.pop("StateReasonData", None)
            if data:
                alarm["StateReasonData"] = data
            current = copy.deepcopy(alarm)
            self._remember(current, previous, when)
        logger.info("alarm %s: %s to %s: %s", name, previous["StateValue"], state, reason)
        self._actions.changed(current, previous, self._suppressed(current))

    def _suppressed(self, alarm: Alarm) -> bool:
        suppressor = alarm.get("ActionsSuppressor")
        if not suppressor:
            return False
        return self._state_of(suppressor.split(":alarm:")[-1]) == alarm_evaluation.ALARM

    def _remember(self, alarm: Alarm, previous: Alarm, when: datetime) -> None:
        old, new = previous["StateValue"], alarm["StateValue"]
        states = {
            "oldState": {"stateValue": old, "stateReason": previous["StateReason"]},
            "newState": {"stateValue": new, "stateReason": alarm["StateReason"]},
        }
        self._state.history.appendleft(
            {
                "AlarmName": alarm["AlarmName"],
                "AlarmType": "CompositeAlarm" if "AlarmRule" in alarm else "MetricAlarm",
                "Timestamp": when,
                "HistoryItemType": "StateUpdate",
                "HistorySummary": f"Alarm updated from {old} to {new}",
                "HistoryData": json.dumps({"version": "1.0", **states}),
            }
        )


def data_points(store: MetricStore, alarm: Alarm, at: float) -> list[float | None]:
    """The alarm's latest whole periods before `at`, oldest first; None where there is no data."""
    queries, period = queries_of(alarm), _period(alarm)
    end = int(at // period * period)
    start = end - (alarm["EvaluationPeriods"] + EXTRA_PERIODS) * period
    wanted = next(q["Id"] for q in queries if q.get("ReturnData", True) is not False)
    found = run_queries(store, queries, start, end)[wanted]
    return [found.get(t) for t in range(start, end, period)]


def queries_of(alarm: Alarm) -> list[dict[str, Any]]:
    """The metric data queries of a metric alarm, one of which returns what it watches."""
    if alarm.get("Metrics"):
        queries: list[dict[str, Any]] = alarm["Metrics"]
        return queries
    metric = {name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions")}
    stat = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    measured = {"Metric": metric, "Period": alarm["Period"], "Stat": stat}
    if alarm.get("Unit"):
        measured["Unit"] = alarm["Unit"]
    return [{"Id": "m1", "MetricStat": measured}]


def _period(alarm: Alarm) -> int:
    return period_of(queries_of(alarm))


def _created(alarm: Alarm) -> float:
    created: datetime = alarm["AlarmConfigurationUpdatedTimestamp"]
    return created.timestamp()
