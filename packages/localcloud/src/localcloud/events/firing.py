"""What happens when a schedule is due: its target is called as the target's role."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from localcloud.account import Account
from localcloud.events.delivery import Courier, Delivery, Failure, Retries
from localcloud.events.dispatch import send_to_dead_letter_queue
from localcloud.events.roles import assumed
from localcloud.events.schedules import Schedule
from localcloud.events.targets import send
from localcloud.events.universal import call, is_universal

SERVICE = "scheduler.amazonaws.com"


class Firing:
    """Calls the targets of schedules, with their retries and dead-letter queues."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.courier = Courier(account.clock, "scheduler")

    def post(self, schedule: Schedule, when: datetime) -> None:
        target = self._with_input(schedule, when)

        def on_failure(failure: Failure) -> None:
            self._bury(schedule, target, failure)

        delivery = Delivery(
            description=f"schedule {'/'.join(schedule.key)}, target {target['Arn']}",
            lane=schedule.arn,
            send=lambda: self._send(schedule, target),
            created=self._account.clock.now(),
            retries=Retries.of(target.get("RetryPolicy")),
            on_failure=on_failure if "DeadLetterConfig" in target else None,
        )
        self.courier.post(delivery)

    def _send(self, schedule: Schedule, target: dict[str, Any]) -> None:
        caller = assumed(self._account, SERVICE, target["RoleArn"], schedule.group_arn)
        if is_universal(target["Arn"]):
            call(self._account, caller, target)
        else:
            send(self._account, caller, target, target["Input"])

    def _bury(self, schedule: Schedule, target: dict[str, Any], failure: Failure) -> None:
        attributes = {
            "SCHEDULE_ARN": schedule.arn,
            "TARGET_ARN": target["Arn"],
            "ERROR_CODE": failure.code,
            "ERROR_MESSAGE": failure.message,
            "RETRY_ATTEMPTS": str(failure.retries),
        }
        if failure.condition:
            attributes["EXHAUSTED_RETRY_CONDITION"] = failure.condition
        # Unlike EventBridge, Scheduler writes to the queue as the target's role.
        caller = assumed(self._account, SERVICE, target["RoleArn"], schedule.group_arn)
        queue_arn = target["DeadLetterConfig"]["Arn"]
        send_to_dead_letter_queue(self._account, caller, queue_arn, target["Input"], attributes)

    def _with_input(self, schedule: Schedule, when: datetime) -> dict[str, Any]:
        """The target with its input, where the context attributes are replaced."""
        target = schedule.target
        default = "{}" if is_universal(target["Arn"]) else self._notification(schedule, when)
        text = target.get("Input", default)
        values = {
            "schedule-arn": schedule.arn,
            "scheduled-time": _written(when),
            "execution-id": str(uuid.uuid4()),
            "attempt-number": "1",
        }
        for name, value in values.items():
            text = text.replace(f"<aws.scheduler.{name}>", value)
        return target | {"Input": text}

    def _notification(self, schedule: Schedule, when: datetime) -> str:
        """What Scheduler sends where a target has no input."""
        return json.dumps(
            {
                "version": "0",
                "id": str(uuid.uuid4()),
                "detail-type": "Scheduled Event",
                "source": "aws.scheduler",
                "account": self._account.id,
                "time": _written(when),
                "region": self._account.region,
                "resources": [schedule.arn],
                "detail": "{}",
            }
        )


def _written(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
