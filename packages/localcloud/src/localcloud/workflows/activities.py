"""Activities: tasks that workers outside fetch, and report by their tokens."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localcloud.calls import ServiceError
from localcloud.workflows.cancellation import Cancellation
from localcloud.workflows.errors import StateError
from localcloud.workflows.task_tokens import WaitingTask

_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class ScheduledTask:
    """What waits for a worker. `started` is told the worker's name."""

    waiting: WaitingTask
    input: str
    started: Callable[[str], None]


@dataclass
class Activity:
    """An activity and the tasks that no worker has fetched yet, the oldest first."""

    arn: str
    name: str
    created_at: datetime
    tasks: deque[ScheduledTask] = field(default_factory=deque)

    @property
    def description(self) -> dict[str, Any]:
        return {"activityArn": self.arn, "name": self.name, "creationDate": self.created_at}


class Activities:
    """All activities, by ARN."""

    def __init__(self) -> None:
        self._activities: dict[str, Activity] = {}
        self._lock = threading.Lock()

    def create(self, arn: str, name: str, now: datetime) -> Activity:
        """Create; the same name again gives the same activity."""
        return self._activities.setdefault(arn, Activity(arn, name, now))

    def get(self, arn: str) -> Activity:
        if arn not in self._activities:
            raise ServiceError("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")
        return self._activities[arn]

    def delete(self, arn: str) -> None:
        self._activities.pop(arn, None)

    def all(self) -> list[Activity]:
        return sorted(self._activities.values(), key=lambda activity: activity.created_at)

    def schedule(self, arn: str, task: ScheduledTask) -> None:
        """Leave a task to the workers. Its heartbeats count from when one has fetched it."""
        activity = self._activities.get(arn)
        if activity is None:
            raise StateError("States.Runtime", f"Activity Does Not Exist: '{arn}'")
        task.waiting.hold()
        with self._lock:
            activity.tasks.append(task)

    def fetch(self, arn: str, worker: str, cancellation: Cancellation) -> ScheduledTask | None:
        """The oldest task, waited for until `cancellation`; None when none came."""
        activity = self.get(arn)
        while not cancellation.is_set():
            task = self._take(activity)
            if task is not None:
                task.waiting.beat()
                task.started(worker)
                return task
            cancellation.clock.sleep(_POLL_SECONDS, cancellation)
        return None

    def _take(self, activity: Activity) -> ScheduledTask | None:
        with self._lock:
            while activity.tasks:
                task = activity.tasks.popleft()
                if not task.waiting.is_closed:
                    return task
        return None
