"""What this API asks of a request beyond its form: a size it can keep, a model it is for."""

from __future__ import annotations

from meguru.api_errors import BodyTooLarge
from meguru.chat_request import ChatRequest
from meguru.json_request import missing

# Each answer is kept with its question, and an item of DynamoDB holds 400 KB.
MAX_BODY_BYTES = 256 * 1024


def admit(content: bytes) -> ChatRequest:
    """The request in `content`; ApiError says why it is refused."""
    if len(content) > MAX_BODY_BYTES:
        raise BodyTooLarge(MAX_BODY_BYTES)
    request = ChatRequest.parse(content)
    if not request.model:
        raise missing("model")
    return request
