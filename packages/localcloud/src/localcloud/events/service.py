"""Amazon EventBridge: events come in, rules match them, targets receive them."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.events.buses import DEFAULT_BUS, Buses, Rule
from localcloud.events.dispatch import Dispatch
from localcloud.events.entries import (
    MAXIMUM_BYTES,
    MAXIMUM_ENTRIES,
    Event,
    entry_error,
    event_of,
    size_of,
)
from localcloud.events.rule_operations import RuleOperations
from localcloud.events.timetable import Timetable

_log = logging.getLogger("localcloud.events")


class EventBridgeService(RuleOperations):
    """EventBridge, all of it ours. Archives, replays, connections and API destinations are not."""

    service_name = "events"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.lock = threading.RLock()
        self.tags = {}
        self.buses = Buses(account.region, account.id, account.clock.now())
        self.timetable = Timetable(account.clock, "eventbridge-schedules")
        self.dispatch = Dispatch(account)
        self.send_scheduled = self._send_scheduled
        account.events.connect(self.emit)

    def start(self) -> None:
        self.timetable.start()

    def stop(self) -> None:
        self.timetable.stop()
        self.dispatch.courier.stop()

    @property
    def num_undelivered(self) -> int:
        """Deliveries under way or waiting to be tried again."""
        return self.dispatch.courier.num_undelivered

    def emit(
        self,
        source: str,
        detail_type: str,
        detail: Mapping[str, Any],
        resources: Iterable[str] = (),
    ) -> str:
        """Put an event of the cloud's own services (`aws.s3`) on the default bus; its id."""
        entry = {
            "Source": source,
            "DetailType": detail_type,
            "Detail": json.dumps(detail, default=_json_value),
            "Resources": list(resources),
        }
        event = self._event(entry)
        self._route(DEFAULT_BUS, event)
        return str(event["id"])

    def put_events(self, request: Request, caller: Caller) -> Response:
        entries = request["Entries"]
        if not 1 <= len(entries) <= MAXIMUM_ENTRIES:
            message = f"Entries takes 1 to {MAXIMUM_ENTRIES} entries, not {len(entries)}."
            raise ServiceError("ValidationException", message)
        if sum(map(size_of, entries)) > MAXIMUM_BYTES:
            message = "Total size of the entries in the request is over the limit."
            raise ServiceError("ValidationException", message)
        results = [self._put(entry, caller) for entry in entries]
        num_failed = sum("ErrorCode" in result for result in results)
        return {"FailedEntryCount": num_failed, "Entries": results}

    def _put(self, entry: dict[str, Any], caller: Caller) -> dict[str, str]:
        forwarded = self.dispatch.take_forwarded(entry.get("TraceHeader"))
        from_aws = forwarded is not None or caller.service is not None
        if error := entry_error(entry, from_aws=from_aws):
            return error.described()
        event = forwarded or self._event(entry)
        self._route(entry.get("EventBusName"), event)
        return {"EventId": event["id"]}

    def _event(self, entry: dict[str, Any]) -> Event:
        return event_of(entry, self.account.id, self.account.region, self.account.clock.now())

    def _route(self, bus_name: str | None, event: Event) -> None:
        with self.lock:
            bus = self.buses.find(bus_name)
            rules = list(bus.rules.values()) if bus else []
        if bus is None:
            # AWS takes such an entry and drops it; here at least the log says so.
            _log.error("event %s went to no bus: %s does not exist", event["id"], bus_name)
        for rule in rules:
            if rule.matches(event):
                self.dispatch.send(rule, event)

    def _send_scheduled(self, rule: Rule, when: datetime) -> None:
        entry = {
            "Source": "aws.events",
            "DetailType": "Scheduled Event",
            "Detail": "{}",
            "Resources": [rule.arn],
            "Time": when,
        }
        self.dispatch.send(rule, self._event(entry))


def _json_value(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"an event's detail can't hold a {type(value).__name__}")
