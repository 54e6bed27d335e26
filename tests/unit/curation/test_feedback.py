"""Feedback that corrects or votes is read; what can't be used is set aside with its reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curation.feedback import parse_feedback
from curation.records import Record, SetAside

CORRECTION = {
    "feedback_id": "fb-1",
    "question": "q",
    "corrected_output": "a",
    "created_at": "2026-11-22T09:00:00+09:00",
}


def feedback(tmp_path: Path, value: Any) -> Record | SetAside | None:
    path = tmp_path / "fb-1.json"
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return parse_feedback(path)


def test_feedback(tmp_path: Path) -> None:
    record = feedback(tmp_path, CORRECTION)
    assert isinstance(record, Record)
    assert record.source.uri == "fb-1"
    assert record.created_at == "2026-11-22T00:00:00.000000+00:00"
    assert feedback(tmp_path, CORRECTION | {"corrected_output": ""}) is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b"null",
        {},
        CORRECTION | {"created_at": None},
        CORRECTION | {"created_at": "yesterday"},
        CORRECTION | {"created_at": "2026-11-22T09:00:00"},
        CORRECTION | {"created_at": "0001-01-01T00:00:00+14:00"},
        CORRECTION | {"created_at": "9999-12-31T23:59:00-14:00"},
        CORRECTION | {"feedback_id": "\ud800"},
        b'{"corrected_output": ' + b"1" * 5000 + b"}",
        CORRECTION | {"feedback_id": None},
        CORRECTION | {"feedback_id": ["fb-1"]},
    ],
)
def test_broken_feedback(tmp_path: Path, value: Any) -> None:
    broken = feedback(tmp_path, value)
    assert isinstance(broken, SetAside) and broken.reason == "broken_feedback"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"question": ""}, "missing_question"),
        ({"corrected_output": "\u200b"}, "missing_answer"),
        ({"corrected_output": ["a"]}, "wrong_type"),
        ({"corrected_output": "a" * 2001}, "too_long"),
    ],
)
def test_correction_that_can_not_be_taken(
    tmp_path: Path, members: dict[str, Any], reason: str
) -> None:
    refused = feedback(tmp_path, CORRECTION | members)
    assert isinstance(refused, SetAside) and refused.reason == reason
