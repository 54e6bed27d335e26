"""Event source mappings: queues and streams that are read on behalf of functions."""

from __future__ import annotations

import threading
import uuid
from typing import Any, Protocol

from localcloud.account import Account
from localcloud.calls import ServiceError
from localcloud.functions.catalog import Catalog
from localcloud.functions.invoker import Invoker
from localcloud.functions.queue_poller import QueuePoller
from localcloud.functions.stream_poller import StreamPoller

# How long a batch in progress may take to come to its end before a mapping is changed.
_HALT_SECONDS = 5.0


class Poller(Protocol):
    """Reads one source until it is stopped; `result` is the mapping's LastProcessingResult.

    `position` is where its successor is to go on, for sources that have places.
    """

    result: str
    position: int | None

    def start(self) -> None: ...

    def stop(self, wait_seconds: float = 0) -> None: ...


class Mappings:
    """The mappings that exist, each with a poller while it is enabled.

    A mapping is a dict with the members of the API's EventSourceMappingConfiguration.
    """

    def __init__(self, account: Account, catalog: Catalog, invoker: Invoker) -> None:
        self._account = account
        self._catalog = catalog
        self._invoker = invoker
        self._mappings: dict[str, dict[str, Any]] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._pollers: dict[str, Poller] = {}
        self._positions: dict[str, int | None] = {}
        self._lock = threading.RLock()

    def add(self, mapping: dict[str, Any], enabled: bool, tags: dict[str, str]) -> dict[str, Any]:
        identity = str(uuid.uuid4())
        arn = f"{self._catalog.prefix}:event-source-mapping:{identity}"
        mapping = {"UUID": identity, "EventSourceMappingArn": arn, **mapping}
        with self._lock:
            self._set(mapping, enabled)
            self._tags[identity] = dict(tags)
            return self.described(identity)

    def change(self, identity: str, changes: dict[str, Any], enabled: bool) -> dict[str, Any]:
        with self._lock:
            mapping = self.found(identity) | changes
            self._halt(identity, _HALT_SECONDS)
            self._set(mapping, enabled)
            return self.described(identity)

    def remove(self, identity: str) -> dict[str, Any]:
        with self._lock:
            mapping = self.described(identity)
            self._halt(identity)
            del self._mappings[identity], self._tags[identity]
        return mapping | {"State": "Deleting"}

    def described(self, identity: str) -> dict[str, Any]:
        """A mapping as the API shows it: ResourceNotFoundException."""
        mapping = self.found(identity)
        poller = self._pollers.get(identity)
        result = poller.result if poller else "No records processed"
        return mapping | {"LastProcessingResult": result}

    def found(self, identity: str) -> dict[str, Any]:
        if identity not in self._mappings:
            message = "The resource you requested does not exist."
            raise ServiceError("ResourceNotFoundException", message, 404, Type="User")
        return self._mappings[identity]

    def all(self) -> list[dict[str, Any]]:
        with self._lock:
            return [self.described(identity) for identity in self._mappings]

    def tags(self, identity: str) -> dict[str, str]:
        self.found(identity)
        return self._tags[identity]

    def stop(self) -> None:
        with self._lock:
            for identity in list(self._pollers):
                self._halt(identity)

    def _set(self, mapping: dict[str, Any], enabled: bool) -> None:
        identity = mapping["UUID"]
        mapping = mapping | {
            "State": "Enabled" if enabled else "Disabled",
            "LastModified": self._account.clock.now(),
        }
        if enabled:
            poller = self._poller(mapping)
            poller.start()
            self._pollers[identity] = poller
        self._mappings[identity] = mapping

    def _halt(self, identity: str, wait_seconds: float = 0) -> None:
        if poller := self._pollers.pop(identity, None):
            poller.stop(wait_seconds)
            self._positions[identity] = poller.position

    def _poller(self, mapping: dict[str, Any]) -> Poller:
        if mapping["EventSourceArn"].split(":")[2] == "sqs":
            return QueuePoller(self._account, self._catalog, self._invoker, mapping)
        position = self._positions.get(mapping["UUID"])
        return StreamPoller(self._account, self._catalog, self._invoker, mapping, position)
