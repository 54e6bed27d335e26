"""One answer in the making: its prompt, how its tokens are chosen, and when it ends."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jinja2 import TemplateError
from transformers import PreTrainedTokenizerFast

from inference_containers.text.grammar import Grammar
from inference_containers.text.load import LoadedModel
from inference_containers.text.text_decoder import REPLACEMENT, TextDecoder
from meguru.api_errors import ApiError
from meguru.chat_request import ChatRequest
from meguru.completion_request import CompletionRequest
from meguru.sampling_request import SamplingRequest

# OpenAI's own for what all but can't be: JSON has no infinity.
LOWEST_LOGPROB = -9999.0
NOT_NUMBERS = "the model's predictions are not numbers"
# Lower ones choose the likeliest token just as well, and are too small for float32.
LOWEST_TEMPERATURE = 1e-9
# Mostly the nucleus is among them, and a whole vocabulary need not be sorted.
NUM_LIKELIEST = 256

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class Piece:
    """Some text of an answer; the last piece has a finish reason, or the error that ended it.

    `logprobs` are of the tokens that the text took, where they were asked for: OpenAI's objects.
    """

    text: str = ""
    finish_reason: FinishReason | None = None
    error: str | None = None
    logprobs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_last(self) -> bool:
        return self.finish_reason is not None or self.error is not None


class Sampling:
    """Chooses tokens. Its own generator makes an answer independent of its neighbours."""

    def __init__(self, temperature: float, top_p: float, seed: int | None) -> None:
        self._temperature, self._top_p = temperature, top_p
        self._generator = torch.Generator()
        if seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(seed)

    @property
    def is_greedy(self) -> bool:
        return self._temperature == 0 or self._top_p == 0

    def choose(self, logits: torch.Tensor) -> int:
        """A token of `logits` (vocabulary,): the likeliest at temperature 0, else drawn.

        ValueError where they are not numbers.
        """
        if self.is_greedy:
            return int(logits.argmax())
        relative = logits.float().cpu()
        # Below the largest: no temperature makes an infinity of the largest.
        relative = (relative - relative.max()) / max(self._temperature, LOWEST_TEMPERATURE)
        probabilities = torch.softmax(relative, dim=-1)
        if not probabilities[0].isfinite():
            raise ValueError(NOT_NUMBERS)
        if self._top_p >= 1:
            return int(torch.multinomial(probabilities, 1, generator=self._generator))
        likeliest, token_ids = probabilities.topk(min(NUM_LIKELIEST, len(probabilities)))
        if likeliest.sum() < self._top_p:
            likeliest, token_ids = probabilities.sort(descending=True, stable=True)
        # Nucleus: the fewest tokens whose probabilities reach top_p, so at least one stays.
        likeliest = likeliest.double()
        likeliest[likeliest.cumsum(0) - likeliest >= self._top_p] = 0.0
        return int(token_ids[torch.multinomial(likeliest, 1, generator=self._generator)])


class Generation:
    """A request on its way through the engine. `deliver` is called from the engine's thread."""

    def __init__(
        self,
        loaded: LoadedModel,
        request: ChatRequest | CompletionRequest,
        deliver: Callable[[Piece], None],
    ) -> None:
        self.prompt = encode_prompt(loaded, request)
        room = loaded.context_length - len(self.prompt)
        # A limit beyond the context is no error: the answer ends with finish_reason "length".
        self.max_tokens = min(request.max_tokens or loaded.answer_tokens, room)
        self.num_tokens = 0
        self.cancelled = threading.Event()
        # What was told to be used once the caller has left is all that there will be.
        self._choosing = threading.Lock()
        self._deliver, self._ends = deliver, loaded.end_token_ids
        self._sampling = make_sampling(loaded, request)
        self._grammar = None if request.schema is None else Grammar(loaded, request.schema)
        self._tokenizer, self._top_logprobs = loaded.tokenizer, request.top_logprobs
        self._logprobs: list[dict[str, Any]] = []
        self._decoder = TextDecoder(loaded.tokenizer.backend_tokenizer, request.stop)

    def cancel(self) -> None:
        """The caller has left: no token comes after this."""
        with self._choosing:
            self.cancelled.set()

    def accept(self, logits: torch.Tensor, likeliest: int, largest: float) -> int | None:
        """Choose the next token and deliver its text; None where the answer is over.

        `likeliest` is the token with the largest of `logits` (vocabulary,). ValueError where they
        are not numbers.
        """
        if math.isnan(largest):
            raise ValueError(NOT_NUMBERS)
        with self._choosing:
            if self.cancelled.is_set():
                return None
            token_id = self._choose(logits, likeliest)
            self.num_tokens += 1
        if token_id in self._ends:
            self._say(self._decoder.finish(), "stop")
            return None
        if self._top_logprobs is not None:
            self._logprobs.append(scored(self._tokenizer, logits, token_id, self._top_logprobs))
        text = self._decoder.add(token_id)
        if self._decoder.stopped:
            self._say(text, "stop")
            return None
        if self._grammar is not None and self._grammar.is_complete:
            self._say(text + self._decoder.finish(), "stop")
            return None
        if self.num_tokens >= self.max_tokens:
            self._say(text + self._decoder.finish(), "length")
            return None
        if text:
            self._say(text)
        return token_id

    def _choose(self, logits: torch.Tensor, likeliest: int) -> int:
        if self._grammar is not None:
            token_id = self._sampling.choose(self._grammar.mask(logits))
            self._grammar.take(token_id)
            return token_id
        return likeliest if self._sampling.is_greedy else self._sampling.choose(logits)

    def _say(self, text: str, finish_reason: FinishReason | None = None) -> None:
        logprobs, self._logprobs = self._logprobs, []
        self._deliver(Piece(text, finish_reason, logprobs=logprobs))

    def begin(self) -> None:
        """Say that it has left the queue: the first piece, without text."""
        self._deliver(Piece())

    def fail(self, message: str = "The server had an error while answering. Try again.") -> None:
        self._deliver(Piece(error=message))


