"""A feedback request as it may be."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from meguru.api_errors import ApiError
from meguru.limits import MAX_ANSWER_CHARACTERS, MAX_ID_CHARACTERS, is_blank

MEMBERS = (
    "inference_id",
    "rating",
    "reasons",
    "comment",
    "corrected_output",
    "preferred_inference_id",
    "tags",
)
RATINGS = {"up": 1, "down": -1, 1: 1, -1: -1, 0: 0}
# Feedback is kept with its question and answer, and an item of DynamoDB holds 400 KB.
MAX_BODY_BYTES = 64 * 1024
MAX_TEXT = 20_000
MAX_LIST = 20


@dataclass(frozen=True)
class FeedbackRequest:
    """A body of `/v1/feedback` that has been checked."""

    inference_id: str
    rating: int = 0
    reasons: list[str] = field(default_factory=list)
    comment: str = ""
    corrected_output: str = ""
    preferred_inference_id: str = ""
    tags: list[str] = field(default_factory=list)


def parse_feedback_request(content: str | None) -> FeedbackRequest:
    body = _object(content)
    unknown = sorted(set(body) - set(MEMBERS))
    if unknown:
        raise ApiError(
            400,
            f"Unknown member '{unknown[0][:100]}'. Feedback has: {', '.join(MEMBERS)}.",
            param=unknown[0][:100],
        )
    if not body.get("inference_id"):
        raise ApiError(400, "'inference_id' is required.", param="inference_id")
    request = FeedbackRequest(
        inference_id=_text(body, "inference_id", MAX_ID_CHARACTERS),
        rating=_rating(body.get("rating")),
        reasons=_texts(body, "reasons"),
        comment=_text(body, "comment").strip(),
        corrected_output=_text(body, "corrected_output", MAX_ANSWER_CHARACTERS).strip(),
        preferred_inference_id=_text(body, "preferred_inference_id", MAX_ID_CHARACTERS),
        tags=_texts(body, "tags"),
    )
    if request == FeedbackRequest(inference_id=request.inference_id) and body.get("rating") is None:
        raise ApiError(
            400, "Feedback has to say something: a rating, a comment or a corrected_output."
        )
    if request.corrected_output and is_blank(request.corrected_output):
        raise ApiError(
            400, "'corrected_output' has no text that can be read.", param="corrected_output"
        )
    if request.preferred_inference_id == request.inference_id:
        raise ApiError(
            400,
            "'preferred_inference_id' has to be another answer than 'inference_id'.",
            param="preferred_inference_id",
        )
    return request


def _object(content: str | None) -> dict[str, Any]:
    if content and len(content.encode("utf-8", "surrogatepass")) > MAX_BODY_BYTES:
        raise ApiError(413, f"The request body is larger than {MAX_BODY_BYTES} bytes.")
    try:
        body = json.loads(content or "")
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"The request body is not valid JSON: {error}") from error
    if not isinstance(body, dict):
        raise ApiError(400, "The request body has to be a JSON object.")
    return body


def _text(body: dict[str, Any], name: str, limit: int = MAX_TEXT) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > limit:
        raise ApiError(400, f"'{name}' has to be text of at most {limit} characters.", param=name)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ApiError(400, f"'{name}' is not valid Unicode text.", param=name) from error
    return value


def _texts(body: dict[str, Any], name: str) -> list[str]:
    values = body.get(name)
    if values is None:
        return []
    if (
        not isinstance(values, list)
        or len(values) > MAX_LIST
        or not all(isinstance(value, str) and len(value) <= MAX_TEXT for value in values)
    ):
        raise ApiError(
            400,
            f"'{name}' has to be a list of up to {MAX_LIST} texts of at most {MAX_TEXT} "
            "characters.",
            param=name,
        )
    return [_text({name: value}, name) for value in values]


def _rating(value: object) -> int:
    if value is None:
        return 0
    # True == 1 in Python, but it is no rating.
    if isinstance(value, bool) or not isinstance(value, str | int) or value not in RATINGS:
        raise ApiError(400, '\'rating\' has to be 1, 0, -1, "up" or "down".', param="rating")
    return RATINGS[value]
