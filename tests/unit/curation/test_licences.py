"""A licence file says it of its folder, by its first line: the nearest counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curation.__main__ import curate
from curation.licences import MAX_CHARACTERS, find_licences

ENTRY = {"question": "締切は?", "answer": "10日です。"}


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def found(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {
        path.relative_to(folder).as_posix(): name
        for path, name in find_licences(folder, paths).items()
    }


def test_the_nearest_one_counts(tmp_path: Path) -> None:
    write(tmp_path / "raw", {
        "LICENSE": "CC-BY-4.0", "a/x.jsonl": "", "a/b/licence.txt": "MIT License\n\nCopyright",
        "a/b/2026/11/01/y.jsonl": "", "ab/z.jsonl": "",
    })  # fmt: skip
    write(tmp_path, {"LICENCE": "of what is beside the lake"})
    assert found(tmp_path / "raw") == {
        "a/x.jsonl": "CC-BY-4.0", "a/b/2026/11/01/y.jsonl": "MIT License", "ab/z.jsonl": "CC-BY-4.0"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("\n\n# SPDX-License-Identifier: Apache-2.0\nmore", "Apache-2.0"),
        ("\ufeff# 社内利用のみ\r\n", "社内利用のみ"),
        ("a\x1b[31m\x00b", "a[31mb"),
        ("x" * 500, "x" * MAX_CHARACTERS),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_its_first_line_is_its_name(tmp_path: Path, content: str | bytes, name: str) -> None:
    write(tmp_path, {"LICENCE.md": content, "x.jsonl": ""})
    assert found(tmp_path) == {"x.jsonl": name}


@pytest.mark.parametrize("content", ["", "\n \n#\n"])
def test_an_empty_one_says_nothing(tmp_path: Path, content: str) -> None:
    write(tmp_path, {"LICENSE": "MIT", "a/LICENSE": content, "a/x.jsonl": ""})
    assert found(tmp_path) == {"a/x.jsonl": "MIT"}


def curated(folder: Path, name: str) -> dict[str, Any]:
    result = curate(folder / "in", folder / name, dataset="text", feedback_weight=1)
    manifest = folder / name / "datasets" / "text" / result["version"] / "manifest.json"
    read: dict[str, Any] = json.loads(manifest.read_text())
    return read


def test_the_manifest_has_it_by_document(tmp_path: Path) -> None:
    write(tmp_path / "in" / "raw", {"a/x.jsonl": json.dumps(ENTRY)})
    without = curated(tmp_path, "first")
    assert "licences" not in without
    write(tmp_path / "in" / "raw", {"a/LICENSE": "CC-BY-4.0"})
    manifest = curated(tmp_path, "second")
    assert manifest["licences"] == {"raw/a/x.jsonl": "CC-BY-4.0"}
    assert (manifest["sources"].keys(), manifest["set_aside"]) == ({"raw/a/x.jsonl"}, {})
    # What is learnt is the same: nothing is trained for it.
    assert manifest["rows"] == without["rows"]
