"""What people said of each model version's answers, as the share that was in its favour."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.bootstrap import intervals
from evaluation.metrics import Statistics


@dataclass(frozen=True)
class Vote:
    """One consumer's last word on one answer: for it, or against it."""

    model_package_arn: str
    consumer: str
    inference_id: str
    is_for: bool


@dataclass(frozen=True)
class Votes:
    """The votes of the feedback, and the names of what was none (broken files)."""

    votes: list[Vote]
    broken: list[str]


def read_votes(folder: Path) -> Votes:
    """All feedback below `folder`. A broken file is named and left out, nothing else with it."""
    newest: dict[tuple[str, str], tuple[str, Vote]] = {}
    broken = []
    for path in sorted(path for path in folder.rglob("*.json") if path.is_file()):
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            is_for = _is_for(said)
            vote = Vote(
                str(said["model_package_arn"]),
                str(said["consumer"]),
                str(said["inference_id"]),
                bool(is_for),
            )
            said_at = str(said["created_at"])
        except (ValueError, KeyError, TypeError, AttributeError, OSError):
            broken.append(path.name)
            continue
        key = (vote.consumer, vote.inference_id)
        if is_for is not None and (key not in newest or newest[key][0] <= said_at):
            newest[key] = (said_at, vote)
    return Votes([vote for _, vote in newest.values()], broken)


def preference(votes: Iterable[Vote]) -> list[dict[str, Any]]:
    """Of each model version: its win rate with its interval, the version with most votes first.

    The votes of one consumer are one group: a person's votes are not independent of each other.
    """
    by_version: defaultdict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        by_version[vote.model_package_arn].append(vote)
    return [
        _win_rate(version, cast)
        for version, cast in sorted(by_version.items(), key=lambda one: (-len(one[1]), one[0]))
    ]


def _win_rate(version: str, votes: list[Vote]) -> dict[str, Any]:
    rows = np.array([[float(vote.is_for), 1.0] for vote in votes])
    share = Statistics(rows, lambda sums: float(sums[0] / sums[1]) if sums[1] else float("nan"))
    # A single consumer (an application's key) is all there often is: then each vote is its own.
    consumers = [vote.consumer for vote in votes]
    groups = consumers if len(set(consumers)) > 1 else [vote.inference_id for vote in votes]
    found = intervals({"win_rate": Statistics(share.rows, share.score, is_share=True)}, groups)
    interval = found["win_rate"]
    return {
        "model_package_arn": version,
        "num_for": sum(vote.is_for for vote in votes),
        "num_votes": len(votes),
        "win_rate": round(share.value, 4),
        "low": interval and round(interval.low, 4),
        "high": interval and round(interval.high, 4),
    }


def _is_for(said: dict[str, Any]) -> bool | None:
    """None where nothing was said for or against: a comment, a tag."""
    preferred = said.get("preferred_inference_id")
    if preferred:
        return bool(preferred == said["inference_id"])
    if said.get("corrected_output"):
        return False
    rating = said.get("rating", 0)
    return None if rating == 0 else bool(rating > 0)
