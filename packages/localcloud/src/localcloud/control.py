"""/_localcloud/...: what a person does to the cloud that no AWS service has."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from moto.core.request import Request as WireRequest
from werkzeug.wrappers import Response

from localcloud.account import Account
from localcloud.service import Control, Service
from localcloud.wire.json_body import json_body

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MAX_ADVANCE_SECONDS = 10 * 366 * 86400


class Controls:
    """Answers the cloud's own addresses and its services', for callers on this machine alone."""

    def __init__(self, account: Account, services: Iterable[Service]) -> None:
        self._account = account
        self._controls: dict[tuple[str, str], Control] = {
            ("GET", "/_localcloud/health"): self._health,
            ("POST", "/_localcloud/clock"): self._clock,
        }
        for service in services:
            self._controls |= service.controls()

    def respond(self, request: WireRequest) -> Response:
        """JSON for every answer; a bad request is a 4xx with a sentence in `message`."""
        if not _from_this_machine(request):
            return _json(403, {"message": "only this machine may ask this, by a loopback address"})
        control = self._named(request)
        if control is None:
            known = ", ".join(f"{method} {path}" for method, path in self._controls)
            return _json(404, {"message": f"no such address; there are: {known}"})
        try:
            return _json(200, control(request))
        except ValueError as error:
            return _json(400, {"message": str(error)})

    def _named(self, request: WireRequest) -> Control | None:
        below = f"{request.path.rpartition('/')[0]}/"
        return self._controls.get((request.method, request.path)) or self._controls.get(
            (request.method, below)
        )

    def _health(self, request: WireRequest) -> dict[str, Any]:
        return {"status": "running", "account": self._account.id, "region": self._account.region}

    def _clock(self, request: WireRequest) -> dict[str, Any]:
        seconds = json_body(request).get("advance_seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise ValueError("advance_seconds must be a number of seconds")
        if not 0 <= seconds <= _MAX_ADVANCE_SECONDS:
            raise ValueError(f"advance_seconds must be from 0 to {_MAX_ADVANCE_SECONDS}: ten years")
        now = self._account.clock.advance(timedelta(seconds=seconds))
        return {"now": now.isoformat()}


def _from_this_machine(request: WireRequest) -> bool:
    """A page of the web that rebinds its name to 127.0.0.1 still sends its own Host."""
    host = urlsplit(f"//{request.host}").hostname
    peer = request.environ.get("REMOTE_ADDR", "")
    origin = urlsplit(request.headers.get("Origin", "")).hostname
    return host in _LOOPBACK and peer in _LOOPBACK and origin in (None, *_LOOPBACK)


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(json.dumps(body), status, content_type="application/json")
