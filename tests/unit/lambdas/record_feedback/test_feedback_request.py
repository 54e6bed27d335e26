"""Hostile feedback is refused with a 4xx."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.record_feedback.feedback_request import MAX_BODY_BYTES, parse_feedback_request
from meguru.api_errors import ApiError
from meguru.limits import MAX_ANSWER_CHARACTERS


def body(**members: Any) -> str:
    return json.dumps({"inference_id": "chatcmpl-1", "rating": 1} | members)


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        '{"inference_id": ' * 5_000,
        body(inference_id=None),
        body(inference_id=""),
        body(inference_id=5),
        body(inference_id=["chatcmpl-1"]),
        body(inference_id="x" * 2049),
        body(inference_id="\ud800"),
        body(rating=True),
        body(rating=1.0),
        body(rating=5),
        body(rating=10**30),
        body(rating="good"),
        body(rating=[1]),
        body(rating=None),
        body(rating=None, corrected_output=" \n"),
        body(rating=None, comment=" \n"),
        body(reasons=[None]),
        body(comment=5),
        body(comment="\udfff"),
        body(comment="x" * 20_001),
        body(reasons="wrong"),
        body(reasons=[1]),
        body(reasons=["x"] * 21),
        body(tags={"a": 1}),
        body(tags=["\ud800"]),
        body(reasons=["x" * 20_000] * 20),
        body(comment="あ" * 20_000, reasons=["あ" * 2_000]),
        body(corrected_output="x" * 2_001),
        body(corrected_output="\u200b\ufeff"),
        body(unknown=1),
        body(**{"\ud800": 1}),
    ],
)
def test_refused(content: str | None) -> None:
    with pytest.raises(ApiError) as refusal:
        parse_feedback_request(content)
    assert 400 <= refusal.value.status < 500
    assert refusal.value.code
    json.dumps(refusal.value.body(), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("content", "code", "param"),
    [
        ("", "invalid_json", None),
        ("[" * 50_000, "invalid_json", None),
        ('{"rating": NaN}', "invalid_json", None),
        (f'{{"rating": {"9" * 5000}}}', "invalid_json", None),
        ("[]", "invalid_type", None),
        ('{"rating": 1, "rating": -1}', "duplicate_parameter", "rating"),
        ("{}", "missing_required_parameter", "inference_id"),
        (body(rating=None), "missing_required_parameter", None),
        (body(colour=1), "unknown_parameter", "colour"),
        (body(rating=5), "invalid_value", "rating"),
        (body(comment=5), "invalid_type", "comment"),
        (body(comment="x" * 20_001), "invalid_value", "comment"),
        (body(comment="\ud800"), "invalid_value", "comment"),
        (body(reasons="wrong"), "invalid_type", "reasons"),
        (body(reasons=[1]), "invalid_type", "reasons"),
        (body(reasons=["x"] * 21), "invalid_value", "reasons"),
        (body(corrected_output="\u200b"), "invalid_value", "corrected_output"),
        (body(comment="x" * MAX_BODY_BYTES), "request_too_large", None),
    ],
)
def test_a_refusal_has_a_code_as_the_chat_s_has(content: str, code: str, param: str | None) -> None:
    with pytest.raises(ApiError) as refusal:
        parse_feedback_request(content)
    assert (refusal.value.code, refusal.value.param) == (code, param)


@pytest.mark.parametrize(("rating", "number"), [("up", 1), ("down", -1), (1, 1), (-1, -1), (0, 0)])
def test_rating(rating: object, number: int) -> None:
    assert parse_feedback_request(body(rating=rating)).rating == number


def test_largest_text() -> None:
    request = parse_feedback_request(body(corrected_output=" " + "x" * 1_999))
    assert len(request.corrected_output) == 1_999
    assert len(parse_feedback_request(body(comment="x" * 20_000)).comment) == 20_000
    assert MAX_BODY_BYTES < 400 * 1024 - 256 * 1024


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("x" * (MAX_ANSWER_CHARACTERS + 1), "'corrected_output': expected text of at most 2000 "),
        ("\u200b\ufeff", "'corrected_output' has no text that can be read"),
    ],
)
def test_correction_that_curation_would_drop_is_refused(answer: str, said: str) -> None:
    with pytest.raises(ApiError, match=said) as refusal:
        parse_feedback_request(body(corrected_output=answer))
    assert (refusal.value.status, refusal.value.param) == (400, "corrected_output")


@pytest.mark.parametrize("texts", [["x"] * 21, ["x", 1], ["x" * 20_001], "x"])
@pytest.mark.parametrize("name", ["reasons", "tags"])
def test_lists_are_refused_with_their_limits(name: str, texts: object) -> None:
    said = f"'{name}': expected a list of up to 20 texts of at most 20000 characters."
    with pytest.raises(ApiError, match=said) as refusal:
        parse_feedback_request(body(**{name: texts}))
    assert refusal.value.param == name


def test_no_answer_is_preferred_to_itself() -> None:
    with pytest.raises(ApiError, match="another answer than 'inference_id'") as refusal:
        parse_feedback_request(body(preferred_inference_id="chatcmpl-1"))
    assert (refusal.value.status, refusal.value.param) == (400, "preferred_inference_id")


def test_nothing_said() -> None:
    with pytest.raises(ApiError, match="has to say something"):
        parse_feedback_request('{"inference_id": "chatcmpl-1"}')


@pytest.mark.parametrize("winner", [0, 1, "tie", "both_bad"])
def test_a_vote(winner: object) -> None:
    said = {"inference_id": "cmpr-1", "winner": winner, "comment": "clear"}
    request = parse_feedback_request(json.dumps(said))
    assert (request.winner, request.is_of_comparison) == (winner, True)


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"winner": 2}, "winner"),
        ({"winner": True}, "winner"),
        ({"winner": "0"}, "winner"),
        ({"winner": 0.0}, "winner"),
        ({"winner": [0]}, "winner"),
        ({"rating": 1}, "winner"),
        ({"comment": "clear"}, "winner"),
        ({"winner": 0, "rating": 1}, "rating"),
        ({"winner": 0, "corrected_output": "a"}, "corrected_output"),
        ({"winner": 0, "preferred_inference_id": "chatcmpl-1"}, "preferred_inference_id"),
    ],
)
def test_what_is_no_vote_is_refused(said: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_feedback_request(json.dumps({"inference_id": "cmpr-1", **said}))
    assert (refused.value.status, refused.value.param) == (400, param)
