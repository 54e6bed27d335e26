"""A deployment: a new fleet beside the old one, traffic shifted or taken back."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.account import Account
from localcloud.sagemaker.endpoint import Endpoint, Fleets
from localcloud.sagemaker.fleet import FleetFailedError
from localcloud.sagemaker.traffic import TrafficPlan

# What a request may still take when its fleet is replaced: a stream's longest time.
DRAIN_SECONDS = 480.0
_ALARM_SECONDS = 1.0


class RolledBackError(Exception):
    """The new fleet is not to serve, with the reason."""


class Deployment:
    """Brings an endpoint from its fleets to new ones, by plan."""

    def __init__(
        self, account: Account, endpoint: Endpoint, new_fleets: Fleets, plan: TrafficPlan
    ) -> None:
        self._account, self._endpoint, self._plan = account, endpoint, plan
        self._new_fleets = new_fleets
        self._stopping = account.stopping
        limit = plan.time_limit_seconds
        self._deadline: datetime | None = None
        if limit is not None:
            self._deadline = account.clock.now() + timedelta(seconds=limit)

    def run(self) -> None:
        """Start, shift, and end the old fleets. RolledBackError with the old fleets serving."""
        try:
            start_fleets(self._new_fleets)
        except FleetFailedError as error:
            raise RolledBackError(str(error)) from error
        self._endpoint.new_fleets = self._new_fleets
        try:
            self._shift()
        except RolledBackError:
            self._endpoint.enter("RollingBack")
            self._route(0.0)
            self._endpoint.new_fleets = {}
            close_fleets(self._new_fleets, DRAIN_SECONDS)
            raise
        with self._endpoint.lock:
            old_fleets, self._endpoint.fleets = self._endpoint.fleets, self._new_fleets
            self._endpoint.new_fleets, self._endpoint.new_share = {}, 0.0
        close_fleets(old_fleets, DRAIN_SECONDS)

    def _shift(self) -> None:
        for share, wait_seconds in self._plan.steps:
            self._route(share)
            self._bake(wait_seconds)
        self._bake(self._plan.termination_wait_seconds)

    def _route(self, share: float) -> None:
        with self._endpoint.lock:
            self._endpoint.new_share = share

    def _bake(self, seconds: int) -> None:
        """Wait, and look at the alarms all the while and once at the end."""
        clock = self._account.clock
        end = clock.now() + timedelta(seconds=seconds)
        while (now := clock.now()) < end and not self._stopping.is_set():
            self._check(now)
            clock.wait_until(min(end, now + timedelta(seconds=_ALARM_SECONDS)), self._stopping)
        self._check(clock.now())

    def _check(self, now: datetime) -> None:
        if self._deadline is not None and now > self._deadline:
            raise RolledBackError("The deployment did not finish within its time limit.")
        try:
            ringing = alarms_in(self._account, self._plan.alarm_names, "ALARM")
        except (ClientError, BotoCoreError) as error:
            raise RolledBackError(f"The alarms could not be read: {error}") from error
        if ringing:
            raise RolledBackError(
                "The deployment was rolled back because these CloudWatch alarms are in ALARM "
                f"state: {', '.join(ringing)}."
            )


def alarms_in(account: Account, names: tuple[str, ...], state: str | None = None) -> list[str]:
    """Those of the alarms (metric or composite) that exist, or that are in a state."""
    if not names:
        return []
    found = account.client("cloudwatch").describe_alarms(
        AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    alarms = [*found.get("MetricAlarms", []), *found.get("CompositeAlarms", [])]
    return [a["AlarmName"] for a in alarms if state in (None, a.get("StateValue"))]


def bring_up(endpoint: Endpoint, fleets: Fleets) -> None:
    """Have its first fleets serve; what keeps one from starting is why it has failed."""
    try:
        start_fleets(fleets)
    except FleetFailedError as error:
        endpoint.enter("Failed", str(error))
        return
    endpoint.fleets = fleets
    endpoint.enter("InService")


def start_fleets(fleets: Fleets) -> None:
    """Start them all, or none. FleetFailedError with the reason of the first that can't."""
    failures: list[FleetFailedError] = []

    def start(name: str) -> None:
        try:
            fleets[name].start()
        except FleetFailedError as error:
            failures.append(error)

    threads = [threading.Thread(target=start, args=(name,)) for name in fleets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        close_fleets(fleets, 0.0)
        raise failures[0]


def close_fleets(fleets: Fleets, drain_seconds: float) -> None:
    for fleet in fleets.values():
        fleet.close(drain_seconds)
