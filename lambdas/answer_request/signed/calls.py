"""A call to an AWS service: signed, sent, tried again where that helps, and its error.

Errors are botocore's own, so that whoever calls can't tell these clients from boto3's, which take
a third of a second to be imported and ten times as long for a call.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
)

from lambdas.answer_request.signed.connection import ConnectError, Host, HttpResponse
from lambdas.answer_request.signed.signature import Credentials, Signer

# As AWS's SDKs have them in their standard mode.
THROTTLED = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "ThrottlingException",
    "TransactionInProgressException",
}
TROUBLED_STATUSES = {500, 502, 503, 504}
LONGEST_PAUSE_SECONDS = 1.0
FIRST_PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class Patience:
    """For how many seconds a call waits, and how often it is tried in all."""

    connect_timeout: float = 5.0
    read_timeout: float = 10.0
    attempts: int = 5


@dataclass(frozen=True)
class Place:
    """Where AWS is for this process, and as whom it calls, as Lambda tells it in variables."""

    environment: Mapping[str, str]

    @property
    def region(self) -> str:
        names = ("AWS_REGION", "AWS_DEFAULT_REGION")
        found = next(filter(None, map(self.environment.get, names)), None)
        if found is None:
            raise NoRegionError
        return found

    def credentials(self) -> Credentials:
        try:
            return Credentials(
                self.environment["AWS_ACCESS_KEY_ID"],
                self.environment["AWS_SECRET_ACCESS_KEY"],
                self.environment.get("AWS_SESSION_TOKEN", ""),
            )
        except KeyError:
            raise NoCredentialsError from None

    def url(self, service: str, host: str) -> str:
        """A service's address: AWS's own, unless a variable has another, as SDKs know them."""
        own = f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}"
        given = self.environment.get(own) or self.environment.get("AWS_ENDPOINT_URL")
        domain = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        return given or f"https://{host}.{self.region}.{domain}"


class SignedCalls:
    """POST requests to one service, which has a name of its own in hosts and in signatures."""

    def __init__(
        self,
        service: str,
        host: str,
        signing_name: str,
        patience: Patience,
        place: Place | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._place = place or Place(os.environ)
        self._url = self._place.url(service, host)
        self._host = Host(self._url, patience.connect_timeout, patience.read_timeout)
        self._signer = Signer(signing_name, self._place.region)
        self._attempts, self._sleep = patience.attempts, sleep

    def send(
        self, operation: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> HttpResponse:
        """A successful response, its body not yet read.

        ClientError where the service refuses, another BotoCoreError where it doesn't answer.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._try(operation, path, headers, body)
            except (EndpointConnectionError, ConnectionClosedError, ReadTimeoutError):
                if attempt >= self._attempts:
                    raise
            except ClientError as error:
                if attempt >= self._attempts or not _passes(error):
                    raise
            pause = min(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
            self._sleep(random.uniform(0, pause))

    def _try(
        self, operation: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> HttpResponse:
        signed = self._signer.headers(
            self._place.credentials(), path, {"host": self._host.name, **headers}, body
        )
        try:
            response = self._host.post(path, signed, body)
            if response.status < 300:
                return response
            content = response.read()
        except ConnectError as error:
            raise EndpointConnectionError(endpoint_url=self._url, error=error) from error
        except TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=self._url, error=error) from error
        except OSError as error:
            raise ConnectionClosedError(endpoint_url=self._url, error=error) from error
        raise client_error(operation, response, content)

    def read(self, response: HttpResponse) -> bytes:
        """The whole body; a BotoCoreError where it breaks off."""
        try:
            return response.read()
        except TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=self._url, error=error) from error
        except OSError as error:
            raise ConnectionClosedError(endpoint_url=self._url, error=error) from error


def client_error(operation: str, response: HttpResponse, content: bytes) -> ClientError:
    """What a service said in place of an answer, with all that it said beside it."""
    try:
        said = json.loads(content)
    except ValueError:
        said = {}
    said = said if isinstance(said, dict) else {}
    code = response.headers.get("x-amzn-errortype") or said.get("__type") or str(response.status)
    code = code.partition(":")[0].rpartition("#")[2]
    message = said.get("message") or said.get("Message") or ""
    metadata = {"HTTPStatusCode": response.status, "HTTPHeaders": dict(response.headers)}
    rest: Any = {name: value for name, value in said.items() if name != "__type"}
    error = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}
    return ClientError({**rest, **error}, operation)


def _passes(error: ClientError) -> bool:
    """Whether it may be over when it is asked again."""
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return error.response["Error"]["Code"] in THROTTLED or status in TROUBLED_STATUSES
