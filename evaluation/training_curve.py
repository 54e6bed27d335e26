"""The loss curve of the training, out of the training job's output."""

from __future__ import annotations

import json
import tarfile
import zlib
from pathlib import Path
from typing import Any

ARCHIVE, CURVE = "output.tar.gz", "metrics.jsonl"
MAX_BYTES = 64 * 1024**2
# A page shows no more than its width has points.
MAX_POINTS = 600


def read_curve(folder: Path) -> list[dict[str, Any]]:
    """The events of metrics.jsonl in `folder`'s output.tar.gz; none where it can't be read.

    The curve is told beside the evaluation: a broken one must not keep a model from being judged.
    """
    try:
        with tarfile.open(folder / ARCHIVE, "r:gz") as archive:
            for member in archive:
                if member.name.endswith(CURVE) and member.isfile() and member.size <= MAX_BYTES:
                    file = archive.extractfile(member)
                    assert file is not None
                    return thinned(_events(file.read()))
    except (OSError, tarfile.TarError, zlib.error, EOFError):
        return []
    return []


def thinned(events: list[dict[str, Any]], at_most: int = MAX_POINTS) -> list[dict[str, Any]]:
    """Evenly spread points, with the first and the last, and every interruption."""
    points = [event for event in events if "loss" in event]
    step = max(1, -(-len(points) // at_most))
    kept = {id(point) for point in [*points[::step], *points[-1:]]}
    return [event for event in events if "loss" not in event or id(event) in kept]


def _events(content: bytes) -> list[dict[str, Any]]:
    found = []
    for line in content.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and isinstance(event.get("step"), int):
            found.append(event)
    return found
