"""More than a model can answer: what it takes in is answered in time, and the rest is told when.

Its capacity is that of an engine whose step takes a while: a busy machine measures the same.
"""

from __future__ import annotations

import http.client
import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from localcloud.check import Assembly

from tests.campaigns.isolation import Plant, replace_in_functions
from tests.campaigns.untrained import untrained_cloud
from tests.e2e.loop_cloud import MODEL, NO_STORE, LoopCloud

# One answer at a time, of two steps (the first token comes with the prompt): they come evenly.
STEP_SECONDS, NUM_TOKENS, BATCH_SIZE, NUM_QUEUED = 0.25, 3, 1, 6
# Who has no answer by then has left. What is taken in is answered in half of it.
PATIENCE_SECONDS = 8.0
TIMES, GOODPUT, RECOVERY_SECONDS = 3, 0.9, 5.0
# More can't be: then the peak was measured too low, and three times of it is no overload.
MOST_SHARE = 1.15
# Over which answers are counted: one more or less is within what may be lost.
WINDOW_SECONDS = 6.0
ENGINE = "inference_containers/text/engine.py"
TURN = "    def _take_turn(self) -> None:\n"
# What a refusal for lack of room is, and says: when to come again.
SHED = (429, 503)

PLANTED: dict[str, Plant] = {
    "takes everybody in": (
        "inference_containers/serving/engine_thread.py",
        "if num_waiting >= most:",
        "if num_waiting >= 10**6:",
    ),
}


@dataclass(frozen=True)
class Asked:
    """One request: when it was made and over, and how; status 0: its caller has left."""

    begun: float
    ended: float
    status: int
    has_retry_after: bool = False


