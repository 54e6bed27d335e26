"""Requests of OpenAI's older form: a text that the model goes on with."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meguru.api_errors import ApiError
from meguru.completion_request import CompletionRequest


def parse(**body: Any) -> CompletionRequest:
    return CompletionRequest.parse(json.dumps({"prompt": "締切は", **body}).encode())


def test_a_prompt_alone_is_gone_on_with_for_as_long_as_openai_does() -> None:
    request = parse()
    assert (request.prompt, request.max_tokens) == ("締切は", 16)
    assert parse(prompt=["締切は"]) == request


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"echo": True, "logprobs": 0, "n": 2, "stop": "。", "max_tokens": 3},
        {"stream": True, "stream_options": {"include_usage": True}, "seed": 1, "temperature": 0},
    ],
)
def test_what_a_model_server_is_asked_reads_as_the_same_request(members: dict[str, Any]) -> None:
    request = parse(**members)
    assert CompletionRequest.parse(json.dumps(request.body()).encode()) == request


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": "\ud800"}, "prompt"),
        ({"logprobs": 6}, "logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"echo": 1}, "echo"),
        ({"best_of": 2}, "best_of"),
        ({"suffix": "x"}, "suffix"),
        ({"messages": []}, "messages"),
    ],
)
def test_wrong_member_is_refused_by_name(body: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse(**body)
    assert (caught.value.status, caught.value.param) == (400, param)


@given(st.sampled_from(["prompt", "n", "echo", "logit_bias", "stop"]), st.text() | st.integers())
def test_anything_is_read_or_refused(name: str, value: Any) -> None:
    try:
        json.dumps(parse(**{name: value}).body(), ensure_ascii=False).encode()
    except ApiError as error:
        assert error.status == 400


def test_the_most_that_it_can_use() -> None:
    assert parse(max_tokens=5, n=2).most_tokens(1000) == 16 + 9 + 2 * 5


def test_its_text_can_be_changed() -> None:
    assert parse().with_texts(str.upper).prompt == "締切は"
    assert parse(prompt="a").with_texts(str.upper).messages == [{"role": "user", "content": "A"}]


def test_who_asks_is_a_person_or_else_the_text() -> None:
    assert parse().asker == "締切は"
    assert parse(user="a").asker == "a"
