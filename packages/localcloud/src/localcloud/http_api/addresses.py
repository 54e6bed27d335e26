"""The addresses under which a stage of an API is reached on this machine."""

from __future__ import annotations

import re
from dataclasses import dataclass

from werkzeug.wrappers import Request

from localcloud.wire.routing import raw_path

_PREFIX = "/_aws/execute-api/"
_HOST = re.compile(r"([a-z0-9]+)(?:-vpce-[a-z0-9-]+)?\.execute-api\.")


@dataclass(frozen=True)
class Address:
    """An API, its stage and the raw path on it, as a request's URL names them."""

    api_id: str
    stage_name: str
    path: str
    host: str | None

    @property
    def full_path(self) -> str:
        """The path as a client of AWS's own host would have it."""
        return f"/{self.stage_name}{self.path}"


def read_address(request: Request) -> Address:
    """What a request's URL names: by Host, `/{stage}/{path}`, or `/_aws/execute-api/{api}/…`."""
    raw = raw_path(request)
    if raw.startswith(_PREFIX):
        api_id, _, rest = raw.removeprefix(_PREFIX).partition("/")
        host = None
    else:
        match = _HOST.match(request.host.lower())
        api_id, rest, host = match[1] if match else "", raw.removeprefix("/"), request.host
    stage_name, _, path = rest.partition("/")
    return Address(api_id, stage_name, "/" + path, host)
