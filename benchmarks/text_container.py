"""The text container's engine beside transformers' `generate`: one model, the same prompts.

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

import torch
from transformers import GenerationConfig

from benchmarks.measuring import Row, interleaved, keep
from inference_containers.text.engine import Engine
from inference_containers.text.generation import Generation, Piece, encode_prompt
from inference_containers.text.load import LoadedModel, load
from meguru.chat_request import ChatRequest
from meguru.hyperparameters import Hyperparameters
from training.model import make_model, save_model
from training.tokenizer import train_tokenizer

ROUNDS = 5
CONCURRENCY = (1, 8, 32)
SHORTEST, LONGEST = 8, 128
QUESTIONS = [
    "経費精算の締め切りはいつですか?",
    "有給休暇は何日前までに申請すればよいですか?",
    "How do I reset my password?",
    "会議室の予約はどこからできますか?",
]


def main() -> None:
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as folder:
        loaded = make_loaded(Path(folder))
        engine = Engine(loaded)
        engine.start()
        try:
            rows = [row for number in CONCURRENCY for row in measure(engine, number)]
        finally:
            engine.stop()
    keep("text_container", rows)


def make_loaded(folder: Path) -> LoadedModel:
    """A random model of the demo's size that never ends an answer by itself."""
    torch.manual_seed(0)
    settings = Hyperparameters()
    tokenizer = train_tokenizer(QUESTIONS * 50, settings.vocab_size)
    save_model(folder, make_model(tokenizer, settings), tokenizer)
    loaded = load(folder)
    loaded.generation_config.eos_token_id = None
    return LoadedModel(**{**vars(loaded), "end_token_ids": frozenset()})


def measure(engine: Engine, num_requests: int) -> list[Row]:
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
    subjects: dict[str, Callable[[], float]] = {
        "ours": lambda: max(answered(engine, requests)),
        "ours, each": lambda: statistics.mean(answered(engine, requests)),
        "peer": lambda: generated(engine.loaded, requests),
    }
    seconds = interleaved(subjects, ROUNDS)
    peer_name = "transformers 5.19 generate, one static batch"
    return [
        Row(
            f"{num_requests} concurrent requests, tokens/s",
            num_tokens / seconds["ours"],
            num_tokens / seconds["peer"],
            peer_name,
            ">= 1",
        ),
        Row(
            f"{num_requests} concurrent requests, mean seconds to a whole answer",
            seconds["ours, each"],
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
