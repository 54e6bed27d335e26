"""A request's way through the container: its texts to token ids, the vectors to an answer."""

from __future__ import annotations

import base64
from typing import Any

from inference_containers.embedding.encoder import Vectors, shorten
from inference_containers.embedding.load import LoadedEncoder
from meguru.embedding_request import EmbeddingRequest
from meguru.json_request import refusal, wrong

# InvokeEndpoint's own limit for real-time payloads, with room for the rest of the answer.
MAX_VECTOR_BYTES = 6 * 1024 * 1024 - 65_536
# The most characters that a number takes, with its comma or its share of the base64.
BYTES_A_NUMBER = {"float": 17, "base64": 16 / 3}
BYTES_AROUND_A_VECTOR = 70


def read(loaded: LoadedEncoder, body: bytes) -> tuple[EmbeddingRequest, list[list[int]]]:
    """The request in `body`, and the token ids of its texts; ApiError says what is wrong."""
    request = EmbeddingRequest.parse(body)
    return request, read_texts(loaded, request)


def read_texts(loaded: LoadedEncoder, request: EmbeddingRequest) -> list[list[int]]:
    """The token ids of each text with what stands around it; ApiError (400) names what is wrong."""
    _check_dimensions(loaded, request)
    _check_size(loaded, request)
    prompt = loaded.settings.prompts.get(request.input_type or "", "")
    texts = [prompt + one for one in request.input if isinstance(one, str)]
    encodings = iter(loaded.tokenizer.encode_batch(texts))
    before = loaded.tokenizer.encode(prompt, add_special_tokens=False).ids if prompt else []
    found = []
    for index, one in enumerate(request.input):
        name = f"input[{index}]" if len(request.input) > 1 else "input"
        ids = next(encodings).ids if isinstance(one, str) else _wrap(loaded, one, before, name)
        if len(ids) > (limit := loaded.settings.max_tokens):
            message = (
                f"'{{}}' has {len(ids)} tokens, and this model reads at most {limit} of a text."
            )
            raise refusal(message, name, "context_length_exceeded")
        found.append(ids)
    return found


def answer(
    loaded: LoadedEncoder, request: EmbeddingRequest, vectors: Vectors, num_tokens: int
) -> dict[str, Any]:
    """OpenAI's list of embeddings."""
    if request.dimensions and request.dimensions < vectors.shape[1]:
        vectors = shorten(vectors, request.dimensions)
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _sent(vector, request)}
            for index, vector in enumerate(vectors)
        ],
        "model": request.model or loaded.name,
        "usage": {"prompt_tokens": num_tokens, "total_tokens": num_tokens},
    }


def _sent(vector: Vectors, request: EmbeddingRequest) -> str | list[float]:
    if request.encoding_format == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    # Nine digits are all that a number of 32 bits has.
    return [float(f"{number:.9g}") for number in vector.tolist()]


def _wrap(loaded: LoadedEncoder, ids: list[int], before: list[int], name: str) -> list[int]:
    """Token ids between those of the model's own, unless they have come with them."""
    if max(ids) >= loaded.vocab_size:
        wanted = f"token ids below {loaded.vocab_size}, of this model's own tokenizer"
        raise wrong(name, wanted, "invalid_value")
    start, end = loaded.around
    is_whole = (
        bool(start or end) and ids[: len(start)] == start and ids[len(ids) - len(end) :] == end
    )
    own = ids[len(start) : len(ids) - len(end)] if is_whole else ids
    return [*start, *before, *own, *end]


def _check_dimensions(loaded: LoadedEncoder, request: EmbeddingRequest) -> None:
    own, asked = loaded.settings.dimensions, request.dimensions
    if asked is None or asked == own:
        return
    if asked > own or not loaded.settings.can_shorten:
        wanted = f"{own}, as many as this model's vectors have"
        if loaded.settings.can_shorten:
            wanted = f"at most {wanted}"
        raise wrong("dimensions", wanted, "invalid_value")


def _check_size(loaded: LoadedEncoder, request: EmbeddingRequest) -> None:
    """What can't be given back is not begun."""
    numbers = request.dimensions or loaded.settings.dimensions
    of_one = numbers * BYTES_A_NUMBER[request.encoding_format] + BYTES_AROUND_A_VECTOR
    most = int(MAX_VECTOR_BYTES // of_one)
    if len(request.input) > most:
        message = f"'{{}}' has too many texts for one answer: at most {most} in this format."
        raise refusal(message, "input", "invalid_value")
