"""`python -m benchmarks.clients`: what each client, as it is, does with a local cloud's API."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.clients.environments import (
    PYTHON_CLIENTS,
    node_environment,
    node_version,
    python_environment,
    python_version,
)
from benchmarks.measuring import campaign_row, keep_rows
from tests.campaigns.clients.campaign import HERE, PLANTED, Client, caught, program
from tests.campaigns.clients.environment import clients_environment
from tests.e2e.loop_cloud import LoopCloud

PROGRAMS = {
    "openai-2": "openai",
    "openai-3": "openai",
    "langchain-openai": "langchain",
    "litellm": "litellm",
    "lm-eval": "lm_eval",
}
# It asks again by its own rule, whatever an answer's headers say.
HEEDLESS = ("lm-eval",)


def main() -> None:
    every = list(clients())
    with tempfile.TemporaryDirectory() as folder, clients_environment(Path(folder)) as cloud:
        rows = [row for client in every for row in rows_of(client, cloud)]
        found = caught(every[0], cloud, PLANTED)
    for fault in PLANTED:
        print(f"{fault}: {'caught' if fault in found else 'NOT caught'}", flush=True)
    wrong = [row for row in rows if row["wrong"]]
    name = "unmodified clients: each does what it can with the API"
    whole = campaign_row(
        name, len(rows), len(wrong), found == set(PLANTED), planted_faults=len(PLANTED)
    )
    keep_rows("clients", [whole, *rows])


def clients() -> Iterator[Client]:
    for name, package in PYTHON_CLIENTS.items():
        words = program(PROGRAMS[name], python_environment(name))
        heeds = name not in HEEDLESS
        yield Client(package, python_version(name), words, heeds_headers=heeds)
    folder = node_environment()
    node = str(Path(sys.executable).with_name("node"))
    words = [node, str(HERE / "use_openai_node.mjs")]
    yield Client("openai-node", node_version(), words, folder)


def rows_of(client: Client, cloud: LoopCloud) -> list[dict[str, Any]]:
    """A row for each behaviour; `wrong` is empty where it is right."""
    who = f"{client.name}-{client.version.partition('.')[0]}"
    tried = client.try_out(cloud, who)
    for behaviour, wrong in tried.items():
        print(f"{client.name} {client.version}: {behaviour}: {wrong or 'right'}", flush=True)
    return [
        {"client": client.name, "version": client.version, "behaviour": name, "wrong": wrong}
        for name, wrong in tried.items()
    ]


if __name__ == "__main__":
    main()
