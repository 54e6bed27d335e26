"""/_localcloud/...: what a person does to the cloud that no AWS service has."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from moto.core.request import Request as WireRequest
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from localcloud.cloud import Cloud

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MAX_ADVANCE_SECONDS = 10 * 366 * 86400
Action = Callable[[WireRequest], dict[str, Any]]


class ResourceList(Protocol):
    """The CloudFormation service, as far as the control knows it."""

    def deployed_resources(self) -> list[dict[str, str]]:
        """One entry a resource: stack, logical_id, type, mode (run|recorded), physical_id."""

    def receive_response(self, token: str, body: bytes) -> None:
        """Take what a custom resource's function sent to its ResponseURL."""


class SpotCapacity(Protocol):
    """The SageMaker service, as far as the control knows it."""

    def reclaim(self, training_job_name: str) -> None:
        """Take the spot capacity of a training job away. ValueError where it has none."""


class Control:
    """Answers the cloud's own addresses, for callers on this machine alone."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._actions: dict[tuple[str, str], Action] = {
            ("GET", "/_localcloud/health"): self._health,
            ("GET", "/_localcloud/resources"): self._resources,
            ("POST", "/_localcloud/clock"): self._clock,
            ("POST", "/_localcloud/spot/reclaim"): self._reclaim,
        }

    def respond(self, request: WireRequest) -> Response:
        """JSON for every answer; a bad request is a 4xx with a sentence in `message`."""
        if not _from_this_machine(request):
            return _json(403, {"message": "only this machine may ask this, by a loopback address"})
        if request.path.startswith("/_localcloud/cfn-response/"):
            return self._custom_resource_response(request)
        action = self._actions.get((request.method, request.path))
        if action is None:
            known = ", ".join(f"{method} {path}" for method, path in self._actions)
            return _json(404, {"message": f"no such address; there are: {known}"})
        try:
            return _json(200, action(request))
        except ValueError as error:
            return _json(400, {"message": str(error)})

    def _health(self, request: WireRequest) -> dict[str, Any]:
        return {"status": "running", "account": self._cloud.account, "region": self._cloud.region}

    def _clock(self, request: WireRequest) -> dict[str, Any]:
        seconds = _body(request).get("advance_seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise ValueError("advance_seconds must be a number of seconds")
        if not 0 <= seconds <= _MAX_ADVANCE_SECONDS:
            raise ValueError(f"advance_seconds must be from 0 to {_MAX_ADVANCE_SECONDS}: ten years")
        now = self._cloud.clock.advance(timedelta(seconds=seconds))
        return {"now": now.isoformat()}

    def _resources(self, request: WireRequest) -> dict[str, Any]:
        stacks: ResourceList | None = self._named("cloudformation")
        return {"resources": stacks.deployed_resources() if stacks else []}

    def _reclaim(self, request: WireRequest) -> dict[str, Any]:
        name = _body(request).get("training_job")
        if not isinstance(name, str) or not name:
            raise ValueError("training_job must be the name of a training job")
        sagemaker: SpotCapacity | None = self._named("sagemaker")
        if sagemaker is None:
            raise ValueError("this cloud runs no SageMaker")
        sagemaker.reclaim(name)
        return {"training_job": name}

    def _custom_resource_response(self, request: WireRequest) -> Response:
        stacks: ResourceList | None = self._named("cloudformation")
        if request.method != "PUT" or stacks is None:
            return _json(404, {"message": "a custom resource's answer is PUT here"})
        try:
            stacks.receive_response(request.path.rpartition("/")[2], request.get_data())
        except ValueError as error:
            return _json(400, {"message": str(error)})
        return Response(status=200)

    def _named(self, service_name: str) -> Any:
        return self._cloud.services.get(service_name)


def _from_this_machine(request: WireRequest) -> bool:
    """A page of the web that rebinds its name to 127.0.0.1 still sends its own Host."""
    host = urlsplit(f"//{request.host}").hostname
    peer = request.environ.get("REMOTE_ADDR", "")
    origin = urlsplit(request.headers.get("Origin", "")).hostname
    return host in _LOOPBACK and peer in _LOOPBACK and origin in (None, *_LOOPBACK)


def _body(request: WireRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.get_data())
    except ValueError as error:
        raise ValueError(f"the body must be JSON: {error}") from error
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(json.dumps(body), status, content_type="application/json")
