"""What documents may be used for: a licence file says it of its folder and of all below."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable
from pathlib import Path

NAMES = ("licence", "license")
SUFFIXES = ("", ".txt", ".md")
MAX_CHARACTERS = 100
_SPDX = "SPDX-License-Identifier:"
# A licence's first line says which one it is; nobody needs more of it here.
_MAX_BYTES = 4096


def is_licence(path: Path) -> bool:
    """Whether a file is no document but says what those beside it may be used for."""
    return path.stem.casefold() in NAMES and path.suffix.casefold() in SUFFIXES


def find_licences(folder: Path, paths: Collection[Path]) -> dict[Path, str]:
    """The licence of each of `paths` below `folder` that has one: the nearest above it counts."""
    said = {path.parent: name for path in paths if is_licence(path) and (name := _read(path))}
    found = {}
    for path in paths:
        nearest = next((said[one] for one in _folders(path, folder) if one in said), None)
        if nearest and not is_licence(path):
            found[path] = nearest
    return found


def _folders(path: Path, top: Path) -> Iterable[Path]:
    return (one for one in path.parents if one == top or top in one.parents)


def _read(path: Path) -> str:
    """The licence's name: the first line with anything in it, "" where there is none."""
    with path.open("rb") as file:
        text = file.read(_MAX_BYTES).decode("utf-8-sig", "replace")
    lines = (line.strip(" #*\t").removeprefix(_SPDX).strip() for line in text.splitlines())
    first = next((line for line in lines if line), "")
    printable = "".join(one for one in first if unicodedata.category(one)[0] != "C")
    return printable[:MAX_CHARACTERS]
