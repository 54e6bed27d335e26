"""What API Gateway keeps: REST APIs, deployments, stages, keys and usage plans."""

from __future__ import annotations

import copy
import secrets
import string
import threading
from dataclasses import dataclass, field
from typing import Any

from localcloud.calls import ServiceError
from localcloud.http_api.routes import RouteTable

Record = dict[str, Any]
Records = dict[str, Record]

_ID_ALPHABET = string.ascii_lowercase + string.digits


def new_id(length: int = 10) -> str:
    """An identifier as API Gateway makes them: lower-case letters and digits."""
    first = secrets.choice(string.ascii_lowercase)
    return first + "".join(secrets.choice(_ID_ALPHABET) for _ in range(length - 1))


@dataclass(frozen=True)
class Snapshot:
    """What a deployment froze of an API: the data plane reads nothing else of its definition."""

    settings: Record
    resources: Records
    routes: RouteTable
    authorizers: Records
    validators: Records
    models: Records
    gateway_responses: Records


@dataclass
class RestApi:
    """An API under construction; every record has the shape its Get operation returns."""

    settings: Record
    resources: Records = field(default_factory=dict)
    authorizers: Records = field(default_factory=dict)
    validators: Records = field(default_factory=dict)
    models: Records = field(default_factory=dict)
    gateway_responses: Records = field(default_factory=dict)
    documentation: Records = field(default_factory=dict)
    deployments: Records = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    stages: Records = field(default_factory=dict)

    def snapshot(self) -> Snapshot:
        """Freeze the definition as it is now."""
        resources = copy.deepcopy(self.resources)
        return Snapshot(
            settings=copy.deepcopy(self.settings),
            resources=resources,
            routes=RouteTable(resources.values()),
            authorizers=copy.deepcopy(self.authorizers),
            validators=copy.deepcopy(self.validators),
            models=copy.deepcopy(self.models),
            gateway_responses=copy.deepcopy(self.gateway_responses),
        )


class State:
    """Everything API Gateway keeps, behind one lock.

    Records are replaced, never changed in place, once the data plane can see them (stages, usage
    plans, keys), so that it reads without the lock.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.apis: dict[str, RestApi] = {}
        self.api_keys: Records = {}
        self._key_ids: dict[str, str] = {}
        self.usage_plans: Records = {}
        self.plan_keys: dict[str, Records] = {}
        self.account: Record = {
            "throttleSettings": {"burstLimit": 5000, "rateLimit": 10000.0},
            "features": ["UsagePlans"],
            "apiKeyVersion": "4",
        }

    def key_by_value(self, value: str) -> Record | None:
        """The API key whose value it is, enabled or not."""
        return self.api_keys.get(self._key_ids.get(value, ""))

    def keep_key(self, key: Record) -> None:
        """Add an API key, or put one in the place of what it was; its value never changes."""
        self.api_keys[key["id"]] = key
        self._key_ids[key["value"]] = key["id"]

    def drop_key(self, key: Record) -> None:
        """Forget an API key, in every usage plan too."""
        del self.api_keys[key["id"]], self._key_ids[key["value"]]
        for keys in self.plan_keys.values():
            keys.pop(key["id"], None)


def require(records: dict[str, Any], name: str, message: str) -> Any:
    """The record of that name, or NotFoundException with `message`."""
    try:
        return records[name]
    except KeyError:
        raise ServiceError("NotFoundException", message, 404) from None
