"""docs/environment-file.md: every key is there, and its files are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from stacks.environment import read_environment
from stacks.environment.model import Model
from stacks.environment.settings import Environment

REFERENCE = (Path(__file__).parents[3] / "docs" / "environment-file.md").read_text("utf-8")


def keys(settings: type[BaseModel]) -> Iterator[str]:
    for name, field in settings.model_fields.items():
        yield name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation)


@pytest.mark.parametrize("key", sorted({*keys(Environment), *keys(Model)}))
def test_every_key_is_described(key: str) -> None:
    assert re.search(rf"`({key}|[\w.]+\.{key})`", REFERENCE), key


def test_the_shortest_file_is_read(tmp_path: Path) -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", REFERENCE, re.DOTALL)
    path = tmp_path / "shortest.yaml"
    path.write_text(text)
    assert list(read_environment(path).models) == ["staff-chat"]
