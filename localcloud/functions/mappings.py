"""Event source mappings: queues and streams that are read on behalf of functions."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any, Protocol

from localcloud.functions.catalog import Catalog
from localcloud.functions.invoker import Invoker
from localcloud.functions.queue_poller import QueuePoller
from localcloud.functions.stream_poller import StreamPoller
from localcloud.service import ServiceError

if TYPE_CHECKING:
    from localcloud.cloud import Cloud


class Poller(Protocol):
    """Reads one source until it is stopped; `result` is the mapping's LastProcessingResult."""

    result: str

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Mappings:
    """The mappings that exist, each with a poller while it is enabled.

    A mapping is a dict with the members of the API's EventSourceMappingConfiguration.
    """

    def __init__(self, cloud: Cloud, catalog: Catalog, invoker: Invoker) -> None:
        self._cloud = cloud
        self._catalog = catalog
        self._invoker = invoker
        self._mappings: dict[str, dict[str, Any]] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._pollers: dict[str, Poller] = {}
        self._lock = threading.RLock()

    def add(self, mapping: dict[str, Any], enabled: bool, tags: dict[str, str]) -> dict[str, Any]:
        identity = str(uuid.uuid4())
        arn = f"{self._catalog.prefix}:event-source-mapping:{identity}"
        mapping = {"UUID": identity, "EventSourceMappingArn": arn, **mapping}
        with self._lock:
            self._tags[identity] = dict(tags)
            self._set(mapping, enabled)
            return self.described(identity)

    def change(self, identity: str, changes: dict[str, Any], enabled: bool) -> dict[str, Any]:
        with self._lock:
            mapping = self.found(identity) | changes
            self._halt(identity)
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
        self._mappings[identity] = mapping | {
            "State": "Enabled" if enabled else "Disabled",
            "LastModified": self._cloud.clock.now(),
        }
        if enabled:
            self._pollers[identity] = poller = self._poller(self._mappings[identity])
            poller.start()

    def _halt(self, identity: str) -> None:
        if poller := self._pollers.pop(identity, None):
            poller.stop()

    def _poller(self, mapping: dict[str, Any]) -> Poller:
        kind = QueuePoller if mapping["EventSourceArn"].split(":")[2] == "sqs" else StreamPoller
        return kind(self._cloud, self._catalog, self._invoker, mapping)
