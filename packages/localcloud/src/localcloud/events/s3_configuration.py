"""A bucket's notification configuration: what S3 refuses of one, and what it asks for."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localcloud.calls import ServiceError

# Member of the configuration -> the member that holds the destination's ARN.
_DESTINATIONS = {
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
    "QueueConfigurations": "QueueArn",
    "TopicConfigurations": "TopicArn",
}


@dataclass(frozen=True)
class Subscription:
    """One destination with the events and keys it wants."""

    id: str
    arn: str
    events: tuple[str, ...]
    prefix: str
    suffix: str

    def wants(self, event_name: str, key: str) -> bool:
        """`event_name` without `s3:`, as in `ObjectCreated:Put`."""
        of_event = any(_covers(event, f"s3:{event_name}") for event in self.events)
        return of_event and key.startswith(self.prefix) and key.endswith(self.suffix)

    def overlaps(self, other: Subscription) -> bool:
        shared = any(_covers(a, b) or _covers(b, a) for a in self.events for b in other.events)
        prefixes = self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)
        suffixes = self.suffix.endswith(other.suffix) or other.suffix.endswith(self.suffix)
        return shared and prefixes and suffixes


@dataclass(frozen=True)
class NotificationConfiguration:
    """A configuration as it was put, with every subscription's id filled in."""

    members: dict[str, Any]
    subscriptions: tuple[Subscription, ...]

    @property
    def to_eventbridge(self) -> bool:
        return "EventBridgeConfiguration" in self.members

    def __bool__(self) -> bool:
        return self.to_eventbridge or bool(self.subscriptions)


def parse_configuration(given: dict[str, Any]) -> NotificationConfiguration:
    """From PutBucketNotificationConfiguration; InvalidArgument where S3 would refuse it."""
    members: dict[str, Any] = {}
    if given.get("EventBridgeConfiguration") is not None:
        members["EventBridgeConfiguration"] = {}
    for name in _DESTINATIONS:
        if given.get(name):
            members[name] = [{"Id": str(uuid.uuid4())} | one for one in given[name]]
    subscriptions = tuple(_subscriptions(members))
    for one, other in itertools.combinations(subscriptions, 2):
        if one.overlaps(other):
            raise _invalid(
                "Configurations overlap. Configurations on the same bucket cannot share a common "
                "event type."
            )
    return NotificationConfiguration(members, subscriptions)


def _subscriptions(members: dict[str, Any]) -> Iterator[Subscription]:
    for name, arn_member in _DESTINATIONS.items():
        for one in members.get(name, []):
            filters = _filters(one)
            yield Subscription(
                one["Id"],
                one[arn_member],
                tuple(one["Events"]),
                filters.get("prefix", ""),
                filters.get("suffix", ""),
            )


def _filters(one: dict[str, Any]) -> dict[str, str]:
    filters: dict[str, str] = {}
    for rule in one.get("Filter", {}).get("Key", {}).get("FilterRules", []):
        name = rule.get("Name", "").lower()
        if name not in ("prefix", "suffix"):
            raise _invalid("filter rule name must be either prefix or suffix")
        if name in filters:
            raise _invalid(f"Cannot specify more than one {name} rule in a filter.")
        filters[name] = rule.get("Value", "")
    return filters


def _covers(wanted: str, event: str) -> bool:
    return event.startswith(wanted[:-1]) if wanted.endswith("*") else wanted == event


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidArgument", message)
