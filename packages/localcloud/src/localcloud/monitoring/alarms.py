"""CloudWatch: its metrics, its alarms on the cloud's clock, its dashboards as recorded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from localcloud.monitoring.alarm_actions import Action, AlarmActions
from localcloud.monitoring.alarm_operations import AlarmOperations, AlarmState, check_state
from localcloud.monitoring.alarm_watch import AlarmWatch
from localcloud.monitoring.dashboards import Dashboards
from localcloud.monitoring.metric_operations import MetricOperations
from localcloud.monitoring.metric_store import MetricStore
from localcloud.service import Caller, Request, Response, ServiceError

if TYPE_CHECKING:
    from localcloud.cloud import Cloud


class CloudWatchService(MetricOperations, AlarmOperations, Dashboards):
    """All of it is ours; what has no operation here is refused by name."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.store = MetricStore()
        self.state = AlarmState()
        self.dashboards = {}
        self._actions = AlarmActions(cloud)
        self._watch = AlarmWatch(
            cloud.clock, self.state, self.store, self._actions, cloud.sample_metrics
        )

    def start(self) -> None:
        self._watch.start()

    def stop(self) -> None:
        self._watch.stop()
        self._actions.close()

    def register_action(self, service: str, action: Action) -> None:
        """Let `action(action_arn, alarm)` carry out alarm actions whose ARN is of `service`.

        Actions of services that nobody registers (but SNS and Lambda) are recorded only.
        """
        self._actions.register(service, action)

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
        now = self.cloud.clock.time()
        self._watch.set_state(name, request["StateValue"], request["StateReason"], data, now)
        return {}
