"""The text container's engine beside transformers' `generate`: three shapes, the same prompts.

Answers are of unlike lengths, as people's are: a static batch waits for its longest.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from benchmarks.measuring import Row, interleaved, keep
from inference_containers.text.engine import Engine
from inference_containers.text.generation import Generation, Piece, encode_prompt
from inference_containers.text.load import LoadedModel, load
from meguru.chat_request import ChatRequest
from training.model import save_model
from training.tokenizer import train_tokenizer

ROUNDS = 3
SHORTEST, LONGEST = 8, 128
QUESTIONS = [
    "経費精算の締め切りはいつですか?",
    "有給休暇は何日前までに申請すればよいですか?",
    "How do I reset my password?",
    "会議室の予約はどこからできますか?",
]


# What transformers' configuration calls each size; the last is SmolLM2-135M's shape.
SHAPES: dict[str, dict[str, Any]] = {
    "3M": {"hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 3}
    | {"num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 4000},
    "20M": {"hidden_size": 384, "intermediate_size": 1024, "num_hidden_layers": 8}
    | {"num_attention_heads": 6, "num_key_value_heads": 6, "vocab_size": 8000},
    "135M": {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30}
    | {"num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 49_152}
    | {"tie_word_embeddings": True},
}
# Requests at once, and how many times as many tokens a second as the peer's are wanted.
CONCURRENCY = {1: 1, 8: 2, 32: 4}


def main() -> None:
    torch.set_num_threads(2)
    rows = []
    for shape in SHAPES:
        with tempfile.TemporaryDirectory() as folder:
            loaded = make_loaded(Path(folder), shape)
        engine = Engine(loaded)
        engine.start()
        try:
            for number, goal in CONCURRENCY.items():
                rows += measure(engine, shape, number, goal)
                keep("text_container", rows)
        finally:
            engine.stop()


def make_loaded(folder: Path, shape: str) -> LoadedModel:
    """A random model that never ends an answer by itself."""
    torch.manual_seed(0)
    tokenizer = train_tokenizer(QUESTIONS * 50, 4000)
    config = LlamaConfig(
        **SHAPES[shape],
        max_position_embeddings=512,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    save_model(folder, LlamaForCausalLM(config), tokenizer)  # type: ignore[no-untyped-call]
    loaded = load(folder)
    loaded.generation_config.eos_token_id = None
    return LoadedModel(**{**vars(loaded), "end_token_ids": frozenset()})


def measure(engine: Engine, shape: str, num_requests: int, goal: int) -> list[Row]:
    chance = random.Random(num_requests)
    requests = [
        ChatRequest(
            messages=[{"role": "user", "content": chance.choice(QUESTIONS)}],
            max_tokens=chance.randint(SHORTEST, LONGEST),
            temperature=0.0,
        )
        for _ in range(num_requests)
    ]
    num_tokens = sum(request.max_tokens or 0 for request in requests)
    each: list[float] = []

    def ours() -> float:
        ended = answered(engine, requests)
        each.append(statistics.mean(ended))
        return max(ended)

    subjects: dict[str, Callable[[], float]] = {
        "ours": ours,
        "peer": lambda: generated(engine.loaded, requests),
    }
    seconds = interleaved(subjects, ROUNDS)
    peer_name = "transformers 5.19 generate, one static batch"
    return [
        Row(
            f"{shape}, {num_requests} concurrent requests, tokens/s",
            num_tokens / seconds["ours"],
            num_tokens / seconds["peer"],
            peer_name,
            f">= {goal}",
        ),
        Row(
            f"{shape}, {num_requests} concurrent requests, mean seconds to a whole answer",
            statistics.median(each),
            seconds["peer"],
            peer_name,
            "<= 1",
        ),
    ]


def answered(engine: Engine, requests: list[ChatRequest]) -> list[float]:
    """Seconds after which each request was answered, all sent at once."""
    started = time.perf_counter()
    ended: list[float] = []
    done = threading.Semaphore(0)

    def deliver(piece: Piece) -> None:
        if piece.is_last:
            assert piece.error is None, piece.error
            ended.append(time.perf_counter() - started)
            done.release()

    for request in requests:
        engine.submit(Generation(engine.loaded, request, deliver))
    for _ in requests:
        done.acquire()
    return ended


@torch.inference_mode()
def generated(loaded: LoadedModel, requests: list[ChatRequest]) -> float:
    """Seconds that one padded batch takes, up to its longest answer."""
    started = time.perf_counter()
    prompts = [encode_prompt(loaded, request) for request in requests]
    longest = max(len(prompt) for prompt in prompts)
    padding = loaded.tokenizer.pad_token_id
    padded = [[padding] * (longest - len(prompt)) + prompt for prompt in prompts]
    mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    loaded.model.generate(  # type: ignore[operator]
        torch.tensor(padded),
        attention_mask=torch.tensor(mask),
        generation_config=GenerationConfig(  # type: ignore[no-untyped-call]
            max_new_tokens=max(request.max_tokens or 0 for request in requests),
            do_sample=False,
            pad_token_id=padding,
        ),
    )
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
