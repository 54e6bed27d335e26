"""Lines are counted as an editor counts them, in every encoding."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.readers.lines import read_lines


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_lines_keep_their_ends(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    texts = ["one\r\n", "two\n", "\r", "three\u2028still\x0b\x85\r", "four\r\n", "five"]
    path.write_bytes("".join(texts).encode(encoding))
    lines = list(read_lines(path))
    assert [line.number for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [line.text.removeprefix("\ufeff") for line in lines] == texts


def test_damage_is_of_its_line_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"good\rbad \xff\rgood\ngood")
    assert [line.is_damaged for line in read_lines(path)] == [False, True, False, False]
