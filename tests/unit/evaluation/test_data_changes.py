"""What changed in the data: documents by their hashes, whatever a manifest lacks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.data_changes import MAX_LISTED, describe_changes, describe_data, read_manifest
from tests.unit.evaluation.answers import make_row


def test_documents_added_removed_and_changed() -> None:
    old = {"sources": {"raw/a": "1", "raw/b": "1", "raw/c": "1"}, "feedback_ids": ["f1"]}
    new = {"sources": {"raw/a": "1", "raw/b": "2", "raw/d": "1"}, "feedback_ids": ["f1", "f2"]}
    changes = describe_changes(old, new, [])
    assert {name: changes[name]["first"] for name in ("added", "removed", "changed")} == {
        "added": ["raw/d"],
        "removed": ["raw/c"],
        "changed": ["raw/b"],
    }
    assert (changes["num_unchanged"], changes["num_new_corrections"]) == (1, 1)


def test_a_long_list_is_counted_and_cut() -> None:
    new = {"sources": {f"raw/{n:03}": "1" for n in range(200)}}
    added = describe_changes({}, new, [])["added"]
    assert (added["number"], len(added["first"])) == (200, MAX_LISTED)


def test_licences_are_counted_where_they_are_known() -> None:
    manifest = {"sources": {"raw/a": "1", "raw/b": "1"}, "licences": {"raw/a": "CC-BY-4.0"}}
    assert describe_data(manifest)["licences"] == {"CC-BY-4.0": 1, "unknown": 1}


def test_records_of_a_document_and_new_corrections_are_shown() -> None:
    rows = [
        replace(make_row("締切は?"), source_uri="raw/a"),
        replace(make_row("窓口は?"), source_uri="raw/a"),
        replace(make_row("経費の窓口は?", "経理部です。"), source_uri="feedback/f2"),
        replace(make_row("駐車場は?", "知りません。"), source_uri="feedback/f2", rating=-1),
        replace(make_row("前からの訂正", "はい。"), source_uri="feedback/f1"),
    ]
    new = {"sources": {"raw/a": "1", "raw/b": "1"}, "feedback_ids": ["feedback/f1", "feedback/f2"]}
    changes = describe_changes({"feedback_ids": ["feedback/f1"]}, new, rows)
    assert changes["added"]["num_records"] == {"raw/a": 2, "raw/b": 0}
    corrected = {"question": "経費の窓口は?", "answer": "経理部です。"}
    assert changes["new_corrections"] == [corrected]


@pytest.mark.parametrize("sources", [None, [], "x"])
def test_an_earlier_manifest_may_lack_anything(sources: object) -> None:
    assert describe_changes({"sources": sources, "splits": sources}, {}, [])["added"]["number"] == 0


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_a_broken_manifest_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    assert read_manifest(tmp_path) is None
    assert read_manifest(tmp_path / "none") is None
