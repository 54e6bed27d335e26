"""Invokes functions: whole answers, and answers as they come."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from localcloud.functions.catalog import Catalog
from localcloud.functions.function import LATEST, Function, Version, reference
from localcloud.functions.http_events import PRELUDE_END
from localcloud.functions.instance import Instance
from localcloud.functions.invocation import FunctionError, Invocation
from localcloud.functions.metrics import FunctionMetrics
from localcloud.functions.pool import Pools


@dataclass(frozen=True)
class Outcome:
    """A finished invocation; where `failed`, the payload describes the error."""

    request_id: str
    payload: bytes
    failed: bool
    executed_version: str
    tail: str = ""


class NotStreamedError(ValueError):
    """The function answered with something other than a streamed HTTP response."""


class StreamedAnswer:
    """A function's streamed HTTP response; iterating gives the body's bytes as they come.

    `close` tells the function that its caller has left; it must be called in the end.
    """

    def __init__(self, pieces: Generator[bytes, None, None]) -> None:
        self._pieces = pieces
        try:
            metadata, self._first = _prelude(pieces)
        except BaseException:
            pieces.close()
            raise
        self.status = int(metadata.get("statusCode", 200))
        self.headers: dict[str, str] = {
            str(name): str(value) for name, value in metadata.get("headers", {}).items()
        }
        self.cookies: list[str] = list(metadata.get("cookies", []))

    @property
    def chunks(self) -> StreamedAnswer:
        return self

    def __iter__(self) -> StreamedAnswer:
        return self

    def __next__(self) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        return next(self._pieces)

    def close(self) -> None:
        self._first = b""
        # Nobody is left to hear how the function took it.
        with contextlib.suppress(FunctionError):
            self._pieces.close()


class Invoker:
    """Finds the version a name means, takes an instance, and asks it."""

    def __init__(self, catalog: Catalog, pools: Pools, metrics: FunctionMetrics) -> None:
        self._catalog = catalog
        self._metrics = metrics
        self._pools = pools

    def invoke(
        self, function_name: str, qualifier: str | None, payload: bytes, context: str | None = None
    ) -> Outcome:
        """Invoke and wait. A function that fails is an Outcome too, not an exception."""
        function, version, invocation = self._prepare(function_name, qualifier, payload, context)
        tail = ""
        try:
            with self._instance(function, version, invocation) as instance:
                try:
                    answer = b"".join(instance.stream(invocation))
                finally:
                    tail = instance.tail
        except FunctionError as failure:
            return Outcome(invocation.request_id, failure.payload, True, version.name, tail)
        return Outcome(invocation.request_id, answer, False, version.name, tail)

    def stream(
        self, function_name: str, qualifier: str | None, payload: bytes, context: str | None = None
    ) -> Generator[bytes, None, None]:
        """The answer's pieces as they come; FunctionError where the function fails."""
        function, version, invocation = self._prepare(function_name, qualifier, payload, context)
        return self._pieces(function, version, invocation)

    def executed_version(self, function_name: str, qualifier: str | None) -> str:
        return self._catalog.version(function_name, qualifier).name

    def _pieces(
        self, function: Function, version: Version, invocation: Invocation
    ) -> Generator[bytes, None, None]:
        with self._instance(function, version, invocation) as instance:
            yield from instance.stream(invocation)

    @contextmanager
    def _instance(
        self, function: Function, version: Version, invocation: Invocation
    ) -> Iterator[Instance]:
        _, qualifier = reference(invocation.function_arn)
        with (
            self._metrics.invocation(function.name, qualifier),
            self._pools.instance(version, function.reserved_concurrency) as instance,
        ):
            yield instance

    def _prepare(
        self, function_name: str, qualifier: str | None, payload: bytes, context: str | None
    ) -> tuple[Function, Version, Invocation]:
        function = self._catalog.function(function_name)
        _, qualifier = reference(function_name, qualifier)
        version = function.version(_routed(function, qualifier))
        arn = function.qualified_arn(qualifier)
        invocation = Invocation(payload or b"{}", arn, version.timeout_seconds, context)
        return function, version, invocation


def _routed(function: Function, qualifier: str | None) -> str | None:
    """The version a call of an alias goes to, by the weights of its RoutingConfig."""
    alias = function.aliases.get(qualifier or LATEST)
    if alias is None:
        return qualifier
    rest = random.random()
    for number, weight in (
        alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}).items()
    ):
        if (rest := rest - weight) < 0:
            return str(number)
    return str(alias["FunctionVersion"])


def _prelude(pieces: Iterator[bytes]) -> tuple[dict[str, Any], bytes]:
    """The metadata before a streamed HTTP answer, and what came with it of the body."""
    received = b""
    for piece in pieces:
        received += piece
        head, end, body = received.partition(PRELUDE_END)
        if end:
            metadata = _metadata(head)
            return metadata, body
        if len(received) > 1 << 20:
            break
    raise NotStreamedError(
        "the function did not stream an HTTP response: its answer has no prelude"
    )


def _metadata(head: bytes) -> dict[str, Any]:
    try:
        metadata = json.loads(head)
    except ValueError as error:
        raise NotStreamedError(f"the streamed response's prelude is not JSON: {error}") from error
    if not isinstance(metadata, dict):
        raise NotStreamedError("the streamed response's prelude is not a JSON object")
    return metadata
