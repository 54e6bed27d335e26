"""Campaign: bursts, repeats, deletions and kills; each model is trained once on what there is."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.loop_cloud import loop_cloud
from tests.e2e.quick_loop import QuickLoop, with_quick_jobs

ACTIONS = ("put", "put", "junk", "delete", "correct", "correct", "replay", "kill", "pause")
NUM_PEOPLE, NUM_ACTIONS = 3, 4
Plant = Callable[[Path], None]


@dataclass
class Bursts:
    """Trials on one running environment."""

    loop: QuickLoop
    seed: int = 0

    def trial(self, number: int) -> list[str]:
        """Several people and machines act at once; what did not hold, in sentences."""
        chance = random.Random(f"{self.seed}-{number}")
        before = self.loop.counts()
        plans = [[chance.choice(ACTIONS) for _ in range(NUM_ACTIONS)] for _ in range(NUM_PEOPLE)]
        with ThreadPoolExecutor(NUM_PEOPLE) as pool:
            kills = sum(
                pool.map(
                    lambda one: self._follow(f"{number}/{one}", plans[one], chance.random()),
                    range(NUM_PEOPLE),
                )
            )
        self.loop.settle()
        if kills:
            # What was stopped waits for somebody who asks; the clock takes up what curation has
            # left, and a person asks for the trainings.
            self.loop.cloud.account.advance_clock(3600)
            self.loop.settle()
            self.loop.curate()
            self.loop.settle()
        return self.loop.faults() + self._too_many(before, kills)

    def burst(self) -> list[str]:
        """Five documents, as five batches; what did not hold."""
        before = self.loop.counts()
        for number in range(5):
            self.loop.put(f"burst-{time.monotonic_ns()}/{number}.jsonl")
            time.sleep(0.5)
        self.loop.settle()
        return self.loop.faults() + self._too_many(before, 0)

    def change_during_curation(self) -> list[str]:
        """A document that comes while the job has read the lake; what did not hold."""
        before, folder = self.loop.counts(), f"during-{time.monotonic_ns()}"
        with self.loop.held_curation():
            self.loop.put(f"{folder}/first.jsonl")
            self.loop.wait_until_curation_has_read()
            self.loop.ask(lambda: self.loop.put(f"{folder}/second.jsonl"))
        self.loop.settle()
        return self.loop.faults() + self._too_many(before, 0)

    def replay_after_training(self) -> list[str]:
        """The event of a version that has its model; what did not hold."""
        self.loop.put(f"replay-{time.monotonic_ns()}.jsonl")
        self.loop.settle()
        before = self.loop.counts()
        self.loop.replay()
        self.loop.settle()
        after = self.loop.counts()
        return self.loop.faults() + ([f"{before} became {after}"] if after != before else [])

    def _follow(self, prefix: str, plan: list[str], seed: float) -> int:
        chance, kills = random.Random(seed), 0
        for number, action in enumerate(plan):
            kills += self._act(action, f"{prefix}/{number}", chance)
            time.sleep(chance.random() * 0.7)
        return kills

    def _act(self, action: str, name: str, chance: random.Random) -> int:
        """One thing that happens; how many executions it killed."""
        if action == "put":
            self.loop.put(f"{name}.jsonl")
        elif action == "junk":
            self.loop.put(f"{name}/.DS_Store", b"\x00\x00\x00\x01Bud1")
        elif action == "delete" and len(self.loop.documents) > 1:
            key = chance.choice(sorted(self.loop.documents))
            # What makes the dataset empty is another matter.
            if not key.endswith("first.jsonl"):
                self.loop.delete(key)
        elif action == "correct":
            self.loop.correct()
        elif action == "replay":
            self.loop.replay()
        elif action == "kill":
            return self.loop.kill()
        return 0

    def _too_many(self, before: tuple[int, ...], kills: int) -> list[str]:
        """More executions than changes and kills can account for.

        A burst may outlast one curation: what comes after its end is another change.
        """
        started = [now - then for now, then in zip(self.loop.counts(), before, strict=True)]
        most = 2 + 2 * kills
        kinds = ("curations", "trainings of one model", "trainings of the other")
        return [
            f"{count} {kind} of one burst with {kills} kills"
            for count, kind in zip(started, kinds, strict=True)
            if count > most
        ]


@contextmanager
def bursts(
    assembly: Path, folder: Path, plant: Plant | None = None, seed: int = 0
) -> Iterator[Bursts]:
    """A fresh environment with one document: a trial's fault must not be found again."""
    quick = with_quick_jobs(assembly, folder)
    if plant:
        plant(quick)
    with loop_cloud(quick, folder / "log") as cloud:
        loop = QuickLoop(cloud, folder)
        loop.put("begin/first.jsonl")
        cloud.loop.dataset_version()
        loop.settle()
        yield Bursts(loop, seed)


def start_unclaimed(assembly: Path) -> None:
    """As if whoever has the turn had ended, and no claim had a condition."""
    replace_in_functions(assembly, 'run = item.get("claimed_by")', "run = None")
    replace_in_functions(
        assembly, '"claimed_by = :holder"', '"claimed_by <= :holder OR claimed_by > :holder"'
    )


def give_back_unasked(assembly: Path) -> None:
    """Without a look for what was asked meanwhile."""
    replace_in_definition(assembly, "claimed_by = :run AND requests = :seen", "claimed_by = :run")
    replace_in_definition(assembly, "$requests != $seen and $rounds < 5", "false")


def keep_no_outcome(assembly: Path) -> None:
    """As if the rows were known by another name afterwards."""
    replace_in_definition(assembly, "' & $rows %}", "' & $uuid() %}")


def replace_in_functions(assembly: Path, old: str, new: str) -> None:
    texts = {path: path.read_text() for path in assembly.glob("asset.*/meguru/run_claim.py")}
    assert any(old in text for text in texts.values()), f"no function has {old!r}"
    for path, text in texts.items():
        path.write_text(text.replace(old, new))


def replace_in_definition(assembly: Path, old: str, new: str) -> None:
    changed = 0
    for path in assembly.glob("*.template.json"):
        text = path.read_text()
        old_text, new_text = json.dumps(json.dumps(old))[3:-3], json.dumps(json.dumps(new))[3:-3]
        changed += text.count(old_text)
        path.write_text(text.replace(old_text, new_text))
    assert changed, f"no definition has {old!r}"


PLANTED: dict[str, tuple[Plant, Callable[[Bursts], list[str]]]] = {
    "start unclaimed": (start_unclaimed, Bursts.burst),
    "give back unasked": (give_back_unasked, Bursts.change_during_curation),
    "keep no outcome": (keep_no_outcome, Bursts.replay_after_training),
}
