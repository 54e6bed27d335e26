"""moto in process: the services that are the same on one machine as in AWS, held in memory."""

from __future__ import annotations

import importlib
import io
import itertools
import logging
import re
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

import moto.core.utils
from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config
from moto.core.loaders import create_loader
from moto.core.model_instances import reset_model_data
from moto.core.request import Request as WireRequest
from werkzeug.exceptions import HTTPException

from localcloud.calls import ServiceError
from localcloud.credentials import ADMINISTRATOR_ACCESS_KEY_ID
from localcloud.storage.item_calls import is_direct, item_call, json_reply, read_expressions_once
from localcloud.wire import protocol
from localcloud.wire.protocol import CBOR, Call, Reply

# moto's service (also its package's name) -> the first label of its host.
HOSTS = {
    "cloudwatch": "monitoring",
    "dynamodb": "dynamodb",
    "dynamodbstreams": "streams.dynamodb",
    "firehose": "firehose",
    "iam": "iam",
    "kms": "kms",
    "logs": "logs",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
    "sts": "sts",
}
_FORGET_EVERY = 1000
# Headers that the gateway or the server writes.
_OURS = {
    "connection",
    "date",
    "server",
    "status",
    "transfer-encoding",
    "x-amzn-requestid",
}
# What moto raises on a request that it didn't expect: AWS would refuse it as the client's fault.
_BEWILDERED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ExpatError,
    LookupError,
    TypeError,
    ValueError,
)
# One for all models: each loader reads the names of all AWS services first.
_one_loader = cache(create_loader)
logger = logging.getLogger("localcloud")
_ACCESS_KEY = ADMINISTRATOR_ACCESS_KEY_ID
Handler = Callable[[Any, str, Any], Any]


