"""CloudWatch: its metrics, its alarms on the cloud's clock, its dashboards as recorded."""

from __future__ import annotations

import json

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.monitoring.alarm_actions import AlarmActions
from localcloud.monitoring.alarm_operations import AlarmOperations, AlarmState, check_state
from localcloud.monitoring.alarm_watch import AlarmWatch
from localcloud.monitoring.dashboards import Dashboards
from localcloud.monitoring.metric_operations import MetricOperations
from localcloud.monitoring.metric_store import MetricStore


class CloudWatchService(MetricOperations, AlarmOperations, Dashboards):
    """All of it is ours; what has no operation here is refused by name."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.store = MetricStore()
        self.state = AlarmState()
        self.dashboards = {}
        self._actions = AlarmActions(account)
        account.metrics.connect(self)
        self._watch = AlarmWatch(
            account.clock, self.state, self.store, self._actions, account.metrics.sample
        )

    def start(self) -> None:
        self._watch.start()

    def stop(self) -> None:
        self._watch.stop()
        self._actions.close()

    def evaluate_alarms(self) -> None:
        """Evaluate every alarm now, without waiting for the next tick."""
        self._watch.evaluate()

    def set_alarm_state(self, request: Request, caller: Caller) -> Response:
        """The state holds until the alarm is evaluated again, as in AWS."""
        name, data = request["AlarmName"], request.get("StateReasonData")
        check_state(request["StateValue"])
        if name not in self.state.alarms:
            raise ServiceError("ResourceNotFound", f"Unknown alarm: {name}", 404)
        if data:
            try:
                json.loads(data)
            except ValueError:
                message = "StateReasonData is not valid JSON"
                raise ServiceError("InvalidFormat", message) from None
        now = self.account.clock.time()
        self._watch.set_state(name, request["StateValue"], request["StateReason"], data, now)
        return {}
