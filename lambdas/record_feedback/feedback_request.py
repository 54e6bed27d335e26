"""A feedback request as it may be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from meguru.api_errors import ApiError, BodyTooLarge
from meguru.comparison import BOTH_BAD, ID_PREFIX, TIE, WINNERS, Winner
from meguru.json_request import missing, read_object, refusal, text_of, wrong
from meguru.limits import MAX_ANSWER_CHARACTERS, MAX_ID_CHARACTERS, is_blank

MEMBERS = (
    "inference_id",
    "rating",
    "reasons",
    "comment",
    "corrected_output",
    "preferred_inference_id",
    "tags",
    "winner",
)
# Nothing of these is said with a vote on a comparison: it is of both answers.
NOT_WITH_WINNER = ("rating", "corrected_output", "preferred_inference_id")
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
    winner: Winner | None = None

    @property
    def is_of_comparison(self) -> bool:
        return self.inference_id.startswith(ID_PREFIX)


def parse_feedback_request(content: str | None) -> FeedbackRequest:
    body = _object(content)
    unknown = sorted(set(body) - set(MEMBERS))
    if unknown:
        message = f"Unknown member '{{}}'. Feedback has: {', '.join(MEMBERS)}."
        raise refusal(message, unknown[0][:100], "unknown_parameter")
    if not body.get("inference_id"):
        raise missing("inference_id")
    request = FeedbackRequest(
        inference_id=_text(body, "inference_id", MAX_ID_CHARACTERS),
        rating=_rating(body.get("rating")),
        reasons=_texts(body, "reasons"),
        comment=_text(body, "comment").strip(),
        corrected_output=_text(body, "corrected_output", MAX_ANSWER_CHARACTERS).strip(),
        preferred_inference_id=_text(body, "preferred_inference_id", MAX_ID_CHARACTERS),
        tags=_texts(body, "tags"),
        winner=_winner(body),
    )
    if request.is_of_comparison and request.winner is None:
        raise missing("winner")
    if request == FeedbackRequest(inference_id=request.inference_id) and body.get("rating") is None:
        raise ApiError(
            400,
            "Feedback has to say something: a rating, a comment or a corrected_output.",
            code="missing_required_parameter",
        )
    if request.corrected_output and is_blank(request.corrected_output):
        raise refusal("'{}' has no text that can be read.", "corrected_output", "invalid_value")
    if request.preferred_inference_id == request.inference_id:
        message = "'{}' has to be another answer than 'inference_id'."
        raise refusal(message, "preferred_inference_id", "invalid_value")
    return request


def _winner(body: dict[str, Any]) -> Winner | None:
    value = body.get("winner")
    if value is None:
        return None
    # True == 1 in Python, but it is no index.
    if isinstance(value, bool) or not isinstance(value, str | int) or value not in WINNERS:
        raise wrong("winner", f'0, 1, "{TIE}" or "{BOTH_BAD}"', "invalid_value")
    for name in NOT_WITH_WINNER:
        if body.get(name) is not None:
            message = "'{}' is of one answer, and a vote of two: send it with an answer's own id."
            raise refusal(message, name, "invalid_value")
    return value


def _object(content: str | None) -> dict[str, Any]:
    encoded = (content or "").encode("utf-8", "surrogatepass")
    if len(encoded) > MAX_BODY_BYTES:
        raise BodyTooLarge(MAX_BODY_BYTES)
    return read_object(encoded)


def _text(body: dict[str, Any], name: str, limit: int = MAX_TEXT) -> str:
    value = body.get(name)
    if value is None:
        return ""
    wanted = f"text of at most {limit} characters"
    text = text_of(value, name, wanted)
    if len(text) > limit:
        raise wrong(name, wanted, "invalid_value")
    return text


def _texts(body: dict[str, Any], name: str) -> list[str]:
    values = body.get(name)
    if values is None:
        return []
    wanted = f"a list of up to {MAX_LIST} texts of at most {MAX_TEXT} characters"
    if not isinstance(values, list):
        raise wrong(name, wanted)
    texts = [text_of(value, name, wanted) for value in values]
    if len(texts) > MAX_LIST or any(len(text) > MAX_TEXT for text in texts):
        raise wrong(name, wanted, "invalid_value")
    return texts


def _rating(value: object) -> int:
    if value is None:
        return 0
    # True == 1 in Python, but it is no rating.
    if isinstance(value, bool) or not isinstance(value, str | int) or value not in RATINGS:
        raise wrong("rating", '1, 0, -1, "up" or "down"', "invalid_value")
    return RATINGS[value]
