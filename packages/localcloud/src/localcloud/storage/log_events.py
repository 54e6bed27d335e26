"""CloudWatch Logs beyond moto: events by the cloud's time, metric and subscription filters."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from moto.logs.models import logs_backends

from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.log_filters.metric_filters import check_metric_filter, record_matches
from localcloud.log_filters.patterns import Pattern, parse_pattern
from localcloud.log_filters.subscriptions import Subscriptions
from localcloud.service import Service
from localcloud.storage.moto_backend import MotoBackend

if TYPE_CHECKING:
    from moto.logs.models import LogGroup, LogsBackend

    from localcloud.account import Account

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
_OLDEST, _NEWEST = timedelta(days=14), timedelta(hours=2)


class LogsService(Service):
    """Takes log events that are of the cloud's present, and filters them; all else is moto's."""

    service_name = "logs"
    extends_moto = True
    follows = frozenset({"DeleteLogGroup"})

    def __init__(self, account: Account, moto: MotoBackend) -> None:
        super().__init__(account)
        self._moto = moto
        self._subscriptions = Subscriptions(account)

    def stop(self) -> None:
        self._subscriptions.stop()

    def after(self, operation: str, request: Request, response: Response, caller: Caller) -> None:
        self._subscriptions.forget(request["logGroupName"])

    def put_log_events(self, request: Request, caller: Caller) -> Response:
        events = request["logEvents"]
        times = [event["timestamp"] for event in events]
        if any(later < earlier for earlier, later in pairwise(times)):
            message = "Log events in a single PutLogEvents request must be in chronological order."
            raise ServiceError("InvalidParameterException", message)
        now = self.account.clock.now()
        oldest, newest = (int(when.timestamp() * 1000) for when in (now - _OLDEST, now + _NEWEST))
        too_old = sum(time < oldest for time in times)
        first_too_new = sum(time <= newest for time in times)
        with self._moto.lock("logs"):
            group = self._group(request["logGroupName"], request["logStreamName"])
            taken = events[too_old:first_too_new]
            token = group.put_log_events(request["logStreamName"], taken)
            kept = group.streams[request["logStreamName"]].events[-len(taken) :] if taken else []
            events = [
                {"id": str(e.event_id), "timestamp": e.timestamp, "message": e.message}
                for e in kept
            ]
        self._filter(request["logGroupName"], request["logStreamName"], events)
        answer: dict[str, Any] = {"nextSequenceToken": token}
        rejected = {}
        if too_old:
            rejected["tooOldLogEventEndIndex"] = too_old
        if first_too_new < len(times):
            rejected["tooNewLogEventStartIndex"] = first_too_new
        return answer | ({"rejectedLogEventsInfo": rejected} if rejected else {})

    def filter_log_events(self, request: Request, caller: Caller) -> Response:
        """A page of `limit` events, less those that don't match: AWS's pages may be short too."""
        matches = _pattern(request.get("filterPattern") or "")
        # moto would take every event for a match where it doesn't know the pattern.
        rest = {name: value for name, value in request.items() if name != "filterPattern"}
        found = self._moto.invoke("logs", "FilterLogEvents", rest)
        events = found.get("events", [])
        return found | {"events": [e for e in events if matches(e["message"]) is not None]}

    def put_metric_filter(self, request: Request, caller: Caller) -> Response:
        self._named_group(request["logGroupName"])
        try:
            check_metric_filter(request)
        except ValueError as error:
            raise ServiceError("InvalidParameterException", str(error)) from error
        same = ("logGroupName", "filterName")
        with self._moto.lock("logs"):
            kept = [
                each
                for each in self._backend.filters.metric_filters
                if any(each[name] != request[name] for name in same)
            ]
            self._moto.invoke("logs", "PutMetricFilter", request)
            # moto would keep the one that is replaced.
            self._backend.filters.metric_filters[:-1] = kept
        return {}

    def put_subscription_filter(self, request: Request, caller: Caller) -> Response:
        self._named_group(request["logGroupName"])
        _pattern(request["filterPattern"])
        self._subscriptions.put(request)
        return {}

    def describe_subscription_filters(self, request: Request, caller: Caller) -> Response:
        self._named_group(request["logGroupName"])
        prefix = request.get("filterNamePrefix") or ""
        found = self._subscriptions.of(request["logGroupName"])
        return {"subscriptionFilters": [f for f in found if f["filterName"].startswith(prefix)]}

    def delete_subscription_filter(self, request: Request, caller: Caller) -> Response:
        self._named_group(request["logGroupName"])
        self._subscriptions.delete(request["logGroupName"], request["filterName"])
        return {}

    def _filter(self, group: str, stream: str, events: list[dict[str, Any]]) -> None:
        for each in list(self._backend.filters.metric_filters):
            if each["logGroupName"] == group:
                record_matches(each, events, self.account.metrics.record)
        self._subscriptions.deliver(group, stream, events)

    @property
    def _backend(self) -> LogsBackend:
        return logs_backends[self.account.id][self.account.region]

    def _named_group(self, name: str) -> LogGroup:
        group = self._backend.groups.get(name)
        if group is None:
            raise _missing("group")
        return group

    def _group(self, name: str, stream: str) -> LogGroup:
        group = self._named_group(name)
        if stream not in group.streams:
            raise _missing("stream")
        return group


def _pattern(text: str) -> Pattern:
    try:
        return parse_pattern(text)
    except ValueError as error:
        raise ServiceError("InvalidParameterException", str(error)) from error


def _missing(what: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", f"The specified log {what} does not exist.")
