"""The one address: takes each request to its service, as the caller that signed it."""

from __future__ import annotations

import errno
import logging
import uuid
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import Any

from botocore import xform_name
from moto.core.request import Request as WireRequest
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from localcloud.calls import Caller, ServiceError
from localcloud.control import Controls
from localcloud.iam.access import Access
from localcloud.iam.inventory import MotoInventory
from localcloud.service import Service
from localcloud.storage.moto_backend import HOSTS, MotoBackend
from localcloud.wire import protocol
from localcloud.wire.compression import decompressed
from localcloud.wire.errors import error_reply
from localcloud.wire.form_upload import is_form_upload, read_form_upload
from localcloud.wire.protocol import Call, Reply
from localcloud.wire.routing import (
    Destination,
    guess_protocol,
    is_execute_api,
    is_function_url,
    name_bucket_in_path,
    route,
)
from localcloud.wire.signature import Signature, read_signature
from localcloud.wire.validation import validate

# The machine's trouble and no fault of ours: it needs no traceback.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
logger = logging.getLogger("localcloud")


class Gateway:
    """A WSGI application that answers for every service of a cloud."""

    def __init__(
        self,
        access: Access,
        moto: MotoBackend,
        inventory: MotoInventory,
        services: Sequence[Service],
        controls: Controls,
    ) -> None:
        """`services`, of which several may answer for one AWS service: the first come first."""
        self._access, self._moto_backend, self._inventory = access, moto, inventory
        self._services, self._controls = services, controls
        self._by_name: dict[str, tuple[Service, ...]] = {}
        for service in services:
            same = self._by_name.get(service.service_name, ())
            self._by_name[service.service_name] = (*same, service)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        name_bucket_in_path(environ, self._inventory.has_bucket)
        request = WireRequest(environ)
        response = self._respond(request)
        return response(environ, start_response)

    def _respond(self, request: WireRequest) -> Response:
        if request.path.startswith("/_localcloud/"):
            return self._controls.respond(request)
        if is_execute_api(request) or is_function_url(request):
            return self._front(request)
        return _response(self._aws(request), request.method)

    def _front(self, request: WireRequest) -> Response:
        for service in self._services:
            response = service.front(request)
            if response is not None:
                return response
        return Response("nothing that this cloud runs answers here", 404)

    def _aws(self, request: WireRequest) -> Reply:
        request_id = str(uuid.uuid4())
        destination = Destination(None, guess_protocol(request))
        try:
            _read_body(request)
            upload = None
            if is_form_upload(request):
                destination = Destination(None, "rest-xml")
                upload = read_form_upload(request)
                request = upload.request
            signature = read_signature(request)
            destination = route(request, signature)
            reply = self._carry_out(request, signature, destination, request_id)
            return upload.answer(reply) if upload else reply
        except ServiceError as refusal:
            error = refusal
        except Exception as fault:  # A service's bug must reach the client as an answer.
            full = _full_disk(fault)
            if full is None:
                logger.exception("%s %s failed", request.method, request.full_path)
            error = ServiceError("InternalFailure", full or "localcloud failed: see its log", 500)
        return error_reply(error, destination.model, destination.protocol, request_id)

    def _carry_out(
        self,
        request: WireRequest,
        signature: Signature | None,
        destination: Destination,
        request_id: str,
    ) -> Reply:
        model = destination.model
        if model is None:
            raise _unsigned()
        if model.service_name == "s3" and request.method == "OPTIONS":
            # A browser asks whether it may ask: nobody signs that.
            return self._moto_backend.forward("s3", request)
        request = decompressed(model, request)
        call = protocol.parse(model, destination.protocol, request)
        caller = self._caller(signature, call)
        validate(call)
        self._access.check(caller, call, request)
        for service in self._by_name.get(str(model.service_name), ()):
            method = getattr(service, xform_name(call.operation), None)
            if method is not None:
                result = method(call.parameters, caller)
                return protocol.reply(call, result or {}, request_id)
        return self._moto(request, call, caller, request_id)

    def _caller(self, signature: Signature | None, call: Call) -> Caller:
        if signature is None:
            if call.model.auth_type == "none":
                return Caller.administrator()
            if call.model.service_model.service_name == "s3":
                return Caller.anonymous()  # A bucket's policy may let everyone in.
            raise _unsigned()
        return self._access.caller(signature)

    def _moto(self, request: WireRequest, call: Call, caller: Caller, request_id: str) -> Reply:
        name = str(call.model.service_model.service_name)
        services = self._by_name.get(name, ())
        if name not in HOSTS or not all(service.extends_moto for service in services):
            message = f"localcloud doesn't run {name} {call.operation}"
            raise ServiceError("NotImplemented", message, 501)
        # What was looked at before still holds when moto writes.
        writes = request.method not in ("GET", "HEAD")
        with self._moto_backend.lock(name) if writes else nullcontext():
            for service in services:
                service.before(call.operation, call.parameters, caller)
            reply = self._moto_backend.call(name, call, request)
        reply.headers["x-amzn-RequestId"] = request_id
        if writes:
            self._notify(services, call, caller, reply)
        return reply

    def _notify(
        self, services: tuple[Service, ...], call: Call, caller: Caller, reply: Reply
    ) -> None:
        listeners = [s for s in services if _hears(s, call.operation)]
        # Who is answered with a stream of events has asked, and changed nothing.
        if not listeners or reply.status >= 300 or call.model.has_event_stream_output:
            return
        result = protocol.read_result(call, reply)
        for service in listeners:
            service.after(call.operation, call.parameters, result, caller)


def _hears(service: Service, operation: str) -> bool:
    is_listener = type(service).after is not Service.after
    return is_listener and (service.follows is None or operation in service.follows)


def _read_body(request: WireRequest) -> None:
    """Read it as it is before werkzeug takes a form apart: moto reads it once more."""
    try:
        body = request.get_data(parse_form_data=False)
    except (HTTPException, ValueError) as error:  # cut short, or its chunks aren't HTTP's
        message = f"The request's body can't be read: {error}"
        raise ServiceError("IncompleteBody", message) from error
    if len(body) < (request.content_length or 0):
        # The client has left: what came of it must not pass for the whole.
        message = "You did not provide the number of bytes specified by the Content-Length"
        raise ServiceError("IncompleteBody", message)


def _full_disk(fault: Exception) -> str | None:
    """What to tell where the disk takes no more; None where that isn't the fault."""
    if not isinstance(fault, OSError) or fault.errno not in _NO_ROOM:
        return None
    where = f" ({fault.filename})" if fault.filename else ""
    return f"{fault.strerror}{where}: free some space and start again"


def _unsigned() -> ServiceError:
    message = "Request is missing Authentication Token"
    return ServiceError("MissingAuthenticationToken", message, 403)


def _response(reply: Reply, method: str) -> Response:
    if method == "HEAD":
        response = Response(None, reply.status, reply.headers)
        response.headers.setdefault("Content-Length", "0")
        return response
    response = Response(reply.body, reply.status, reply.headers)
    if isinstance(reply.body, bytes):
        response.content_length = len(reply.body)
    return response
