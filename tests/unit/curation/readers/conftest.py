"""Raw objects in a folder, and what a reader finds in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from curation.parsing import parse_document
from curation.records import Record, SetAside

Parse = Callable[[str, bytes | str], list[Record | SetAside]]


@pytest.fixture
def parse(tmp_path_factory: pytest.TempPathFactory) -> Parse:
    folder = tmp_path_factory.mktemp("raw")

    def parse_content(name: str, content: bytes | str) -> list[Record | SetAside]:
        path: Path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return list(parse_document(path, f"raw/{name}"))

    return parse_content
