"""Forward passes: for every architecture the tokens that transformers' `generate` gives."""

from __future__ import annotations

import logging
import threading
from typing import Any, cast

import pytest
import torch
from transformers import (
    Gemma3TextConfig,
    GenerationConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from inference_containers.text import forward as forward_module
from inference_containers.text.batch import Batch
from inference_containers.text.cache import Cache
from inference_containers.text.decoder import Decoder
from inference_containers.text.forward import Transformers, make_forward
from inference_containers.text.generation import Generation

SIZES: dict[str, Any] = {
    "vocab_size": 99,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": None,
}
GROUPED = {**SIZES, "num_key_value_heads": 2}
SCALED = {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}
DECODED = {
    "llama": LlamaConfig(**SIZES),
    "llama, grouped and tied": LlamaConfig(**GROUPED, tie_word_embeddings=True),
    "llama, biased": LlamaConfig(**GROUPED, attention_bias=True, mlp_bias=True),
    "llama, scaled positions": LlamaConfig(**GROUPED, rope_parameters=SCALED),
    "mistral": MistralConfig(**GROUPED, sliding_window=None, head_dim=16),
    "qwen2": Qwen2Config(**GROUPED),
    "qwen3": Qwen3Config(**GROUPED, head_dim=16),
}
OTHERS = {
    "mistral, sliding": MistralConfig(**GROUPED, sliding_window=8),
    "gemma3": Gemma3TextConfig(**GROUPED, head_dim=16, sliding_window=8),
}
PROMPTS = [[5, 6, 7], list(range(10, 50)), [8], [60, 61, 62, 63, 64, 65, 66], [3, 3, 9]]


class Answer:
    """Takes the likeliest tokens, so many of them."""

    def __init__(self, prompt: list[int], num_tokens: int) -> None:
        self.prompt, self.tokens, self._wanted = prompt, list[int](), num_tokens
        self.cancelled, self.failed = threading.Event(), False

    @property
    def num_tokens(self) -> int:
        return len(self.tokens)

    def accept(self, logits: torch.Tensor, likeliest: int, largest: float) -> int | None:
        self.tokens.append(likeliest)
        return None if len(self.tokens) == self._wanted else likeliest

    def fail(self, message: str = "") -> None:
        self.failed = True


def make(config: PreTrainedConfig) -> PreTrainedModel:
    torch.manual_seed(1)
    made = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    model = cast(PreTrainedModel, made)
    with torch.no_grad():
        # Wide logits: greedy choices don't hang on the last bits of a float.
        for parameter in model.parameters():
            parameter.mul_(8.0 if parameter.dim() == 2 else 1.0)
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    model.train(False)
    return model


def generated(model: PreTrainedModel, prompt: list[int], num_tokens: int) -> list[int]:
    config = GenerationConfig(max_new_tokens=num_tokens, do_sample=False, pad_token_id=0)  # type: ignore[no-untyped-call]
    ids = torch.tensor([prompt])
    output = model.generate(  # type: ignore[operator]
        ids, attention_mask=torch.ones_like(ids), generation_config=config
    )
    return cast(list[int], output[0, len(prompt) :].tolist())


@pytest.mark.parametrize("name", [*DECODED, *OTHERS])
def test_the_tokens_are_those_of_generate(name: str) -> None:
    model = make({**DECODED, **OTHERS}[name])
    forward = make_forward(model)
    assert isinstance(forward, Decoder if name in DECODED else Transformers)
    answers = [Answer(prompt, 12 + 9 * index) for index, prompt in enumerate(PROMPTS)]
    batch = Batch(forward)
    batch.add(cast(list[Generation], answers[:2]))
    for _ in range(5):
        batch.step()
    batch.add(cast(list[Generation], answers[2:]))
    while len(batch):
        batch.step()
    for answer in answers:
        assert answer.tokens == generated(model, answer.prompt, answer.num_tokens)


def test_a_decoder_that_says_something_else_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = make(LlamaConfig(**SIZES))

    class Wrong(Decoder):
        def __call__(self, *given: Any) -> torch.Tensor:
            return super().__call__(*given) * 1.1

    monkeypatch.setattr(forward_module, "Decoder", Wrong)
    with caplog.at_level(logging.WARNING):
        assert isinstance(make_forward(model), Transformers)
    assert "the decoder is off by 0.1 for this model" in caplog.text


def test_rows_that_join_and_leave_keep_what_they_hold() -> None:
    cache = Cache(2, 3, 4, torch.zeros(1))
    held: list[tuple[float, int]] = []
    chance = torch.Generator().manual_seed(0)
    for turn in range(300):
        action = int(torch.randint(4, (1,), generator=chance))
        if action == 0 and len(held) < 9:
            lengths = [1 + int(torch.randint(40, (1,), generator=chance)) for _ in range(2)]
            window = cache.open_new(2, max(lengths))
            for row, length in enumerate(lengths):
                window.block[:, :, row, :, window.end - length : window.end] = turn + row / 2
                held.append((turn + row / 2, length))
            cache.add(lengths)
        elif action == 1 and held:
            row = int(torch.randint(len(held), (1,), generator=chance))
            cache.drop(row)
            held[row] = held[-1]
            held.pop()
        elif held:
            window = cache.open_step()
            for row, (mark, length) in enumerate(held):
                window.block[:, :, row, :, window.written] = mark
                held[row] = (mark, length + 1)
            cache.extend()
        assert cache.lengths == [length for _, length in held]
        if held:
            window = cache.open_step()
            for row, (mark, length) in enumerate(held):
                columns = slice(window.written - length, window.written)
                assert (window.block[:, :, row, :, columns] == mark).all()
            assert window.block.isfinite().all()
