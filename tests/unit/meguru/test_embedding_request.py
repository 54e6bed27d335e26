"""Embedding requests: what clients send is read, what can't be meant is refused by name."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meguru.api_errors import ApiError
from meguru.embedding_request import (
    MAX_TEXT_TOKENS,
    MAX_TEXTS,
    MAX_TOKENS_AROUND,
    EmbeddingRequest,
)


def parse(**body: Any) -> EmbeddingRequest:
    return EmbeddingRequest.parse(json.dumps({"model": "vectors", **body}).encode())


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("経費", ["経費"]),
        (["経費", "旅費"], ["経費", "旅費"]),
        ([5, 6], [[5, 6]]),
        ([[5, 6], [7]], [[5, 6], [7]]),
        (["経費", [7]], ["経費", [7]]),
    ],
)
def test_a_text_or_several_or_token_ids(given: Any, read: list[Any]) -> None:
    assert parse(input=given).input == read


def test_what_it_asks_goes_on_as_it_was() -> None:
    asked = {"input": ["a"], "encoding_format": "base64", "dimensions": 8, "input_type": "query"}
    assert parse(**asked, user="someone").body() == {"model": "vectors", **asked}
    assert parse(input="a", dimensions=None, encoding_format=None).body() == {
        "model": "vectors",
        "input": ["a"],
        "encoding_format": "float",
    }


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "input", "missing_required_parameter"),
        ({"input": ""}, "input", "invalid_value"),
        ({"input": []}, "input", "invalid_value"),
        ({"input": ["a", ""]}, "input[1]", "invalid_value"),
        ({"input": [[]]}, "input[0]", "invalid_value"),
        ({"input": ["a"] * (MAX_TEXTS + 1)}, "input", "invalid_value"),
        ({"input": 5}, "input", "invalid_type"),
        ({"input": {"text": "a"}}, "input", "invalid_type"),
        ({"input": ["a", 5]}, "input[1]", "invalid_type"),
        ({"input": [5, "a"]}, "input", "invalid_type"),
        ({"input": [True]}, "input[0]", "invalid_type"),
        ({"input": [[5, -1]]}, "input[0]", "invalid_type"),
        ({"input": [1.5]}, "input[0]", "invalid_type"),
        ({"input": "\ud800"}, "input", "invalid_value"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format", "invalid_value"),
        ({"input": "a", "encoding_format": ["float"]}, "encoding_format", "invalid_value"),
        ({"input": "a", "dimensions": 0}, "dimensions", "invalid_value"),
        ({"input": "a", "dimensions": "8"}, "dimensions", "invalid_type"),
        ({"input": "a", "input_type": "document"}, "input_type", "invalid_value"),
        ({"input": "a", "stream": True}, "stream", "unsupported_parameter"),
        ({"input": "a", "temperature": 0}, "temperature", "unknown_parameter"),
        ({"input": "a", "model": 5}, "model", "invalid_type"),
    ],
)
def test_what_is_wrong_is_refused_by_name(body: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse(**body)
    assert refused.value.status == 400
    assert (refused.value.param or "temperature", refused.value.code) == (param, code)


@given(st.lists(st.text(min_size=1), min_size=1))
def test_the_bound_is_no_less_than_any_tokenizer_makes(texts: list[str]) -> None:
    bound = parse(input=texts).most_tokens()
    of_characters = sum(len(unicodedata.normalize("NFKD", one)) for one in texts)
    of_bytes = sum(len(unicodedata.normalize("NFKC", one).encode()) for one in texts)
    assert bound >= max(of_characters, of_bytes) + len(texts) * MAX_TOKENS_AROUND


def test_the_bound_is_no_more_than_the_model_reads() -> None:
    long, short = "a" * MAX_TEXT_TOKENS, [1, 2]
    most = MAX_TEXT_TOKENS + len(short) + MAX_TOKENS_AROUND
    assert parse(input=[long, short]).most_tokens() == most


def test_texts_are_changed_and_token_ids_are_none() -> None:
    assert parse(input=["a", [1]]).with_texts(str.upper).input == ["A", [1]]


def test_a_record_has_a_message_for_each() -> None:
    messages = parse(input=["a", [1, 2]]).messages
    assert [one["content"] for one in messages] == ["a", "1 2"]
