"""EventBridge's operations on buses: their life, policies and tags."""

from __future__ import annotations

import json
import threading
from typing import Any

from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.events.buses import Bus, Buses, bus_name
from localcloud.events.paging import page
from localcloud.service import Service

_SETTINGS = ("KmsKeyIdentifier", "DeadLetterConfig", "LogConfig")


class BusOperations(Service):
    """What clients ask of buses."""

    buses: Buses
    lock: threading.RLock
    tags: dict[str, dict[str, str]]

    def create_event_bus(self, request: Request, _caller: Caller) -> Response:
        if "EventSourceName" in request or "/" in request["Name"]:
            raise ServiceError("ValidationException", "localcloud has no partner event sources")
        with self.lock:
            bus = self.buses.create(request["Name"], self.account.clock.now())
            self._set(bus, request)
            self._tag(bus.arn, request.get("Tags", []))
        return {"EventBusArn": bus.arn, **_description(bus)}

    def update_event_bus(self, request: Request, _caller: Caller) -> Response:
        with self.lock:
            bus = self.buses.get(request.get("Name"))
            self._set(bus, request)
        return {"Arn": bus.arn, "Name": bus.name, **_description(bus)}

    def describe_event_bus(self, request: Request, _caller: Caller) -> Response:
        bus = self.buses.get(request.get("Name"))
        return bus.described() | bus.settings

    def list_event_buses(self, request: Request, _caller: Caller) -> Response:
        prefix = request.get("NamePrefix", "")
        found = [bus for bus in self.buses.all() if bus.name.startswith(prefix)]
        some, more = page(found, request.get("Limit"), request.get("NextToken"))
        return {"EventBuses": [bus.described() for bus in some], **more}

    def delete_event_bus(self, request: Request, _caller: Caller) -> Response:
        with self.lock:
            bus = self.buses.find(request["Name"])
            self.buses.delete(request["Name"])
            if bus:
                self.tags.pop(bus.arn, None)
        return {}

    def put_permission(self, request: Request, _caller: Caller) -> Response:
        with self.lock:
            bus = self.buses.get(request.get("EventBusName"))
            if "Policy" in request:
                bus.statements = _policy_statements(request["Policy"])
            else:
                statement = _statement(request, bus)
                others = [s for s in bus.statements if s.get("Sid") != statement["Sid"]]
                bus.statements = [*others, statement]
        return {}

    def remove_permission(self, request: Request, _caller: Caller) -> Response:
        with self.lock:
            bus = self.buses.get(request.get("EventBusName"))
            kept = [s for s in bus.statements if s.get("Sid") != request.get("StatementId")]
            if request.get("RemoveAllPermissions"):
                kept = []
            elif len(kept) == len(bus.statements):
                message = f"Statement with the provided id does not exist on {bus.name}."
                raise ServiceError("ResourceNotFoundException", message)
            bus.statements = kept
        return {}

    def resource_policy(self, arn: str) -> dict[str, Any] | None:
        """The policy of the bus with this ARN."""
        bus = self.buses.find(bus_name(arn)) if ":event-bus/" in arn else None
        return bus.policy() if bus else None

    def tag_resource(self, request: Request, _caller: Caller) -> Response:
        with self.lock:
            self._tag(self._taggable(request["ResourceARN"]), request["Tags"])
        return {}

    def untag_resource(self, request: Request, _caller: Caller) -> Response:
        with self.lock:
            tags = self.tags.get(self._taggable(request["ResourceARN"]), {})
            for key in request["TagKeys"]:
                tags.pop(key, None)
        return {}

    def list_tags_for_resource(self, request: Request, _caller: Caller) -> Response:
        tags = self.tags.get(self._taggable(request["ResourceARN"]), {})
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def _set(self, bus: Bus, request: Request) -> None:
        bus.description = request.get("Description", bus.description)
        bus.settings |= {name: request[name] for name in _SETTINGS if name in request}

    def _tag(self, arn: str, tags: list[dict[str, str]]) -> None:
        self.tags.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in tags})

    def _taggable(self, arn: str) -> str:
        buses = self.buses.all()
        known = {bus.arn for bus in buses}
        if arn not in known | {rule.arn for bus in buses for rule in bus.rules.values()}:
            raise ServiceError("ResourceNotFoundException", f"{arn} does not exist.")
        return arn


def _description(bus: Bus) -> Response:
    described = {"Description": bus.description} if bus.description else {}
    return described | bus.settings


def _policy_statements(text: str) -> list[dict[str, Any]]:
    try:
        statements = json.loads(text)["Statement"]
    except (ValueError, KeyError, TypeError) as error:
        raise ServiceError("ValidationException", "Policy is not a valid policy.") from error
    return statements if isinstance(statements, list) else [statements]


def _statement(request: Request, bus: Bus) -> dict[str, Any]:
    missing = {"Action", "Principal", "StatementId"} - request.keys()
    if missing:
        names = ", ".join(sorted(missing))
        raise ServiceError("ValidationException", f"{names} must be specified without Policy.")
    principal = request["Principal"]
    account = {"AWS": f"arn:aws:iam::{principal}:root"}
    statement = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": principal if principal == "*" else account,
        "Action": request["Action"],
        "Resource": bus.arn,
    }
    if condition := request.get("Condition"):
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    return statement
