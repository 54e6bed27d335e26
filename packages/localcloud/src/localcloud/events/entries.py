"""PutEvents' entries: what AWS refuses of them, and the events that they become."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Event = dict[str, Any]

MAXIMUM_ENTRIES = 10
MAXIMUM_BYTES = 256 * 1024
_TIME_BYTES = 14


@dataclass(frozen=True)
class EntryError:
    """Why an entry was not taken."""

    code: str
    message: str

    def described(self) -> dict[str, str]:
        return {"ErrorCode": self.code, "ErrorMessage": self.message}


def entry_error(entry: dict[str, Any], *, from_aws: bool) -> EntryError | None:
    """What is wrong with an entry; `from_aws` callers may use the sources that AWS keeps."""
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            reason = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return EntryError("InvalidArgument", reason)
    if entry["Source"].startswith("aws.") and not from_aws:
        return EntryError("NotAuthorizedForSource", "Not authorized for the source.")
    if not isinstance(_parsed(entry["Detail"]), dict):
        return EntryError("MalformedDetail", "Detail is malformed.")
    return None


def size_of(entry: dict[str, Any]) -> int:
    """Bytes of an entry as AWS counts them ("Calculating PutEvents event entry size")."""
    texts = [entry.get(name, "") for name in ("Source", "DetailType", "Detail")]
    texts += entry.get("Resources", [])
    return sum(len(text.encode()) for text in texts) + (_TIME_BYTES if "Time" in entry else 0)


def event_of(entry: dict[str, Any], account: str, region: str, now: datetime) -> Event:
    """The event in its envelope."""
    time: datetime = entry.get("Time", now)
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": account,
        "time": time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": list(entry.get("Resources", [])),
        "detail": json.loads(entry["Detail"]),
    }


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
