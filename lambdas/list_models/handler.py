"""Lists the models the API serves, as OpenAI's clients ask for them."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response, content_types

from meguru.api_errors import ApiError

app = APIGatewayRestResolver()


@app.get("/v1/models")
def list_models() -> dict[str, Any]:
    return {"object": "list", "data": [model for model in [serving_model()] if model]}


@app.get("/v1/models/<name>")
def retrieve_model(name: str) -> dict[str, Any]:
    model = serving_model()
    if model is None or model["id"] != name:
        raise ApiError(
            404, f"The model '{name}' does not exist.", code="model_not_found", param="model"
        )
    return model


@app.exception_handler(ApiError)
def send_error(error: ApiError) -> Response[dict[str, Any]]:
    return Response(
        status_code=error.status, content_type=content_types.APPLICATION_JSON, body=error.body()
    )


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)


def serving_model() -> dict[str, Any] | None:
    """OpenAI's model object for the released model version, None before the first release."""
    release = release_table().get_item(Key={"endpoint_name": os.environ["ENDPOINT_NAME"]})
    released = release.get("Item", {}).get("released_at")
    if released is None:
        return None
    return {
        "id": os.environ["MODEL_NAME"],
        "object": "model",
        "created": int(released),
        "owned_by": "meguru",
    }


@cache
def release_table() -> Any:
    return boto3.resource("dynamodb").Table(os.environ["RELEASE_TABLE"])
