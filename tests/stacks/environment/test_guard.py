"""What the guard's section may say, and what the function is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.environment import InvalidEnvironment, read_environment

MODELS = "name: acme\nmodels: {chat: {kind: text}}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "acme.yaml"


def test_without_it_every_text_passes(file: Path) -> None:
    file.write_text(MODELS)
    assert read_environment(file).api.guard.settings() == {}


def test_the_function_is_told_what_is_set(file: Path) -> None:
    guard = (
        "{words: [社外秘], overrides: refuse, bedrock: {guardrail: ab12, version: '3'}, "
        "personal_data: {input: replace, kinds: [phone, card]}}"
    )
    file.write_text(f"{MODELS}api: {{guard: {guard}}}\n")
    assert read_environment(file).api.guard.settings() == {
        "words": ["社外秘"],
        "overrides": True,
        "personal_data": {"input": "replace"},
        "kinds": ["phone", "card"],
        "bedrock": {"guardrail": "ab12", "version": "3"},
    }


@pytest.mark.parametrize(
    ("guard", "complaint"),
    [
        ("{words: [' ']}", "3: api.guard.words.0: a text of 1 to 100 characters"),
        (f"{{words: [{'a' * 101}]}}", "3: api.guard.words.0: a text of 1 to 100 characters"),
        ("{personal_data: {input: hide}}", "3: api.guard.personal_data.input: one of"),
        ("{personal_data: {kinds: [name]}}", "3: api.guard.personal_data.kinds.0: one of email,"),
        ("{overrides: true}", "3: api.guard.overrides: one of"),
        ("{bedrock: {guardrail: Ab-1, version: '1'}}", "3: api.guard.bedrock.guardrail: a guard"),
        ("{bedrock: {guardrail: ab1, version: 1}}", "3: api.guard.bedrock.version:"),
        ("{bedrock: {guardrail: ab1}}", "3: api.guard.bedrock"),
    ],
)
def test_refused_with_its_line(file: Path, guard: str, complaint: str) -> None:
    file.write_text(f"{MODELS}api: {{guard: {guard}}}\n")
    with pytest.raises(InvalidEnvironment) as refused:
        read_environment(file)
    assert complaint in str(refused.value)
