"""How API Gateway calls Lambda: as itself on behalf of a method, or as a role."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any, TypeVar

from localcloud.calls import Caller
from localcloud.channels import StreamedResponse
from localcloud.http_api.gateway_responses import GatewayError
from localcloud.wire.protocol import Call, service_model

if TYPE_CHECKING:
    from moto.core.request import Request as WireRequest

    from localcloud.account import Account

T = TypeVar("T")
_FUNCTION_URI = re.compile(
    r"arn:[\w-]+:apigateway:[\w-]+:lambda:path/(?:2015-03-31|2021-11-15)/functions/"
    r"(?P<arn>.+)/(?:invocations|response-streaming-invocations)\Z"
)


def function_arn(uri: str, stage_variables: dict[str, str]) -> str:
    """The function that a Lambda integration's URI names; stage variables are put in."""
    filled = re.sub(r"\$\{stageVariables\.(\w+)\}", lambda m: stage_variables.get(m[1], ""), uri)
    match = _FUNCTION_URI.match(filled)
    if match is None:
        raise GatewayError("API_CONFIGURATION_ERROR", "Internal server error")
    return match["arn"]


class Functions:
    """Invokes functions in process, after the same check that a call over HTTP would pass.

    The data plane is on the way of every request of every API: a signed HTTP call to the cloud's
    own address would cost it more than all the rest.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._threads = ThreadPoolExecutor(max_workers=256, thread_name_prefix="integration")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def invoke(
        self,
        arn: str,
        payload: bytes,
        caller: Caller,
        wire: WireRequest,
        *,
        timeout_seconds: float,
        invocation_type: str = "RequestResponse",
    ) -> tuple[bytes, str | None]:
        """The function's payload, and its FunctionError where it failed.

        Raises ServiceError as Lambda does, and TimeoutError.
        """
        parameters = {"FunctionName": arn, "InvocationType": invocation_type, "Payload": payload}
        self._check("Invoke", parameters, caller, wire)
        functions = self._account.functions
        result = self._within(timeout_seconds, lambda: functions.invoke(parameters, caller))
        return _joined(result.get("Payload", b"")), result.get("FunctionError")

    def stream(
        self,
        arn: str,
        event: dict[str, Any],
        caller: Caller,
        wire: WireRequest,
        timeout_seconds: float,
    ) -> StreamedResponse:
        """The function's answer, once its status and headers are known.

        Raises what `account.functions.invoke_stream` raises, and TimeoutError.
        """
        parameters = {"FunctionName": arn}
        self._check("InvokeWithResponseStream", parameters, caller, wire)
        functions = self._account.functions
        answer: StreamedResponse = self._within(
            timeout_seconds, lambda: functions.invoke_stream(arn, event), on_late=_leave
        )
        return answer

    def _check(
        self, operation: str, parameters: dict[str, Any], caller: Caller, wire: WireRequest
    ) -> None:
        model = service_model("lambda")
        call = Call(model.operation_model(operation), "rest-json", parameters)
        self._account.access.check(caller, call, wire)

    def _within(
        self,
        timeout_seconds: float,
        work: Callable[[], T],
        on_late: Callable[[Future[T]], None] | None = None,
    ) -> T:
        future = self._threads.submit(work)
        try:
            return future.result(timeout_seconds)
        except FutureTimeoutError:
            if on_late is not None:
                future.add_done_callback(on_late)
            raise TimeoutError(f"no answer within {timeout_seconds} s") from None


def _leave(future: Future[Any]) -> None:
    """Nobody waits for this stream any more."""
    if not future.cancelled() and future.exception() is None:
        close = getattr(future.result().chunks, "close", None)
        if close is not None:
            close()


def _joined(payload: Any) -> bytes:
    if isinstance(payload, bytes):
        return payload
    return payload.encode() if isinstance(payload, str) else b"".join(payload)
