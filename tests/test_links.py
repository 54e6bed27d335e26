"""Every relative link of every guide leads to a file, and to a heading where it names one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PLACES = ("*.md", "docs/**/*.md", "examples/**/*.md", "packages/*/*.md", "packages/*/examples/*.md")
GUIDES = sorted(path for place in PLACES for path in REPOSITORY.glob(place))
_LINK = re.compile(r"\]\((?!\w+:)([^()\s]+)\)")
_BLOCK = re.compile(r"```.*?```", re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")


def prose(guide: Path) -> str:
    return _BLOCK.sub("", guide.read_text("utf-8"))


def headings(guide: Path) -> set[str]:
    """The anchors of a guide, as GitHub makes them of its headings."""
    lines = re.findall(r"^#+ (.+)$", prose(guide), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def broken_links(guide: Path) -> list[str]:
    broken = []
    for link in _LINK.findall(_CODE.sub("", prose(guide))):
        path, _, anchor = link.partition("#")
        target = guide.parent / path if path else guide
        if not target.exists() or (anchor and anchor not in headings(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_somewhere(guide: Path) -> None:
    assert broken_links(guide) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    guide = tmp_path / "guide.md"
    guide.write_text("# Who does it?\n[a](guide.md#who-does-it) [b](#nobody) [c](d.md) `[e](f.md)`")
    assert broken_links(guide) == ["#nobody", "d.md"]
