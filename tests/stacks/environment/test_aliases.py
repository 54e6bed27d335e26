"""Aliases in the environment file: what they may stand for, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stacks.environment import Environment, InvalidEnvironment, read_environment

MODELS = """name: acme
models:
  staff-chat: {}
  other: {name: Other.v2}
  vectors: {kind: embedding, base: e5}
  numbers: {kind: embedding, base: e5}
"""


def read(folder: Path, aliases: str, more: str = "") -> Environment:
    path = folder / "acme.yaml"
    path.write_text(f"{MODELS}api:\n  aliases:\n    {aliases}\n{more}")
    return read_environment(path)


@pytest.mark.parametrize(
    ("aliases", "found"),
    [
        ("fast: {staff-chat: 90, Other.v2: 10}", {"fast": {"staff-chat": 90, "Other.v2": 10}}),
        ("chat: {staff-chat: 1}", {"chat": {"staff-chat": 1}}),
        ("compare: [staff-chat, Other.v2]", {"compare": ["staff-chat", "Other.v2"]}),
        ("search: {vectors: 1}", {"search": {"vectors": 1}}),
    ],
)
def test_aliases_are_read(tmp_path: Path, aliases: str, found: dict[str, Any]) -> None:
    assert read(tmp_path, aliases).api.aliases == found


@pytest.mark.parametrize(
    ("aliases", "said"),
    [
        ("staff-chat: {Other.v2: 1}", "api.aliases.staff-chat: a model's name in the API"),
        ("fast: {other: 1}", "api.aliases.fast: other is no model's name in the API; those are s"),
        ("fast: {a: 1}\n    a: {staff-chat: 1}", "api.aliases.fast: a is no model's name"),
        ("fast: {staff-chat: 0}", "the weight of staff-chat is a whole number from 1"),
        ("fast: {staff-chat: 0.5}", "the weight of staff-chat is a whole number from 1"),
        ("fast: {staff-chat: true}", "the weight of staff-chat is a whole number from 1"),
        ("fast: {}", "1 to 20 models with their weights"),
        ("fast: staff-chat", "models with their weights, such as {staff-chat: 90, other: 10}"),
        ("fast:", "api.aliases.fast"),
        ("compare: [staff-chat]", "2 to 20 models to compare"),
        ("compare: [staff-chat, staff-chat]", "each model once"),
        ("compare: [staff-chat, 5]", "models with their weights"),
        ("compare: [vectors, numbers]", "vectors are not compared by eye"),
        ("fast: {vectors: 1, numbers: 1}", "vectors of two can't be searched together"),
        ("fast: {staff-chat: 1, vectors: 1}", "models of one kind"),
        ("a b: {staff-chat: 1}", "1 to 63 letters, digits, dots"),
    ],
)
def test_what_can_t_be_is_refused_with_its_line(tmp_path: Path, aliases: str, said: str) -> None:
    with pytest.raises(InvalidEnvironment) as refused:
        read(tmp_path, aliases)
    assert said in str(refused.value)
    assert ":9:" in str(refused.value) or " 9: " in str(refused.value)


def test_a_consumer_may_be_given_an_alias_alone(tmp_path: Path) -> None:
    found = read(tmp_path, "fast: {staff-chat: 1}", "consumers: {app: {models: [fast]}}")
    assert found.consumers["app"].models == ["fast"]
