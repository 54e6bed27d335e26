"""Request bodies: what is read, what is refused, and under which name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meguru.api_errors import ApiError
from meguru.chat_request import NEUTRAL, READ, UNSUPPORTED, ChatRequest
from meguru.sampling_request import IGNORED, refuse_engine_options

USER = {"role": "user", "content": "締切は?"}
TOOL = {"type": "function", "function": {"name": "closing_day", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "closing_day", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*READ, *NEUTRAL, *IGNORED, *UNSUPPORTED]) | st.text()


def parse(**body: Any) -> ChatRequest:
    return ChatRequest.parse(json.dumps({"messages": [USER], **body}).encode())


def test_text_parts_become_one_text() -> None:
    parts = [{"type": "text", "text": "締切は"}, {"type": "text", "text": "いつ?"}]
    request = parse(messages=[{"role": "user", "content": parts}])
    assert request.messages == [{"role": "user", "content": "締切はいつ?"}]


def test_null_means_not_given() -> None:
    request = parse(temperature=None, stop=None, tools=None, stream=None, max_tokens=None)
    assert request == parse()


def test_newer_name_of_max_tokens_wins() -> None:
    assert parse(max_tokens=5, max_completion_tokens=7).max_tokens == 7


def test_developer_is_system() -> None:
    request = parse(messages=[{"role": "developer", "content": "Be brief."}, USER])
    assert request.messages[0]["role"] == "system"


def test_what_clients_put_beside_an_earlier_answer_is_no_part_of_it() -> None:
    answer = {"role": "assistant", "content": "10日です。"}
    beside: dict[str, Any] = {
        "refusal": None,
        "annotations": [],
        "reasoning": "It is the 10th.",
        "reasoning_content": "",
        "provider_specific_fields": {"refusal": None},
    }
    assert parse(messages=[answer | beside, USER]) == parse(messages=[answer, USER])


def test_neutral_values_of_unsupported_options_are_fine() -> None:
    parse(n=1, frequency_penalty=0.0, presence_penalty=0, logprobs=False, tools=[], user="u")
    parse(response_format={"type": "text"})
    parse(metadata={"team": "a"}, prompt_cache_retention="24h", service_tier="auto")


def test_what_says_nothing_of_the_answer_is_not_passed_on() -> None:
    assert parse(user="u", metadata={"a": "b"}, store=False).body() == {"messages": [USER]}


@pytest.mark.parametrize(
    "members",
    [
        {"temperature": 5e-324, "top_p": 1e-300, "seed": -(2**63), "max_tokens": 10**4000},
        {"model": "m", "stop": ["\u2028", "👨‍👩‍👧", "\u0000", "\u202e"], "temperature": 0},
        {"stream": True, "stream_options": {"include_usage": True}, "seed": 2**63 - 1},
        {"messages": [{"role": "developer", "content": ""}, USER], "stop": "x"},
        {"n": 3, "frequency_penalty": -2, "presence_penalty": 0.5, "logit_bias": {"7": -100}},
        {"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False},
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "closing_day"}}},
        {"messages": [USER, CALLING, {"role": "tool", "content": "5", "tool_call_id": "c1"}]},
    ],
)
def test_what_a_model_server_is_asked_reads_as_the_same_request(members: dict[str, Any]) -> None:
    request = parse(**members)
    assert ChatRequest.parse(json.dumps(request.body()).encode()) == request


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_what_others_than_the_user_said_may_be_empty(role: str) -> None:
    messages = [{"role": role, "content": ""}, USER]
    assert parse(messages=messages).messages == messages


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": "hello"}, "messages"),
        ({"messages": [1]}, "messages[0]"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{**CALLING, "tool_calls": "x"}, USER]}, "messages[0].tool_calls"),
        ({"messages": [{**CALLING, "tool_calls": False}, USER]}, "messages[0].tool_calls"),
        ({"messages": [{**CALLING, "tool_calls": [{}]}, USER]}, "messages[0].tool_calls[0]"),
        (
            {"messages": [{**CALLING, "tool_calls": [{"function": {"name": "f"}}]}, USER]},
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "  "}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["a"]}]}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
        ),
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"model": 7}, "model"),
        ({"model": "\ud800"}, "model"),
        ({"user": "\ud800"}, "user"),
        ({"metadata": {"a": "\udfff"}}, "metadata.a"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"stop": "\ud800"}, "stop"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[0].content[0]",
        ),
        ({"messages": [{**USER, "tool_calls": []}]}, "messages[0].tool_calls"),
        ({"messages": [USER, {"role": "assistant", "content": "x"}]}, "messages[1].role"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": 10**400}, "temperature"),
        ({"temperature": -5e-324}, "temperature"),
        ({"seed": 1.0}, "seed"),
        ({"seed": -(2**63) - 1}, "seed"),
        ({"max_completion_tokens": 1.5}, "max_completion_tokens"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "0"}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"seed": 2**64}, "seed"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": [""]}, "stop"),
        ({"stop": 3}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"what": 1}}, "stream_options"),
        (
            {"stream": True, "stream_options": {"include_usage": "yes"}},
            "stream_options.include_usage",
        ),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"n": True}, "n"),
        ({"tools": {}}, "tools"),
        ({"tools": [TOOL] * 129}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"),
        (
            {"tools": [{"type": "function", "function": {"name": "a", "description": "\ud800"}}]},
            "tools[0].function.description",
        ),
        (
            {
                "tools": [
                    {"type": "function", "function": {"name": "a", "parameters": {"x": "\ud800"}}}
                ]
            },
            "tools[0].function",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "a", "more": 1}}]},
            "tools[0].function.more",
        ),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": "sometimes"}, "tool_choice"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "other"}}},
            "tool_choice",
        ),
        ({"tools": [TOOL], "parallel_tool_calls": 1}, "parallel_tool_calls"),
        ({"parallel_tool_calls": "none"}, "parallel_tool_calls"),
        ({"logit_bias": {"a": 1}}, "logit_bias"),
        ({"logit_bias": {"5": 101}}, "logit_bias.5"),
        ({"logprobs": 1}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": -1}, "top_logprobs"),
        ({"frequency_penalty": 2.5}, "frequency_penalty"),
        ({"presence_penalty": "much"}, "presence_penalty"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": []}, "response_format"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": {"title": "\ud800"}},
                }
            },
            "response_format.json_schema.schema",
        ),
        ({"temprature": 1}, "temprature"),
        ({"user": 7}, "user"),
        ({"metadata": ["a"]}, "metadata"),
        ({"service_tier": {}}, "service_tier"),
    ],
)
def test_wrong_member_is_refused_by_name(body: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse(**body)
    assert caught.value.param == param
    assert caught.value.status == 400
    assert param.split("[")[0].split(".")[0] in caught.value.message


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_the_limit_of_tokens_is_the_context(name: str) -> None:
    assert parse(**{name: 2**40}).max_tokens == 2**40
    with pytest.raises(ApiError, match="at least 1; an answer ends where the model's context"):
        parse(**{name: -1})


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"\xff\xfe", b"\xef\xbb\xbf{}", b"[]", b"null", b'"x"', b"[" * 100_000),
        *(b'{"seed": NaN}', b'{"metadata": 1e999}', b'{"seed": ' + b"9" * 5000 + b"}"),
        '{"model": "締切"}'.encode("cp932"),
    ],
)
def test_broken_json_is_refused(content: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        ChatRequest.parse(content)
    assert caught.value.code in ("invalid_json", "invalid_type")


@pytest.mark.parametrize(
    ("content", "param"),
    [
        (b'{"model": "a", "model": "b"}', "model"),
        (b'{"messages": [{"role": "system", "role": "user"}]}', "role"),
    ],
)
def test_of_a_member_given_twice_neither_counts(content: bytes, param: str) -> None:
    with pytest.raises(ApiError, match="given twice") as caught:
        ChatRequest.parse(content)
    assert caught.value.param == param


@given(name=NAMES, value=ANYTHING)
def test_anything_is_read_or_refused(name: str, value: Any) -> None:
    read_or_refused(json.dumps({"messages": [USER], name: value}).encode())


@given(message=st.dictionaries(st.sampled_from(["role", "content", "name"]), ANYTHING))
def test_any_message_is_read_or_refused(message: dict[str, Any]) -> None:
    read_or_refused(json.dumps({"messages": [{"role": "user", **message}, USER]}).encode())


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    read_or_refused(content)


def read_or_refused(content: bytes) -> None:
    try:
        json.dumps(ChatRequest.parse(content).body(), ensure_ascii=False).encode()
    except ApiError as error:
        assert error.status == 400
        json.dumps(error.body(), ensure_ascii=False).encode()


def test_logprobs_are_asked_for_as_openai_does() -> None:
    messages = [{"role": "user", "content": "a"}]
    for members, expected in (
        ({}, None),
        ({"logprobs": False}, None),
        ({"logprobs": True}, 0),
        ({"logprobs": True, "top_logprobs": 20}, 20),
    ):
        request = ChatRequest.parse(json.dumps({"messages": messages, **members}).encode())
        assert request.top_logprobs == expected
        assert request.body().get("logprobs") == (None if expected is None else True)


def test_a_schema_is_passed_on_as_it_came() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    request = parse(messages=[{"role": "user", "content": "a"}], response_format=wanted)
    assert request.schema == schema
    assert ChatRequest.parse(json.dumps(request.body()).encode()) == request
    assert parse(response_format={"type": "json_object"}).schema == {"type": "object"}
    assert parse(response_format={"type": "text"}).schema is None


@pytest.mark.parametrize(
    ("members", "num_tokens"),
    [
        # 16 for the template and 10 bytes, and what may be answered.
        ({"max_tokens": 5}, 26 + 5),
        ({"max_tokens": 5, "n": 4}, 26 + 4 * 5),
        ({"max_tokens": 190}, 26 + 190),
        ({}, 26 + 100),
        ({"n": 2}, 26 + 2 * 100),
        ({"max_tokens": 10**4000}, 26 + 10**7),
    ],
)
def test_the_most_that_a_request_can_use(members: dict[str, Any], num_tokens: int) -> None:
    assert len("締切は?".encode()) == 10
    assert parse(**members).most_tokens(100) == num_tokens


def test_tools_and_calls_are_counted_as_well() -> None:
    plain = parse(max_tokens=1).most_tokens(10**6)
    assert parse(max_tokens=1, tools=[TOOL]).most_tokens(10**6) > plain + len(json.dumps(TOOL))
    called = parse(max_tokens=1, messages=[CALLING, USER]).most_tokens(10**6)
    assert called > plain + len(json.dumps(CALL))


def test_an_engine_without_options_refuses_them_by_name() -> None:
    refuse_engine_options(parse(n=1, presence_penalty=0, tools=[], logit_bias={}))
    with pytest.raises(ApiError) as refused:
        refuse_engine_options(parse(presence_penalty=1))
    assert (refused.value.param, refused.value.code) == (
        "presence_penalty",
        "unsupported_parameter",
    )


def test_each_text_can_be_changed() -> None:
    request = parse(messages=[{"role": "system", "content": "a"}, USER]).with_texts(lambda _: "x")
    assert [one["content"] for one in request.messages] == ["x", "x"]


def test_who_asks_is_a_person_or_else_a_conversation() -> None:
    later = [USER, {"role": "assistant", "content": "10日"}, {"role": "user", "content": "なぜ?"}]
    assert parse().asker == parse(messages=later).asker != parse(messages=later[2:]).asker
    people = [parse(user="a"), parse(user="a", messages=later), parse(safety_identifier="a")]
    assert {one.asker for one in people} == {"a"}
    assert parse(user="a", safety_identifier="b").asker == "b"


def test_what_is_said_of_a_request_changes_no_answer() -> None:
    request = parse(user="a", metadata={"topic": "経費", "other": "b"})
    assert (request.end_user, request.topic) == ("a", "経費")
    assert request.body() == parse().body()
    assert request.of_model("m").body() == {**request.body(), "model": "m"}
