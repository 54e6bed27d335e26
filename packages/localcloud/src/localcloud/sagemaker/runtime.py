"""The sagemaker-runtime service: invoking endpoints."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from typing import Any, ClassVar

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.sagemaker.inference_component import NO_CAPACITY, InferenceComponent
from localcloud.sagemaker.inference_components import InferenceComponents
from localcloud.sagemaker.invocation import Invocation, not_found
from localcloud.sagemaker.invocation_metrics import InvocationMetrics
from localcloud.service import Service

# The limit of the service model's BodyBlob.
_MAX_BODY_BYTES = 6_291_456
_TIMEOUT_SECONDS = 60.0
_MAX_ERROR_CHARACTERS = 4096


class SageMakerRuntimeService(Service):
    """InvokeEndpoint and InvokeEndpointWithResponseStream."""

    service_name: ClassVar[str] = "sagemaker-runtime"

    def __init__(self, account: Account, hosting: InferenceComponents) -> None:
        """`hosting` finds what takes requests, by its name."""
        super().__init__(account)
        self._hosting = hosting
        self.metrics = InvocationMetrics(account)

    def start(self) -> None:
        self.metrics.start()

    def stop(self) -> None:
        self.metrics.stop()

    def invoke_endpoint(self, request: Request, caller: Caller) -> Response:
        started = time.monotonic()
        invocation = self._invoke(request, started)
        try:
            body = invocation.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(request, invocation.fleet.name, started, error) from error
        self._record(request, invocation, started)
        if invocation.status // 100 != 2:
            raise self._model_error(request, invocation.status, body)
        return {**self._answer(invocation), "Body": body}

    def invoke_endpoint_with_response_stream(self, request: Request, caller: Caller) -> Response:
        started = time.monotonic()
        invocation = self._invoke(request, started)
        if invocation.status // 100 != 2:
            body = invocation.read()
            self._record(request, invocation, started)
            raise self._model_error(request, invocation.status, body)
        return {**self._answer(invocation), "Body": self._parts(request, invocation, started)}

    def _parts(
        self, request: Request, invocation: Invocation, started: float
    ) -> Iterator[dict[str, Any]]:
        try:
            for chunk in invocation.chunks():
                yield {"PayloadPart": {"Bytes": chunk}}
        except (OSError, http.client.HTTPException) as error:
            message = f"Your model did not complete sending the inference response: {error}"
            raise ServiceError("ModelStreamError", message, ErrorCode="StreamBroken") from error
        finally:
            # Reached with the first close too, so a caller who leaves frees the container.
            invocation.close()
            self._record(request, invocation, started)

    def _invoke(self, request: Request, started: float) -> Invocation:
        name, component = request["EndpointName"], request.get("InferenceComponentName")
        _check(request)
        endpoint = self._hosting.serving_endpoint(name)
        if endpoint is None:
            raise not_found(name, self.account.id)
        if endpoint.hosts_components:
            endpoint = self._component(request)
        elif component is not None:
            raise ServiceError(
                "ValidationError",
                "Inference Component Name header is not allowed for endpoints to which you dont "
                "plan to deploy inference components. Please remove the Inference Component Name "
                "header and try again.",
            )
        try:
            return Invocation(
                endpoint,
                request,
                _TIMEOUT_SECONDS,
                lambda fleet: self.metrics.watch(name, fleet, component),
            )
        except (OSError, http.client.HTTPException) as error:
            variant = request.get("TargetVariant") or next(iter(endpoint.fleets), "")
            raise self._broken(request, variant, started, error) from error

    def _component(self, request: Request) -> InferenceComponent:
        """The component that is asked; one without a copy is a failure that scaling hears of."""
        name = request.get("InferenceComponentName")
        if name is None:
            raise ServiceError(
                "ValidationError",
                "Inference Component Name header is required for endpoints to which you plan to "
                "deploy inference components.",
            )
        component = self._hosting.serving_component(request["EndpointName"], name)
        if component is None:
            raise ServiceError(
                "ValidationError",
                f"Inference Component {name} of endpoint {request['EndpointName']} not found.",
            )
        if component.fleet is None or component.fleet.current_count == 0:
            self.metrics.no_capacity(name)
            raise ServiceError("ValidationError", NO_CAPACITY)
        return component

    def _record(self, request: Request, invocation: Invocation, started: float) -> None:
        self.metrics.record(
            request["EndpointName"],
            invocation.fleet.name,
            invocation.status,
            time.monotonic() - started,
            invocation.fleet.current_count,
            request.get("InferenceComponentName"),
        )

    def _broken(
        self, request: Request, variant: str, started: float, error: Exception
    ) -> ServiceError:
        """The container died, or answered no HTTP in time."""
        took = time.monotonic() - started
        component = request.get("InferenceComponentName")
        self.metrics.record(request["EndpointName"], variant, 500, took, 1, component)
        said = "Your invocation timed out" if isinstance(error, TimeoutError) else str(error)
        message = f"{said} while waiting for a response from container primary."
        return self._model_error(request, 0 if isinstance(error, TimeoutError) else 500, message)

    def _model_error(self, request: Request, status: int, body: bytes | str) -> ServiceError:
        text = body if isinstance(body, str) else body.decode("utf-8", "replace")
        text = text[:_MAX_ERROR_CHARACTERS]
        component = request.get("InferenceComponentName")
        group = (
            f"/aws/sagemaker/InferenceComponents/{component}"
            if component
            else f"/aws/sagemaker/Endpoints/{request['EndpointName']}"
        )
        kind = "client" if 400 <= status < 500 else "server"
        message = (
            f'Received {kind} error ({status}) from primary with message "{text}". '
            f"See {group} in account {self.account.id} for more information."
        )
        return ServiceError(
            "ModelError",
            message,
            424,
            OriginalStatusCode=status,
            OriginalMessage=text,
            LogStreamArn=f"arn:aws:logs:{self.account.region}:{self.account.id}:log-group:{group}",
        )

    def _answer(self, invocation: Invocation) -> Response:
        answer = {
            "ContentType": invocation.header("Content-Type") or "application/octet-stream",
            "InvokedProductionVariant": invocation.fleet.name,
        }
        attributes = invocation.header("X-Amzn-SageMaker-Custom-Attributes")
        return {**answer, "CustomAttributes": attributes} if attributes else answer


def _check(request: Request) -> None:
    for member in ("TargetModel", "TargetContainerHostname"):
        if member in request:
            raise ServiceError(
                "ValidationError", f"{member} is not carried out by localcloud: leave it out."
            )
    size = len(request.get("Body", b""))
    if size > _MAX_BODY_BYTES:
        raise ServiceError(
            "ValidationError",
            f"The request's body has {size} bytes, more than the limit of {_MAX_BODY_BYTES}.",
            413,
        )
