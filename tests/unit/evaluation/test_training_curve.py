"""The loss curve out of a training's output, or none."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from evaluation.training_curve import read_curve, thinned


def pack(folder: Path, content: bytes, name: str = "metrics.jsonl") -> None:
    with tarfile.open(folder / "output.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))


def test_events_in_their_order(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = [
        {"step": 1, "loss": 3.0},
        {"event": "resumed", "step": 1},
        {"step": 2, "loss": 2.0},
    ]
    lines = "\n".join(map(json.dumps, events)).encode()
    pack(tmp_path, b"not json\n[1]\n" + lines)
    assert read_curve(tmp_path) == events


def test_a_broken_or_missing_curve_is_none(tmp_path: Path) -> None:
    assert read_curve(tmp_path) == []
    pack(tmp_path, b"x", "other.txt")
    assert read_curve(tmp_path) == []
    path = tmp_path / "output.tar.gz"
    pack(tmp_path, json.dumps({"step": 1, "loss": 1}).encode() * 1000)
    path.write_bytes(path.read_bytes()[:60])
    assert read_curve(tmp_path) == []


@pytest.mark.parametrize("number", [1, 600, 601, 5000])
def test_a_long_curve_keeps_its_ends_and_interruptions(number: int) -> None:
    events: list[dict[str, Any]] = [{"step": n, "loss": 1.0} for n in range(number)]
    events.insert(number // 2, {"event": "resumed", "step": number // 2})
    kept = thinned(events)
    assert len(kept) <= 602
    assert (kept[0], kept[-1]) == (events[0], events[-1])
    assert [one["step"] for one in kept if "event" in one] == [number // 2]