@dataclass
class Load:
    """Callers of one environment, and what became of their requests."""

    cloud: LoopCloud
    outage: Path
    asked: list[Asked] = field(default_factory=list)

    def ask(self) -> Asked:
        url = urlsplit(self.cloud.outputs["ApiBase"])
        body = {
            "model": MODEL,
            "messages": [{"role": "user", "content": "締切は?"}],
            "max_tokens": NUM_TOKENS,
            "temperature": 0,
        }
        key = {"authorization": f"Bearer {self.cloud.account.api_key}"}
        connection = http.client.HTTPConnection(url.netloc, timeout=PATIENCE_SECONDS)
        begun, status, has_retry_after = time.monotonic(), 0, False
        try:
            connection.request(
                "POST", f"{url.path}/chat/completions", json.dumps(body), {**key, **NO_STORE}
            )
            answer = connection.getresponse()
            answer.read()
            status, has_retry_after = answer.status, bool(answer.headers["retry-after"])
        except TimeoutError:
            # This caller has waited for long enough.
            status = 0
        finally:
            connection.close()
        done = Asked(begun, time.monotonic(), status, has_retry_after)
        self.asked.append(done)
        return done

    def capacity(self, seconds: float) -> float:
        """Answers a second to as many callers as are taken in, each asking again at once.

        The best there was: of a machine that is busy with something else the model knows nothing.
        """
        self.closed_loop(BATCH_SIZE + NUM_QUEUED, seconds)
        begins = range(int(seconds - WINDOW_SECONDS) + 1)
        return max(self._goodput(self.asked, one, one + WINDOW_SECONDS) for one in begins)

    def closed_loop(self, num_callers: int, seconds: float) -> None:
        """So many callers ask again and again; who is told to wait waits for a second."""
        self.asked = []
        self._started = time.monotonic()
        end = self._started + seconds

        def call() -> None:
            while time.monotonic() < end:
                if self.ask().status in SHED:
                    time.sleep(1)

        self._at_once([threading.Thread(target=call) for _ in range(num_callers)])

    def open_loop(self, rate: float, seconds: float) -> None:
        """So many requests a second, whatever becomes of those before."""
        self.asked = []
        self._started = time.monotonic()
        number = round(rate * seconds)
        with ThreadPoolExecutor(round(rate * PATIENCE_SECONDS) + 8) as pool:
            for place in range(number):
                time.sleep(max(0.0, self._started + place / rate - time.monotonic()))
                pool.submit(self.ask)

    def overload(self, peak: float, seconds: float) -> tuple[float, list[str]]:
        """The share of the peak that is answered at three times as much, and what is wrong."""
        self.open_loop(TIMES * peak, seconds)
        share = self._goodput(self.asked, seconds / 6, seconds) / peak
        faults = self._faults()
        if share < GOODPUT:
            faults.append(f"{share:.0%} of the peak are answered")
        if share > MOST_SHARE:
            faults.append(f"{share:.0%} of what was taken for the peak: the machine was too busy")
        return share, faults

    def storm(self, peak: float, outage_seconds: float) -> tuple[float, list[str]]:
        """After how many seconds of an outage's end the peak is back, while all ask at once."""
        before, after = 4.0, RECOVERY_SECONDS + 2 * WINDOW_SECONDS
        whole = before + outage_seconds + after
        callers = TIMES * (BATCH_SIZE + NUM_QUEUED)
        calling = threading.Thread(target=self.closed_loop, args=[callers, whole])
        calling.start()
        time.sleep(before)
        self.outage.touch()
        time.sleep(outage_seconds)
        self.outage.unlink()
        ended = time.monotonic() - self._started
        calling.join()
        steps = [number / 4 for number in range(int(4 * (after - WINDOW_SECONDS)) + 1)]
        back = [
            step
            for step in steps
            if self._goodput(self.asked, ended + step, ended + step + WINDOW_SECONDS)
            >= GOODPUT * peak
        ]
        recovery = back[0] if back else float("inf")
        faults = self._faults()
        if recovery >= RECOVERY_SECONDS:
            faults.append(f"the peak is back after {recovery} s")
        return recovery, faults

    def _faults(self) -> list[str]:
        statuses = Counter(one.status for one in self.asked)
        print(dict(statuses), flush=True)
        other = {status for status in statuses if status not in (0, 200, *SHED)}
        faults = [f"{statuses[status]} answers of {status}" for status in sorted(other)]
        silent = [one for one in self.asked if one.status in SHED and not one.has_retry_after]
        return [*faults, *([f"{len(silent)} refusals don't say when"] if silent else [])]

    def _goodput(self, asked: Sequence[Asked], begin: float, end: float) -> float:
        """Answers a second between two moments after the start."""
        ended = [one.ended - self._started for one in asked if one.status == 200]
        return sum(begin <= moment < end for moment in ended) / (end - begin)

    @staticmethod
    def _at_once(threads: Sequence[threading.Thread]) -> None:
        for one in threads:
            one.start()
        for one in threads:
            one.join()


@contextmanager
def overloaded(assembly: Path, folder: Path, plant: Plant | None = None) -> Iterator[Load]:
    """An environment of its own, whose engine takes its time and stops while there is a file."""
    copied = Path(shutil.copytree(assembly, folder / "cdk.out"))
    outage = folder / "outage"
    slow = (
        f"        import pathlib, time\n        time.sleep({STEP_SECONDS})\n"
        f"        while pathlib.Path({str(outage)!r}).exists():\n            time.sleep(0.05)\n"
    )
    replace_in_functions(copied, ENGINE, TURN, TURN + slow)
    if plant:
        replace_in_functions(copied, *plant)
    _make_small(copied)
    with untrained_cloud(copied, folder) as cloud:
        yield Load(cloud, outage)


def _make_small(assembly: Path) -> None:
    """Its containers take in few requests: so few callers are too many."""
    sizes = f"ENV MAX_BATCH_SIZE={BATCH_SIZE} MAX_QUEUED_REQUESTS={NUM_QUEUED}\nENTRYPOINT"
    for image in Assembly.load(assembly).images.values():
        dockerfile = image.directory / image.docker_file
        if (image.directory / "inference_containers" / "text").is_dir():
            dockerfile.write_text(dockerfile.read_text().replace("ENTRYPOINT", sizes))
