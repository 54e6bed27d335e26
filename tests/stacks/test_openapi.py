"""The description of the API and the code say the same."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from lambdas.answer_request import admission
from lambdas.answer_request.own_usage import MEMBERS as USAGE_MEMBERS
from lambdas.list_models.handler import DOCUMENT
from lambdas.record_feedback import feedback_request
from meguru import (
    chat_messages,
    chat_request,
    completion_request,
    embedding_request,
    sampling_request,
    tools,
)
from meguru.comparison import WINNERS
from meguru.cors import EXPOSED
from meguru.ledger_book import Used
from meguru.limits import MAX_ANSWER_CHARACTERS, MAX_ID_CHARACTERS
from meguru.scorecard import Tally
from meguru.topic import MAX_TOPIC_CHARACTERS
from tests.stacks.synthesis import REPOSITORY

if TYPE_CHECKING:
    from tests.stacks.synthesis import Synthesis

# What an answer's path goes through; a container's own statuses stay behind its endpoint.
SOURCES = ("meguru", "lambdas/answer_request", "lambdas/list_models", "lambdas/record_feedback")
STATUS = re.compile(r"(?:ApiError|super\(\).__init__)\(\s*([45]\d\d)\b")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DOCUMENT.read_text())
    return found


def members(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][name]["properties"]
    return found


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (path, method): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def test_the_paths_are_the_template_s(document: dict[str, Any], synthesis: Synthesis) -> None:
    described = {(f"/v1{path}", method.upper()) for path, method in operations(document)}
    resources = {
        one.logical_id: one.properties for one in synthesis.resources("AWS::ApiGateway::Resource")
    }

    def path_of(reference: dict[str, Any]) -> str:
        if "Ref" not in reference:
            return ""
        resource = resources[reference["Ref"]]
        return f"{path_of(resource['ParentId'])}/{resource['PathPart']}"

    methods = (one.properties for one in synthesis.resources("AWS::ApiGateway::Method"))
    templates = {(path_of(one["ResourceId"]), one["HttpMethod"]) for one in methods}
    # What browsers ask before a page's request is no operation of anybody's.
    assert {one for one in templates if one[1] != "OPTIONS"} == described


def test_the_members_of_requests_are_what_is_read(document: dict[str, Any]) -> None:
    known = {
        "ChatRequest": (
            *chat_request.READ,
            *chat_request.NEUTRAL,
            *chat_request.UNSUPPORTED,
            *sampling_request.IGNORED,
        ),
        "CompletionRequest": (
            *completion_request.READ,
            *completion_request.NEUTRAL,
            *sampling_request.IGNORED,
        ),
        "EmbeddingRequest": (*embedding_request.READ, *embedding_request.NEUTRAL),
        "FeedbackRequest": feedback_request.MEMBERS,
        "Used": vars(Used()),
        "Tally": Tally().as_dict(),
    }
    for name, read in known.items():
        assert sorted(members(document, name)) == sorted(read), name
    asked = document["paths"]["/usage"]["get"]["parameters"]
    assert {one["name"] for one in asked} == set(USAGE_MEMBERS)
    said = {
        role
        for one in document["components"]["schemas"]["Message"]["anyOf"]
        for role in one["properties"]["role"]["enum"]
    }
    assert said == set(chat_messages.ROLES)
    for one in document["components"]["schemas"]["Message"]["anyOf"]:
        [role, *_] = one["properties"]["role"]["enum"]
        more = chat_messages.MORE_MEMBERS.get(role, ())
        assert set(one["properties"]) == {*chat_messages.MEMBERS, *more}


def test_the_limits_are_the_code_s(document: dict[str, Any]) -> None:
    chat, text = members(document, "ChatRequest"), members(document, "CompletionRequest")
    feedback = members(document, "FeedbackRequest")
    for sampling in (chat, text):
        assert sampling["n"]["maximum"] == sampling_request.MAX_CHOICES
        assert sampling["frequency_penalty"]["maximum"] == sampling_request.MAX_PENALTY
        assert sampling["presence_penalty"]["minimum"] == -sampling_request.MAX_PENALTY
        assert (
            sampling["logit_bias"]["additionalProperties"]["maximum"] == sampling_request.MAX_BIAS
        )
        assert sampling["stop"]["anyOf"][1]["maxItems"] == sampling_request.MAX_STOPS
        assert set(sampling["stream_options"]["properties"]) == set(sampling_request.STREAM_OPTIONS)
    assert chat["top_logprobs"]["maximum"] == chat_request.MAX_TOP_LOGPROBS
    assert text["logprobs"]["maximum"] == completion_request.MAX_LOGPROBS
    vectors = members(document, "EmbeddingRequest")
    assert vectors["input"]["anyOf"][2]["maxItems"] == embedding_request.MAX_TEXTS
    assert vectors["input"]["anyOf"][1]["items"]["maximum"] == embedding_request.MAX_TOKEN_ID
    assert vectors["dimensions"]["maximum"] == embedding_request.MAX_DIMENSIONS
    assert vectors["encoding_format"]["enum"] == [*embedding_request.FORMATS, None]
    assert vectors["input_type"]["enum"] == [*embedding_request.INPUT_TYPES, None]
    assert chat["tools"]["maxItems"] == tools.MAX_TOOLS
    assert chat["tool_choice"]["anyOf"][0]["enum"] == [*tools.CHOICES, None]
    assert feedback["corrected_output"]["maxLength"] == MAX_ANSWER_CHARACTERS
    assert feedback["inference_id"]["maxLength"] == MAX_ID_CHARACTERS
    assert feedback["preferred_inference_id"]["maxLength"] == MAX_ID_CHARACTERS
    assert feedback["comment"]["maxLength"] == feedback_request.MAX_TEXT
    assert feedback["reasons"] == feedback["tags"]
    assert feedback["tags"]["maxItems"] == feedback_request.MAX_LIST
    assert feedback["rating"]["enum"] == [1, 0, -1, "up", "down", None]
    assert set(feedback["rating"]["enum"]) - {None} == set(feedback_request.RATINGS)
    assert feedback["winner"]["enum"] == [*WINNERS, None]
    assert f"up to {MAX_TOPIC_CHARACTERS} letters" in chat["metadata"]["description"]
    for limit in (admission.MAX_BODY_BYTES, feedback_request.MAX_BODY_BYTES):
        assert f"at most {limit}" in document["info"]["description"]


def test_the_statuses_are_those_that_the_code_has(document: dict[str, Any]) -> None:
    # CDK's process starts with it.
    from stacks.constructs.gateway_responses import REFUSALS

    texts = [path.read_text() for folder in SOURCES for path in (REPOSITORY / folder).glob("*.py")]
    named = {int(one) for text in texts for one in STATUS.findall(text)}
    named |= {refusal.status for refusal in REFUSALS if refusal.status} | {200}
    described = {
        int(status)
        for operation in operations(document).values()
        for status in operation["responses"]
    }
    assert described == named


def test_a_page_may_read_each_header_that_is_described(document: dict[str, Any]) -> None:
    answers = [*document["components"]["responses"].values()]
    answers += [one["responses"]["200"] for one in operations(document).values()]
    assert {name for one in answers for name in one["headers"]} == set(EXPOSED)


def test_every_reference_is_to_something(document: dict[str, Any]) -> None:
    references = set(re.findall(r'"\$ref": "#/components/(\w+)/(\w+)"', DOCUMENT.read_text()))
    kept = {
        (kind, name)
        for kind in ("headers", "responses", "schemas")
        for name in document["components"][kind]
    }
    assert references == kept
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
