"""Request validators: required parameters, and bodies against the API's models."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import jsonschema
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource, Unresolvable
from referencing.jsonschema import DRAFT4

from localcloud.http_api.exchange import Exchange
from localcloud.http_api.gateway_responses import GatewayError
from localcloud.http_api.state import Record, Records


def validate(exchange: Exchange) -> None:
    """Check the request as the method's validator says.

    Raises BAD_REQUEST_PARAMETERS, then BAD_REQUEST_BODY.
    """
    method = exchange.matched.method
    validator = exchange.snapshot.validators.get(method.get("requestValidatorId", ""))
    if validator is None:
        return
    if validator["validateRequestParameters"]:
        _check_parameters(exchange, method)
    if validator["validateRequestBody"]:
        _check_body(exchange, method)


def _check_parameters(exchange: Exchange, method: Record) -> None:
    required = [name for name, needed in (method.get("requestParameters") or {}).items() if needed]
    missing = [name.rsplit(".", 1)[-1] for name in required if not exchange.parameter(name)]
    if missing:
        message = f"Missing required request parameters: [{', '.join(missing)}]"
        raise GatewayError("BAD_REQUEST_PARAMETERS", message, validation=message)


def _check_body(exchange: Exchange, method: Record) -> None:
    models = method.get("requestModels") or {}
    if not models:
        return
    content_type = (exchange.header("Content-Type") or "application/json").split(";")[0].strip()
    name = models.get(content_type) or models.get("$default")
    if name is None:
        raise GatewayError("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type")
    model = exchange.snapshot.models[name]
    try:
        body = json.loads(exchange.text_body) if exchange.body else None
    except (ValueError, RecursionError):
        raise _bad_body("[the body is not JSON]") from None
    if body is None and exchange.body == b"" and model.get("name") == "Empty":
        return
    problems = _problems(model, exchange.snapshot.models, body)
    if problems:
        raise _bad_body("[" + ", ".join(problems) + "]")


def _bad_body(validation: str) -> GatewayError:
    return GatewayError("BAD_REQUEST_BODY", "Invalid request body", validation=validation)


def _problems(model: Record, models: Records, body: Any) -> list[str]:
    schemas = tuple(sorted((m["name"], m.get("schema") or "{}") for m in models.values()))
    try:
        errors = _validator(model.get("schema") or "{}", schemas).iter_errors(body)
        return [_problem(error) for error in errors]
    except (Unresolvable, jsonschema.SchemaError, RecursionError):
        raise GatewayError("API_CONFIGURATION_ERROR", "Internal server error") from None


def _problem(error: jsonschema.ValidationError) -> str:
    if error.validator == "required" and isinstance(error.instance, dict):
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"object has missing required properties ({json.dumps(missing)})"
    where = "/" + "/".join(str(part) for part in error.absolute_path)
    return f"{where}: {error.message[:200]}" if error.absolute_path else error.message[:200]


@lru_cache(maxsize=128)
def _validator(schema: str, schemas: tuple[tuple[str, str], ...]) -> jsonschema.Draft4Validator:
    """Draft 4, as API Gateway's models are; a `$ref` may name another model of the API."""

    def retrieve(uri: str) -> Resource[Any]:
        # https://apigateway.amazonaws.com/restapis/{api}/models/{name}
        text = dict(schemas).get(uri.rsplit("/models/", 1)[-1])
        if text is None or "/models/" not in uri:
            raise NoSuchResource(uri)
        return DRAFT4.create_resource(json.loads(text))

    # referencing's own types say less than they mean here.
    registry: Any = Registry(retrieve=retrieve)  # type: ignore[call-arg]
    return jsonschema.Draft4Validator(json.loads(schema), registry=registry)
