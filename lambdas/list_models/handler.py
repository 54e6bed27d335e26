"""Lists the models the API serves, as OpenAI's clients ask for them, and describes the API."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import boto3
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response, content_types
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from lambdas.list_models.scorecards import Scorecards
from meguru.alias import Alias, read_aliases
from meguru.api_errors import ApiError, model_not_allowed, unknown_model, unknown_path
from meguru.consumer import Consumer
from meguru.consumer_directory import ConsumerDirectory
from meguru.cors import cors_headers
from meguru.variables import variables

DOCUMENT = Path(__file__).with_name("openapi.json")

app = APIGatewayRestResolver()


@app.get("/v1/models")
def list_models() -> Response[dict[str, Any]]:
    served = [model for name in allowed_names() if (model := serving(name))]
    return _json(200, {"object": "list", "data": served})


@app.get("/v1/models/<name>")
def retrieve_model(name: str) -> Response[dict[str, Any]]:
    # API Gateway hands a path on as it was sent, percent-encoding and all.
    asked = unquote(name)
    allowed = allowed_names()
    if asked not in names():
        raise unknown_model(asked, allowed)
    if asked not in allowed:
        raise model_not_allowed(asked, allowed)
    if (model := serving(asked)) is None:
        raise ApiError(
            404,
            f"The model '{asked}' has no released version yet.",
            code="model_not_found",
            param="model",
        )
    return _json(200, model)


@app.get("/v1/models/<name>/scorecard")
def show_scorecard(name: str) -> Response[dict[str, Any]]:
    asked, consumer = unquote(name), caller()
    known = [model for model in endpoints() if consumer.may_use(model)]
    # What an alias answers with is no secret to whoever may use it.
    given = [one for one in aliases().values() if consumer.may_use(one.name)]
    known += [model for alias in given for model in alias.models]
    if asked not in endpoints():
        raise unknown_model(asked, dict.fromkeys(known))
    if asked not in known:
        raise model_not_allowed(asked, dict.fromkeys(known))
    return _json(200, scorecards().of(asked, consumer.name, frozenset(known)))


@app.get("/v1/openapi.json")
def describe_api() -> Response[dict[str, Any]]:
    caller()
    return _json(200, json.loads(DOCUMENT.read_text()))


@app.not_found
def refuse_path(error: NotFoundError) -> Response[dict[str, Any]]:
    refusal = unknown_path()
    return _json(refusal.status, refusal.body())


@app.exception_handler(ApiError)
def send_error(error: ApiError) -> Response[dict[str, Any]]:
    return _json(error.status, error.body())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)


def names() -> list[str]:
    """What can be asked for: models, and aliases of them."""
    return [*endpoints(), *aliases()]


def allowed_names() -> list[str]:
    """Those that the caller may ask for, whether something of them is released or not."""
    consumer = caller()
    return [name for name in names() if consumer.may_use(name)]


def caller() -> Consumer:
    key_id: str = app.current_event.request_context.identity.api_key_id or ""
    return consumers().of_key(key_id)


def serving(name: str) -> dict[str, Any] | None:
    """OpenAI's model object for a model's released version, None before its first release.

    An alias is there as soon as one of its models is; to compare takes two.
    """
    alias = aliases().get(name)
    models = alias.models if alias else (name,)
    released = [moment for model in models if (moment := released_at(model)) is not None]
    if len(released) < (2 if alias and alias.between else 1):
        return None
    return {"id": name, "object": "model", "created": max(released), "owned_by": "meguru"}


def released_at(model: str) -> int | None:
    """When its version was released that serves, in seconds since 1970."""
    found = release_table().get_item(Key={"endpoint_name": endpoints()[model]})
    moment = found.get("Item", {}).get("released_at")
    return None if moment is None else int(moment)


def _json(status: int, body: dict[str, Any]) -> Response[dict[str, Any]]:
    event = app.current_event
    cors = cors_headers(event.headers.get("origin"), cors_origins())
    return Response(
        status_code=status,
        content_type=content_types.APPLICATION_JSON,
        body=body,
        headers={"x-request-id": event.request_context.request_id or "", **cors},
    )


@cache
def endpoints() -> dict[str, str]:
    """The name of each model's endpoint, by the model's name in the API."""
    named: dict[str, str] = json.loads(variables(__file__)["ENDPOINTS"])
    return named


@cache
def aliases() -> dict[str, Alias]:
    """Other names in the API."""
    return read_aliases(variables(__file__)["ALIASES"])


@cache
def scorecards() -> Scorecards:
    table = boto3.resource("dynamodb").Table(os.environ["VOTE_TABLE"])
    return Scorecards(table)


@cache
def consumers() -> ConsumerDirectory:
    table = boto3.resource("dynamodb").Table(os.environ["CONSUMER_TABLE"])
    return ConsumerDirectory(table)


@cache
def cors_origins() -> list[str]:
    origins: list[str] = json.loads(variables(__file__)["CORS_ORIGINS"])
    return origins


@cache
def release_table() -> Any:
    return boto3.resource("dynamodb").Table(os.environ["RELEASE_TABLE"])
