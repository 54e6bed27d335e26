"""What this API asks of a chat request beyond its form: a size it can keep, a model it serves."""

from __future__ import annotations

from collections.abc import Collection

from meguru.api_errors import BodyTooLarge, unknown_model
from meguru.chat_request import ChatRequest
from meguru.json_request import missing

# Each answer is kept with its question, and an item of DynamoDB holds 400 KB.
MAX_BODY_BYTES = 256 * 1024


def admit(content: bytes, models: Collection[str]) -> ChatRequest:
    """The request in `content`, for one of `models`; ApiError says why it is refused."""
    if len(content) > MAX_BODY_BYTES:
        raise BodyTooLarge(MAX_BODY_BYTES)
    request = ChatRequest.parse(content)
    if not request.model:
        raise missing("model")
    if request.model not in models:
        raise unknown_model(request.model, models)
    return request