def scored(
    tokenizer: PreTrainedTokenizerFast, logits: torch.Tensor, token_id: int, num_top: int
) -> dict[str, Any]:
    """A token with its log probability and the likeliest in its place, in OpenAI's shape.

    As the model sees them: before temperature and nucleus.
    """
    logprobs = torch.log_softmax(logits.float(), dim=-1)

    def one(token_id: int, logprob: float) -> dict[str, Any]:
        text = str(tokenizer.decode([token_id]))
        # A token may be half a character, and then has no bytes that could be told from here.
        octets = None if REPLACEMENT in text else list(text.encode())
        return {"token": text, "logprob": max(logprob, LOWEST_LOGPROB), "bytes": octets}

    values, token_ids = (part.tolist() for part in logprobs.topk(min(num_top, len(logprobs))))
    top = [one(*pair) for pair in zip(token_ids, values, strict=True)]
    return {**one(token_id, float(logprobs[token_id])), "top_logprobs": top}


def make_sampling(loaded: LoadedModel, request: SamplingRequest) -> Sampling:
    """The request's settings; what it leaves open is as the model's generation config says."""
    config = loaded.generation_config
    own_temperature = (config.temperature or 1.0) if config.do_sample else 0.0
    temperature = own_temperature if request.temperature is None else request.temperature
    top_p = (config.top_p or 1.0) if request.top_p is None else request.top_p
    return Sampling(temperature, top_p, request.seed)


def encode_prompt(loaded: LoadedModel, request: ChatRequest | CompletionRequest) -> list[int]:
    """What the model reads; ApiError where it can't, or it doesn't fit."""
    name = "messages" if isinstance(request, ChatRequest) else "prompt"
    try:
        prompt = (
            loaded.encoder.encode_prompt(request.messages)
            if isinstance(request, ChatRequest)
            else [*loaded.text_start, *loaded.encoder.encode_text(request.prompt)]
        )
    except (ValueError, TemplateError) as error:
        # A template may refuse an order of roles, or a role.
        message = f"This model can't read this '{name}': {error}"
        raise ApiError(400, message, param=name, code="invalid_value") from error
    if len(prompt) >= loaded.context_length:
        raise ApiError(
            400,
            f"This model's maximum context length is {loaded.context_length} tokens. However, "
            f"your {name} resulted in {len(prompt)} tokens. Please reduce the length.",
            param=name,
            code="context_length_exceeded",
        )
    return prompt