class MotoBackend:
    """Hands requests to moto's handlers, for one account in one region."""

    def __init__(self, account: str, region: str, endpoint_url: str) -> None:
        self._account, self._region, self._endpoint = account, region, endpoint_url
        self._handlers: dict[str, list[tuple[re.Pattern[str], Handler]]] = {}
        self._locks = {name: threading.RLock() for name in HOSTS}
        # A stream must not be read in the midst of a write to its table.
        self._locks["dynamodbstreams"] = self._locks["dynamodb"]
        self._calls = itertools.count(1)

    def start(self) -> None:
        """Empty moto's state, which is one for the whole process, as is its loader of models."""
        moto.core.utils.create_loader = _one_loader  # type: ignore[attr-defined]
        read_expressions_once()
        default_user_config.setdefault("iam", {})["load_aws_managed_policies"] = True
        BackendDict.reset()
        reset_model_data()

    def lock(self, service_name: str) -> AbstractContextManager[Any]:
        """Hold it to change moto's state of a service in several steps."""
        return self._locks[service_name]

    def call(self, service_name: str, call: Call, request: WireRequest) -> Reply:
        """What moto answers to a client's request. ServiceError where it can't carry it out."""
        if call.protocol == CBOR:
            result = self.invoke(service_name, call.operation, call.parameters)
            return protocol.reply(call, result, "")
        if is_direct(service_name, call):
            return self._item_call(call, request)
        return self.forward(service_name, request)

    def _item_call(self, call: Call, request: WireRequest) -> Reply:
        self._count()
        try:
            with self._locks["dynamodb"]:
                return item_call(call, self._account, self._region)
        except HTTPException as error:
            return json_reply(error.code or 400, error.get_body().encode())
        except _BEWILDERED as error:
            raise _bewildered("dynamodb", request, error) from error

    def forward(self, service_name: str, request: WireRequest) -> Reply:
        """What moto answers to an HTTP request as it is."""
        return self._carry_out(service_name, self._rewritten(service_name, request))

    def invoke(
        self, service_name: str, operation: str, parameters: dict[str, Any]
    ) -> dict[str, Any]:
        """Carry out an operation inside of moto alone, as no caller: nothing is authorised.

        For services that extend moto. Raises ServiceError as moto refuses.
        """
        model = protocol.service_model(service_name).operation_model(operation)
        call = Call(model, protocol.moto_protocol(model), parameters)
        wire = self._rewritten(service_name, protocol.write_request(call, self._endpoint))
        reply = self._carry_out(service_name, wire)
        return protocol.read_result(call, reply)

    def _carry_out(self, service_name: str, wire: WireRequest) -> Reply:
        handler = self._handler(service_name, wire)
        self._count()
        try:
            with self._lock(service_name, wire):
                status, headers, body = _answer(handler(wire, wire.raw_url, wire.headers))
        except HTTPException as error:
            status, headers = error.code or 400, dict(error.get_headers())
            body = error.get_body()
        except NotImplementedError as error:
            message = f"localcloud doesn't run this part of {service_name}: {error}"
            raise ServiceError("NotImplemented", message, 501) from error
        except _BEWILDERED as error:
            raise _bewildered(service_name, wire, error) from error
        return Reply(int(status), _plain(headers), _encoded(body))

    def _count(self) -> None:
        if next(self._calls) % _FORGET_EVERY == 0:
            # moto keeps every object it ever made for its dashboard: not needed, never freed.
            reset_model_data()

    def _lock(self, service_name: str, request: WireRequest) -> AbstractContextManager[Any]:
        # Reading an object takes its own lock inside of moto, and may be long.
        if service_name == "s3" and request.method in ("GET", "HEAD"):
            return nullcontext()
        return self._locks[service_name]

    def _rewritten(self, service_name: str, request: WireRequest) -> WireRequest:
        environ = dict(request.environ)
        body = request.get_data(parse_form_data=False)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ.pop("werkzeug.request", None)
        # moto takes the region from here, after the user agent's.
        environ.pop("HTTP_USER_AGENT", None)
        scope = f"{_ACCESS_KEY}/20250101/{self._region}/{service_name}/aws4_request"
        environ["HTTP_AUTHORIZATION"] = (
            f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        )
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self._account
        # moto knows S3's buckets by its host, and makes queue URLs of whichever host it sees.
        is_s3 = service_name == "s3"
        host = f"s3.{self._region}.amazonaws.com" if is_s3 else urlsplit(self._endpoint).netloc
        environ["HTTP_HOST"] = host
        wire = WireRequest(environ)
        # moto takes the body for a form's fields wherever a client calls it a form, objects too.
        wire.get_data(parse_form_data=False)
        return wire

    def _handler(self, service_name: str, request: WireRequest) -> Handler:
        url = f"https://{HOSTS[service_name]}.{self._region}.amazonaws.com{request.raw_path}"
        if service_name not in self._handlers:
            self._handlers[service_name] = _handlers(service_name)
        for pattern, handler in self._handlers[service_name]:
            if pattern.match(url):
                return handler
        message = f"{service_name} has nothing at {request.raw_path}"
        raise ServiceError("UnknownOperationException", message, 404)


def _handlers(service_name: str) -> list[tuple[re.Pattern[str], Handler]]:
    importlib.import_module(f"moto.{service_name}.models")
    urls = importlib.import_module(f"moto.{service_name}.urls")
    return [
        (re.compile(path.format(base)), handler)
        for base in urls.url_bases
        for path, handler in urls.url_paths.items()
    ]


def _bewildered(service_name: str, request: WireRequest, error: Exception) -> ServiceError:
    logger.warning("%s %s: refused", request.method, request.full_path, exc_info=error)
    told = f"{type(error).__name__}: {error}"
    message = f"{service_name} can't make sense of the request ({told}): see localcloud's log"
    is_query = service_name in ("iam", "sns", "sts")
    code = "ValidationError" if is_query else "ValidationException"
    return ServiceError("InvalidRequest" if service_name == "s3" else code, message)


def _answer(response: Any) -> tuple[int, dict[str, Any], Any]:
    """moto's handlers answer with a body, or status, headers and body."""
    if isinstance(response, str | bytes):
        return 200, {}, response
    status, headers, body = response
    return status, headers, body


def _plain(headers: dict[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in headers.items() if name.lower() not in _OURS}


def _encoded(body: Any) -> bytes | Iterable[bytes]:
    if isinstance(body, str):
        return body.encode()
    return body if body is not None else b""
