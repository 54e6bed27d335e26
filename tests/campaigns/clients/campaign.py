"""Campaign: clients as they are, are asked to do all they can with the API, each by a program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.synthesis import REPOSITORY
from tests.campaigns.clients import recording_proxy as proxies
from tests.campaigns.clients.environment import place_of
from tests.campaigns.clients.recording_proxy import Exchange, Fault, recording_proxy
from tests.e2e.loop_cloud import LoopCloud

HERE = Path(__file__).parent
TIMEOUT_SECONDS = 240
# What a clock of another process may differ by.
CLOCK_SECONDS = 0.05


@dataclass(frozen=True)
class Client:
    """A client, and the program that uses it: words to execute, and the folder they are run in."""

    name: str
    version: str
    words: Sequence[str]
    folder: Path = REPOSITORY
    # Whether it asks again by what an answer's headers say of it.
    heeds_headers: bool = True

    def try_out(
        self,
        cloud: LoopCloud,
        who: str,
        behaviours: Sequence[str] = (),
        faults: Mapping[str, Fault] | None = None,
    ) -> dict[str, str]:
        """Each behaviour with what was wrong with it: "" is right.

        `faults` spoil what those behaviours are answered. No two trials have the same `who`.
        """
        with recording_proxy(cloud.outputs["ApiBase"], faults or {}) as proxy:
            place = place_of(cloud, who, proxy.base("NAME"))
            wrong = self._run([json.dumps(place), *behaviours])
            if self.heeds_headers:
                for name, judge in RETRIES.items():
                    if name in wrong:
                        wrong[name] = wrong[name] or judge(proxy.of(name))
        return wrong

    def _run(self, arguments: Sequence[str]) -> dict[str, str]:
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "OPENAI_"))}
        done = subprocess.run(
            [*self.words, *arguments],
            cwd=self.folder,
            env=plain,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        lines = [json.loads(one) for one in done.stdout.splitlines() if one.startswith("{")]
        assert lines and done.returncode == 0, done.stderr[-2000:]
        return {one["behaviour"]: one["wrong"] for one in lines}


def this_openai() -> Client:
    """The client of the environment that runs this."""
    from openai import __version__

    return Client("openai", __version__, program("openai", Path(sys.executable)))


def program(name: str, python: Path) -> list[str]:
    """The words that run a client's program with the interpreter of its environment."""
    return [str(python), "-m", f"tests.campaigns.clients.use_{name}"]


def _asked_once(exchanges: Sequence[Exchange]) -> str:
    """Of a quota that is used up it is no use to ask again."""
    return "" if len(exchanges) == 1 else f"asked {len(exchanges)} times"


def _waited(exchanges: Sequence[Exchange], status: int) -> str:
    """It has asked again after each such answer, and not before it was to."""
    refused = [n for n, one in enumerate(exchanges[:-1]) if one.status == status]
    if not refused:
        return f"not asked again after {[one.status for one in exchanges]}"
    for number in refused:
        asked_to = float(exchanges[number].headers.get("retry-after", "nan"))
        waited = exchanges[number + 1].asked_at - exchanges[number].answered_at
        if not waited >= asked_to - CLOCK_SECONDS:
            return f"waited {waited:.2f} s, not {asked_to:.2f}"
    return ""


RETRIES: dict[str, Callable[[Sequence[Exchange]], str]] = {
    "quota_is_not_retried": _asked_once,
    "throttled_is_retried": lambda exchanges: _waited(exchanges, 429),
    "not_ready_is_retried": lambda exchanges: _waited(exchanges, 503),
}

# Each with the behaviour that has to be wrong by it.
PLANTED: dict[str, tuple[Fault, str]] = {
    "x-should-retry is missing": (proxies.without_header("x-should-retry"), "quota_is_not_retried"),
    "retry-after is missing": (proxies.without_header("retry-after"), "throttled_is_retried"),
    "every error is a 500": (proxies.all_errors_are_500, "invalid_request"),
    "a stream has no usage": (proxies.streams_without_usage, "stream_with_usage"),
    "a tool's arguments are cut": (proxies.unfinished_arguments, "tools"),
    "base64 of another vector": (proxies.another_vector, "embeddings"),
}


def caught(client: Client, cloud: LoopCloud, names: Collection[str]) -> set[str]:
    """The planted faults, of those with these names, by which their behaviour is wrong."""
    faults = {PLANTED[name][1]: PLANTED[name][0] for name in names}
    wrong = client.try_out(cloud, "planted", list(faults), faults)
    return {name for name in names if wrong[PLANTED[name][1]]}
