"""One request to an endpoint's container: sent, answered at once or piece by piece."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localcloud.calls import ServiceError
from localcloud.sagemaker.endpoint import Endpoint
from localcloud.sagemaker.fleet import Fleet, FleetClosedError, NoInstanceError
from localcloud.sagemaker.instance import HOST, Instance

_CHUNK_BYTES = 64 << 10
_HEADERS = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
    "SessionId": "X-Amzn-SageMaker-Session-Id",
}


class Invocation:
    """A request under way on one instance, which `close` gives back to its fleet.

    Closing before the answer has been read to its end closes the container's connection, so that
    it can stop working for a caller who has left.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        request: Mapping[str, Any],
        timeout: float,
        begins: Callable[[Fleet], None],
    ) -> None:
        """`begins` hears of the fleet before the container does."""
        self.fleet, self._instance = _acquire(endpoint, request.get("TargetVariant"))
        begins(self.fleet)
        self._connection = http.client.HTTPConnection(HOST, self._instance.port, timeout=timeout)
        self._is_open = True
        try:
            self._connection.request(
                "POST", "/invocations", request.get("Body", b""), _headers(request)
            )
            self.response = self._connection.getresponse()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    @property
    def status(self) -> int:
        return self.response.status

    def header(self, name: str) -> str | None:
        return self.response.getheader(name)

    def read(self) -> bytes:
        try:
            return self.response.read()
        finally:
            self.close()

    def chunks(self) -> Iterator[bytes]:
        """The answer's pieces as the container sends them."""
        try:
            while chunk := self.response.read1(_CHUNK_BYTES):
                yield chunk
            if self.response.length:
                raise http.client.IncompleteRead(b"", self.response.length)
        finally:
            self.close()

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._connection.close()
            self.fleet.release(self._instance)


def _headers(request: Mapping[str, Any]) -> dict[str, str]:
    headers = {header: request[member] for member, header in _HEADERS.items() if member in request}
    return {"Content-Type": "application/octet-stream", **headers}


def _acquire(endpoint: Endpoint, variant: str | None) -> tuple[Fleet, Instance]:
    while True:
        fleet = endpoint.choose(variant)
        if fleet is None:
            raise ServiceError(
                "ValidationError", f"Variant {variant} not found in endpoint {endpoint.name}."
            )
        try:
            return fleet, fleet.acquire()
        except FleetClosedError:
            # Replaced in this very moment: the endpoint has a new one, unless it is deleted.
            if not endpoint.is_serving:
                raise not_found(endpoint.name) from None
        except NoInstanceError:
            raise ServiceError(
                "ServiceUnavailable",
                f"No instance of variant {fleet.name} of endpoint {endpoint.name} is healthy: "
                "try again.",
                503,
            ) from None


def not_found(endpoint_name: str, account: str = "") -> ServiceError:
    owner = f" of account {account}" if account else ""
    return ServiceError("ValidationError", f"Endpoint {endpoint_name}{owner} not found.")
