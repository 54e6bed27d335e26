"""What the endpoint refuses, in the API's terms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.answer_chat.endpoint import TextEndpoint
from meguru.api_errors import ApiError, NotServing, Overloaded


def refusal(make_chat: Any, code: str, **more: Any) -> ApiError:
    error = ClientError({"Error": {"Code": code, "Message": "x"}, **more}, "InvokeEndpoint")
    runtime = make_chat(error=error)[1]
    endpoint = TextEndpoint(runtime, "text")
    with pytest.raises(ApiError) as whole:
        endpoint.complete({})
    with pytest.raises(ApiError) as streamed, endpoint.stream({}):
        pass
    assert whole.value.body() == streamed.value.body()
    return whole.value


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_model_refuses_the_request(make_chat: Any, status: int) -> None:
    said = {"error": {"message": "too long", "code": "context_length", "param": "messages"}}
    error = refusal(
        make_chat, "ModelError", OriginalStatusCode=status, OriginalMessage=json.dumps(said)
    )
    assert (error.status, error.message) == (status, "too long")
    assert (error.code, error.param) == ("context_length", "messages")


@pytest.mark.parametrize("said", ["", "<html>", "[]", "{}", '{"error": "text"}', "null"])
def test_model_refuses_in_words_of_its_own(make_chat: Any, said: str) -> None:
    error = refusal(make_chat, "ModelError", OriginalStatusCode=400, OriginalMessage=said)
    assert (error.status, error.code) == (400, "model_error")


@pytest.mark.parametrize("more", [{"OriginalStatusCode": 500}, {"OriginalStatusCode": 302}, {}])
def test_model_fails(make_chat: Any, more: dict[str, int]) -> None:
    assert refusal(make_chat, "ModelError", **more).status == 502


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("ModelError", {"OriginalStatusCode": 503}),
        ("ValidationError", {}),
        ("ValidationException", {}),
        ("ServiceUnavailable", {}),
        ("ModelNotReadyException", {}),
    ],
)
def test_not_serving(make_chat: Any, code: str, more: dict[str, int]) -> None:
    assert isinstance(refusal(make_chat, code, **more), NotServing)


def test_busy_is_not_the_same_as_not_there(make_chat: Any) -> None:
    said = {"error": {"message": "Too many requests are waiting.", "code": "overloaded"}}
    error = refusal(
        make_chat, "ModelError", OriginalStatusCode=503, OriginalMessage=json.dumps(said)
    )
    assert isinstance(error, Overloaded)
    assert error.retry_after_seconds == 1


def test_other_errors_are_ours(make_chat: Any) -> None:
    error = ClientError({"Error": {"Code": "AccessDeniedException"}}, "InvokeEndpoint")
    with pytest.raises(ClientError):
        TextEndpoint(make_chat(error=error)[1], "text").complete({})
