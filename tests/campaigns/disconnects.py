"""Callers who leave a stream at any chunk: what is charged is what was generated, to the token."""

from __future__ import annotations

import json
import random
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import requests

from meguru.ledger import read_book
from meguru.ledger_book import Book, Used
from meguru.ledger_books import consumer_books
from tests.campaigns.isolation import Plant, replace_in_functions
from tests.campaigns.untrained import untrained_cloud
from tests.e2e.loop_cloud import MODEL, NO_STORE, LoopCloud

NUM_CALLERS = 4
# An answer goes on for longer than anybody of these listens.
CONTEXT_TOKENS, MOST_TOKENS, MOST_CHUNKS = 1024, 800, 60
# One in so many leaves before anything was said.
ONE_IN = 10
# The container's log comes to the ledger in batches.
SETTLED_SECONDS = 120
GENERATION = "inference_containers/text/generation.py"
CHOOSES = "def _choose(self, logits: torch.Tensor, likeliest: int) -> int:\n"

# The function that settles what it has seen, as if nothing came after.
PLANTED: dict[str, Plant] = {
    "charges what was heard": (
        "lambdas/answer_request/pipeline.py",
        "if (answer.is_whole or is_refused) and",
        "if",
    ),
}


class Disconnects:
    """Streams of one environment; its model server notes each token in the file `generated`."""

    def __init__(self, cloud: LoopCloud, generated: Path, seed: int) -> None:
        self._cloud, self._generated, self._random = cloud, generated, random.Random(seed)
        self._lock = threading.Lock()
        # The tokens that callers have seen until they left, and how many left before the end.
        self.seen = self.left = 0

    def run(self, num_streams: int) -> list[str]:
        """What is wrong after so many streams, once the ledger has heard of all of them."""
        plans = [self._plan() for _ in range(num_streams)]
        with ThreadPoolExecutor(NUM_CALLERS) as pool:
            list(pool.map(self._listen, *zip(*plans, strict=True)))
        books = self._settled_books()
        used = sum((one for book in books for _, _, one in book.used()), Used())
        generated = self._generated.stat().st_size
        open_ones = sum(len(book.open) for book in books)
        print(f"{self.left} left; seen {self.seen}, generated {generated}, {used}", flush=True)
        return self._faults(used, generated, open_ones)

    def _faults(self, used: Used, generated: int, open_ones: int) -> list[str]:
        faults = [f"{open_ones} reservations stay open"] if open_ones else []
        if used.completion_tokens != generated:
            faults.append(f"{used.completion_tokens} tokens charged, {generated} generated")
        if used.unconfirmed_tokens:
            faults.append(f"{used.unconfirmed_tokens} tokens unconfirmed")
        if used.completion_tokens < self.seen:
            faults.append(f"{used.completion_tokens} tokens charged, {self.seen} seen")
        return faults if self.left else [*faults, "nobody has left before the end"]

    def _plan(self) -> tuple[int, int]:
        """The most tokens of an answer, and after how many chunks its caller leaves."""
        is_early = self._random.randrange(ONE_IN) == 0
        chunks = 0 if is_early else self._random.randint(1, MOST_CHUNKS)
        return self._random.randint(2, MOST_TOKENS), chunks

    def _listen(self, max_tokens: int, num_chunks: int) -> None:
        body = {
            "model": MODEL,
            "messages": [{"role": "user", "content": "締切は?"}],
            "max_tokens": max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True, "continuous_usage_stats": True},
        }
        headers = {"authorization": f"Bearer {self._cloud.account.api_key}", **NO_STORE}
        address = f"{self._cloud.outputs['ApiBase']}/chat/completions"
        seen, is_over = 0, False
        with requests.post(address, json=body, headers=headers, stream=True, timeout=120) as answer:
            assert answer.status_code == 200, answer.text
            for number, line in enumerate(one for one in answer.iter_lines(1) if one):
                if number >= num_chunks:
                    break
                is_over = line == b"data: [DONE]"
                if not is_over:
                    usage = json.loads(line.removeprefix(b"data: ")).get("usage") or {}
                    seen = max(seen, usage.get("completion_tokens") or 0)
        with self._lock:
            self.seen += seen
            self.left += not is_over

    def _settled_books(self) -> Sequence[Book]:
        deadline = time.monotonic() + SETTLED_SECONDS
        while any(book.open for book in self._books()) and time.monotonic() < deadline:
            time.sleep(0.5)
        return self._books()

    def _books(self) -> list[Book]:
        client, table = self._cloud.client("dynamodb"), self._cloud.outputs["LedgerTable"]
        months = {item["month"]["S"] for item in self._cloud.items("Ledger")}
        keys = (key for month in sorted(months) for key in consumer_books(client, table, month))
        return [read_book(client, table, key) for key in keys]


@contextmanager
def disconnects(
    assembly: Path, folder: Path, plant: Plant | None = None, seed: int = 1
) -> Iterator[Disconnects]:
    """An environment of its own, whose model is long in answering."""
    copied = Path(shutil.copytree(assembly, folder / "cdk.out"))
    generated = folder / "generated"
    generated.touch()
    # Apart from what it says in its log: a byte for each token it chooses.
    notes = f"        open({str(generated)!r}, 'ab').write(b'.')\n"
    replace_in_functions(copied, GENERATION, CHOOSES, CHOOSES + notes)
    if plant:
        replace_in_functions(copied, *plant)
    with untrained_cloud(copied, folder, max_position_embeddings=CONTEXT_TOKENS) as cloud:
        yield Disconnects(cloud, generated, seed)
