"""docs/deploying.md, in both languages, counts what the stacks of production create."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meguru.names import stack_name

if TYPE_CHECKING:
    from tests.stacks.synthesis import Synthesis

DOCS = Path(__file__).parents[2] / "docs"
_ROW = re.compile(r"^\| `(\w+::\w+(?:::\w+)?)` \|(.*)\|$", re.MULTILINE)


def table(production: Synthesis) -> str:
    """The rows of the guide's table: a type, and how many each stack has of it."""
    environment = production.environment
    [model] = environment.models
    parts = [["Lake"], ["Data"], ["Model", model], ["Api"]]
    stacks = [stack_name(environment.name, *part) for part in parts]
    found = Counter((one.type, one.stack) for one in production.resources())
    rows = []
    for kind in sorted({kind for kind, _ in found} - {"AWS::CDK::Metadata"}):
        cells = [str(found[kind, stack] or "") for stack in stacks]
        rows.append(f"| `{kind}` | {' | '.join(cells)} |")
    return "\n".join(rows)


@pytest.mark.parametrize("guide", ["deploying.md", "deploying.ja.md"])
def test_what_is_created_is_counted(guide: str, syntheses: dict[str, Synthesis]) -> None:
    wanted = table(syntheses["production"])
    rows = [match[0] for match in _ROW.finditer((DOCS / guide).read_text("utf-8"))]
    assert rows == wanted.splitlines(), f"the rows of {guide} are to be\n{wanted}"
