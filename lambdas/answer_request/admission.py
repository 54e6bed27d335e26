"""What this API asks of a request beyond its form: a path, a size it can keep, and a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from meguru.api_errors import BodyTooLarge, unknown_path
from meguru.chat_request import ChatRequest
from meguru.completion_request import CompletionRequest
from meguru.embedding_request import EmbeddingRequest
from meguru.json_request import missing
from meguru.request import Request

# Each answer is kept with its question, and an item of DynamoDB holds 400 KB.
MAX_BODY_BYTES = 256 * 1024
KINDS: Mapping[str, Callable[[bytes], Request]] = {
    "/v1/chat/completions": ChatRequest.parse,
    "/v1/completions": CompletionRequest.parse,
    "/v1/embeddings": EmbeddingRequest.parse,
}


def admit(path: str, content: bytes) -> Request:
    """The request in `content`; ApiError says why it is refused."""
    if path not in KINDS:
        raise unknown_path()
    if len(content) > MAX_BODY_BYTES:
        raise BodyTooLarge(MAX_BODY_BYTES)
    request = KINDS[path](content)
    if not request.model:
        raise missing("model")
    return request
