"""Request validators."""

from __future__ import annotations

import json
from typing import Any

import pytest


def validated(api: Any, schema: dict[str, Any], **parameters: bool) -> None:
    api.gateway.create_model(
        restApiId=api.id, name="Order", contentType="application/json", schema=json.dumps(schema)
    )
    validator = api.gateway.create_request_validator(
        restApiId=api.id, validateRequestBody=True, validateRequestParameters=True
    )
    api.mock(
        "/{kind}",
        "POST",
        requestValidatorId=validator["id"],
        requestModels={"application/json": "Order"},
        requestParameters={
            f"method.request.{k.replace('__', '.')}": v for k, v in parameters.items()
        },
    )
    api.gateway.put_gateway_response(
        restApiId=api.id,
        responseType="BAD_REQUEST_BODY",
        responseTemplates={
            "application/json": '{"error":$context.error.messageString,'
            '"why":"$context.error.validationErrorString"}'
        },
    )
    api.deploy()


ORDER = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{}", '[object has missing required properties (["name"])]'),
        (b"not json", "[the body is not JSON]"),
        (b"[" * 100_000, "[the body is not JSON]"),
        (b"", "[None is not of type 'object']"),
        (b"[]", "[[] is not of type 'object']"),
        (b'{"name":1}', "[/name: 1 is not of type 'string']"),
        (b'{"name":"a","count":0}', "[/count: 0 is less than the minimum of 1]"),
    ],
)
def test_bodies_that_do_not_fit_the_model(api: Any, body: bytes, why: str) -> None:
    validated(api, ORDER)
    answer = api.call("/x", "POST", body=body, headers={"Content-Type": "application/json"})
    assert answer.status == 400
    text = answer.data.decode()
    assert '"error":"Invalid request body"' in text and why in text


def test_a_body_that_fits_passes(api: Any) -> None:
    validated(api, ORDER)
    answer = api.call("/x", "POST", body=b'{"name":"a"}')
    assert answer.status == 200


def test_models_refer_to_each_other(api: Any) -> None:
    api.gateway.create_model(
        restApiId=api.id,
        name="Name",
        contentType="application/json",
        schema='{"type":"string","minLength":2}',
    )
    reference = f"https://apigateway.amazonaws.com/restapis/{api.id}/models/Name"
    validated(api, {"type": "object", "properties": {"name": {"$ref": reference}}})
    assert api.call("/x", "POST", body=b'{"name":"ab"}').status == 200
    assert api.call("/x", "POST", body=b'{"name":"a"}').status == 400


def test_a_content_type_without_a_model_is_unsupported(api: Any) -> None:
    validated(api, ORDER)
    answer = api.call("/x", "POST", body=b"a", headers={"Content-Type": "text/csv"})
    assert answer.status == 415


def test_missing_parameters_are_named(api: Any) -> None:
    validated(api, ORDER, querystring__page=True, header__X_Trace=False, path__kind=True)
    answer = api.call("/x", "POST", body=b'{"name":"a"}')
    message = "Missing required request parameters: [page]"
    assert (answer.status, json.loads(answer.data)) == (400, {"message": message})
    assert api.call("/x?page=1", "POST", body=b'{"name":"a"}').status == 200
