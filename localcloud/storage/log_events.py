"""CloudWatch Logs beyond moto: events are taken by the cloud's time, be it ever so advanced."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from moto.logs.models import logs_backends

from localcloud.service import Caller, Request, Response, Service, ServiceError

if TYPE_CHECKING:
    from moto.logs.models import LogGroup

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
_OLDEST, _NEWEST = timedelta(days=14), timedelta(hours=2)


class LogsService(Service):
    """Takes log events that are of the cloud's present; all else is moto's."""

    service_name = "logs"
    extends_moto = True

    def put_log_events(self, request: Request, caller: Caller) -> Response:
        events = request["logEvents"]
        times = [event["timestamp"] for event in events]
        if any(later < earlier for earlier, later in pairwise(times)):
            message = "Log events in a single PutLogEvents request must be in chronological order."
            raise ServiceError("InvalidParameterException", message)
        now = self.cloud.clock.now()
        oldest, newest = (int(when.timestamp() * 1000) for when in (now - _OLDEST, now + _NEWEST))
        too_old = sum(time < oldest for time in times)
        first_too_new = sum(time <= newest for time in times)
        with self.cloud.moto.lock("logs"):
            group = self._group(request["logGroupName"], request["logStreamName"])
            taken = events[too_old:first_too_new]
            token = group.put_log_events(request["logStreamName"], taken)
        answer: dict[str, Any] = {"nextSequenceToken": token}
        rejected = {}
        if too_old:
            rejected["tooOldLogEventEndIndex"] = too_old
        if first_too_new < len(times):
            rejected["tooNewLogEventStartIndex"] = first_too_new
        return answer | ({"rejectedLogEventsInfo": rejected} if rejected else {})

    def _group(self, name: str, stream: str) -> LogGroup:
        group = logs_backends[self.cloud.account][self.cloud.region].groups.get(name)
        if group is None:
            raise _missing("group")
        if stream not in group.streams:
            raise _missing("stream")
        return group


def _missing(what: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", f"The specified log {what} does not exist.")
