"""Names in the lake: policies and event patterns are made of the prefixes."""

from __future__ import annotations

from datetime import date

import pytest

from meguru import names


def test_keys() -> None:
    day = date(2026, 1, 2)
    assert names.raw_key("crm", day, "a/b.jsonl") == "raw/crm/2026/01/02/a/b.jsonl"
    assert names.dataset_manifest_key("text", "v") == "datasets/text/v/manifest.json"
    assert names.dataset_head_key("text") == "datasets/text/HEAD"
    assert names.feedback_key(day, "fb-1") == "feedback/dt=2026-01-02/fb-1.json"


@pytest.mark.parametrize(
    ("key", "day"),
    [
        ("raw/crm/2026/01/02/a.jsonl", date(2026, 1, 2)),
        ("raw/crm/export/2026/01/02/2025/01/01/a.jsonl", date(2026, 1, 2)),
        ("raw/2026/01/02/a.jsonl", date(2026, 1, 2)),
        ("raw/crm/2026/13/02/a.jsonl", None),
        ("raw/crm/2026-01-02/a.jsonl", None),
        ("raw/crm/a.jsonl", None),
        ("raw/12026/01/02/a.jsonl", None),
        ("feedback/2026/01/02/a.json", None),
    ],
)
def test_day_of_raw_key(key: str, day: date | None) -> None:
    assert names.day_of_raw_key(key) == day


def test_prefixes_end_with_a_slash() -> None:
    prefixes = [value for name, value in vars(names).items() if name.endswith("_PREFIX")]
    assert prefixes
    assert all(prefix.endswith("/") and not prefix.startswith("/") for prefix in prefixes)
