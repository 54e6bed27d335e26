"""Our gateway beside LiteLLM's proxy, all policies on; and the same call through `make up`.

What counts is the gateways' own processor time: neither their stores' nor the model's. The model
server answers at once, or after 20 ms. `python -m benchmarks.gateway PART…` measures some parts
alone: `start`, `at-once`, `after-20-ms`, `up`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.measuring import RESULTS, Row, keep_rows
from benchmarks.proxies.cold_start import cold_start_rows
from benchmarks.proxies.litellm_proxy import litellm_proxy
from benchmarks.proxies.load import Figures, Subject
from benchmarks.proxies.our_gateway import our_gateway
from benchmarks.proxies.policy_path import policy_path_row
from benchmarks.proxies.through_up import up_rows

PEER = "LiteLLM 1.106.11"
NUM_WARM_UP, NUM_TURNS = 16, 5
# In a turn: a processor is told of in hundredths of a second.
NUM_REQUESTS = {"model": 48, "ours": 96, "peer": 24}
# One at a time, as Lambda gives a process its requests; and at once, as a container has them.
CALLERS = {"one at a time": 1, "8 at once": 8}
FORMS = {"JSON": False, "SSE": True}


def main(parts: list[str]) -> None:
    for part in parts:
        with tempfile.TemporaryDirectory() as folder:
            rows = list(PARTS[part](Path(folder)))
        keep_beside_others([row.as_dict() for row in rows])


def start_rows(folder: Path) -> Iterator[Row]:
    yield from cold_start_rows(folder)
    yield policy_path_row()


def proxy_rows(folder: Path, milliseconds: int) -> Iterator[Row]:
    with ExitStack() as stack:
        model = stack.enter_context(model_server(milliseconds))
        subjects = {
            "model": Subject(model, {}, "m"),
            "ours": stack.enter_context(our_gateway(folder / "ours", model)),
            "peer": stack.enter_context(litellm_proxy(folder / "peer", model)),
        }
        for form, streams in FORMS.items():
            for how, callers in CALLERS.items():
                found = measured(subjects, callers, streams=streams)
                yield from rows_of(f"{form}, model {milliseconds} ms, {how}", found)


def measured(subjects: dict[str, Subject], callers: int, *, streams: bool) -> dict[str, Figures]:
    """Each subject's figures, in turn so that all meet the same weather."""
    figures = {name: Figures() for name in subjects}
    for subject in subjects.values():
        subject.ask(NUM_WARM_UP // callers + 1, callers, streams=streams)
    for _ in range(NUM_TURNS):
        for name, subject in subjects.items():
            turn = subject.ask(NUM_REQUESTS[name] // callers, callers, streams=streams)
            figures[name].times += turn.times
            figures[name].seconds += turn.seconds
    return figures


def rows_of(what: str, found: dict[str, Figures]) -> Iterator[Row]:
    ours, peer, model = found["ours"], found["peer"], found["model"]
    rates = ours.requests_per_second, peer.requests_per_second
    yield Row(f"{what}: requests per processor second", *rates, PEER, ">= 20")
    for percent, goal in ((50, None), (99, "<= 0.3333")):
        ours_ms, peer_ms, model_ms = (one.percentile(percent) for one in (ours, peer, model))
        added = ours_ms - model_ms, peer_ms - model_ms
        yield Row(f"{what}: added p{percent}, ms", *added, PEER, goal)


@contextmanager
def model_server(milliseconds: int) -> Iterator[int]:
    """The port of a model that takes so long."""
    command = [sys.executable, "-m", "benchmarks.proxies.model_server", str(milliseconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def keep_beside_others(rows: list[dict[str, object]]) -> None:
    """What was not measured now stays as it was."""
    path = RESULTS / "gateway.json"
    earlier = json.loads(path.read_text())["rows"] if path.exists() else []
    anew = {row["what"] for row in rows}
    keep_rows("gateway", [*(row for row in earlier if row["what"] not in anew), *rows])


PARTS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "start": start_rows,
    "at-once": lambda folder: proxy_rows(folder, 0),
    "after-20-ms": lambda folder: proxy_rows(folder, 20),
    "up": up_rows,
}

if __name__ == "__main__":
    main(sys.argv[1:] or list(PARTS))
