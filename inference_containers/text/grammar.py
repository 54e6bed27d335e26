"""Structured output: at each token only what a JSON schema allows to come next."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import torch
from llguidance import LLMatcher, LLTokenizer
from llguidance.hf import from_tokenizer

from inference_containers.text.load import LoadedModel
from meguru.api_errors import ApiError

# Without it a model that knows nothing better could put blanks between two members for ever.
OPTIONS: Any = {"whitespace_flexible": False}

_compiled: dict[int, tuple[LoadedModel, LLTokenizer]] = {}
_compiling = threading.Lock()


class Grammar:
    """Where one answer is in what its schema allows."""

    def __init__(self, loaded: LoadedModel, schema: Mapping[str, Any]) -> None:
        """ApiError (400) where the schema is none, or has what can't be held to."""
        try:
            grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema), defaults=OPTIONS)
            self._matcher = LLMatcher(_tokenizer(loaded), grammar, log_level=0)
        except ValueError as error:
            raise _refusal(str(error)) from error
        if self._matcher.is_error():
            raise _refusal(self._matcher.get_error())

    @property
    def is_complete(self) -> bool:
        """Nothing more may come."""
        return self._matcher.is_stopped()

    def mask(self, logits: torch.Tensor) -> torch.Tensor:
        """`logits` (vocabulary,) with minus infinity for each token that may not come."""
        octets = torch.frombuffer(bytearray(self._matcher.compute_bitmask()), dtype=torch.uint8)
        bits = octets[:, None] >> torch.arange(8, dtype=torch.uint8) & 1
        allowed = bits.flatten()[: len(logits)].bool().to(logits.device)
        return logits.masked_fill(~allowed, -torch.inf)

    def take(self, token_id: int) -> None:
        """The token that was chosen; ValueError where the schema's limits are exceeded."""
        if not self._matcher.consume_token(token_id):
            raise ValueError(self._matcher.get_error())


def _tokenizer(loaded: LoadedModel) -> LLTokenizer:
    """The vocabulary as the grammar reads it, made once for a model: it takes a moment."""
    with _compiling:
        _, tokenizer = _compiled.get(id(loaded.tokenizer), (None, None))
        if tokenizer is None:
            config: Any = loaded.model.config
            ends = sorted(loaded.end_token_ids)
            tokenizer = from_tokenizer(loaded.tokenizer, config.vocab_size, ends)
            # With the model, so that no other gets its id.
            _compiled[id(loaded.tokenizer)] = (loaded, tokenizer)
        return tokenizer


def _refusal(problem: str) -> ApiError:
    message = f"Answers can't be held to this schema: {problem}"
    return ApiError(400, message, param="response_format", code="invalid_value")
