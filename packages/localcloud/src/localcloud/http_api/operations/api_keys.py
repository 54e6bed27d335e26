"""API keys."""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterable

from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.http_api.operations.control_plane import ControlPlane, members, page
from localcloud.http_api.patching import bad_request, patched
from localcloud.http_api.state import Record, new_id, require

_MEMBERS = ("name", "description", "enabled", "customerId", "tags")
_PATCHABLE = ("name", "description", "enabled", "customerId")
_VALUE_ALPHABET = string.ascii_letters + string.digits


class ApiKeys(ControlPlane):
    """CreateApiKey and its kin."""

    def create_api_key(self, request: Request, caller: Caller) -> Response:
        value = request.get("value") or "".join(secrets.choice(_VALUE_ALPHABET) for _ in range(40))
        if not 20 <= len(value) <= 128:
            raise bad_request("API Key value should be at least 20 characters")
        now = self.account.clock.now()
        key: Record = {
            "id": new_id(),
            "value": value,
            "enabled": False,
            "createdDate": now,
            "lastUpdatedDate": now,
            "stageKeys": _stage_keys(request),
            **members(request, *_MEMBERS),
        }
        with self.state.lock:
            if self.state.key_by_value(value) is not None:
                raise ServiceError("ConflictException", "API Key already exists", 409)
            self.state.keep_key(key)
        return dict(key)

    def get_api_key(self, request: Request, caller: Caller) -> Response:
        return _shown(self._key(request), bool(request.get("includeValue")))

    def get_api_keys(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            keys = _selected(request, self.state.api_keys.values())
        return page(request, [_shown(key, bool(request.get("includeValues"))) for key in keys])

    def update_api_key(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            changed = patched(self._key(request), request.get("patchOperations", []), _PATCHABLE)
            changed["lastUpdatedDate"] = self.account.clock.now()
            self.state.keep_key(changed)
            return _shown(changed, False)

    def delete_api_key(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            self.state.drop_key(self._key(request))
        return {}

    def _key(self, request: Request) -> Record:
        found: Record = require(
            self.state.api_keys, request["apiKey"], "Invalid API Key identifier specified"
        )
        return found


def _stage_keys(request: Request) -> list[str]:
    return [f"{key['restApiId']}/{key['stageName']}" for key in request.get("stageKeys") or []]


def _selected(request: Request, keys: Iterable[Record]) -> list[Record]:
    name, customer = request.get("nameQuery"), request.get("customerId")
    return [
        key
        for key in keys
        if (name is None or key.get("name", "").startswith(name))
        and customer in (None, key.get("customerId"))
    ]


def _shown(key: Record, with_value: bool) -> Record:
    return {name: value for name, value in key.items() if with_value or name != "value"}
