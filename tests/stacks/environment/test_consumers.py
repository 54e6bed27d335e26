"""Consumers in the environment file: what each may use, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from meguru.consumer import LIMITS, LOG_POLICIES, SETTINGS, Consumer
from stacks.environment import InvalidEnvironment, read_environment
from stacks.environment.consumers import MAX_CONSUMERS, DeclaredConsumer

ONE = """name: acme
models:
  staff-chat: {}
  pictures: {name: Pictures.v2}
"""


def read(folder: Path, consumers: str) -> dict[str, Consumer]:
    path = folder / "acme.yaml"
    path.write_text(f"{ONE}consumers:\n{consumers}\n")
    declared = read_environment(path).consumers
    return {name: one.named(name) for name, one in declared.items()}


def test_a_consumer_needs_nothing_but_its_name(tmp_path: Path) -> None:
    assert read(tmp_path, "  app: {}") == {"app": Consumer(name="app", is_declared=True)}


def test_all_that_can_be_set(tmp_path: Path) -> None:
    said = "  app: {models: [staff-chat, Pictures.v2], log: summary, requests_per_minute: 1"
    found = read(
        tmp_path, f"{said}, tokens_per_minute: 2, tokens_per_day: 3, tokens_per_month: 3}}"
    )
    assert found["app"] == Consumer(
        name="app",
        models=frozenset({"staff-chat", "Pictures.v2"}),
        requests_per_minute=1,
        tokens_per_minute=2,
        tokens_per_day=3,
        tokens_per_month=3,
        log="summary",
        is_declared=True,
    )


def test_the_file_and_the_table_know_the_same_settings() -> None:
    assert set(DeclaredConsumer.model_fields) == set(SETTINGS) >= set(LIMITS)
    log = DeclaredConsumer.model_fields["log"]
    assert get_args(log.annotation) == LOG_POLICIES
    assert log.default == Consumer(name="app").log


@pytest.mark.parametrize(
    ("consumers", "said"),
    [
        ("  App: {}", "6: consumers.App: a consumer's name: 1 to 63 lower-case"),
        ("  KEY#a: {}", "6: consumers.KEY#a: a consumer's name"),
        ("  app:", "6: consumers.app: is empty"),
        ("  app: {models: []}", "6: consumers.app.models: at least 1 of them"),
        ("  app: {models: [gpt]}", "6: consumers.app.models.0: no model's name in the API; those "),
        ("  app:\n    models:\n      - staff-chat\n      - pictures", "9: consumers.app.models.1"),
        ("  app: {models: [staff-chat, staff-chat]}", "staff-chat stands here twice"),
        ("  app: {tokens_per_day: 0}", "consumers.app.tokens_per_day: at least 1"),
        ("  app: {tokens_per_day: 1.5}", "consumers.app.tokens_per_day: a whole number"),
        ("  app: {tokens_per_day: true}", "consumers.app.tokens_per_day: a whole number"),
        (
            "  app:\n    tokens_per_day: 5\n    tokens_per_month: 4",
            "7: consumers.app.tokens_per_day: no more than tokens_per_month, which is 4 (it is 5)",
        ),
        ("  app: {log: none}", "consumers.app.log: one of 'full', 'redacted' or 'summary'"),
        ("  app: {token_per_day: 5}", "consumers.app.token_per_day: unknown key"),
        ("  app: {}\n  app: {}", "7: consumers.app: this key stands here twice"),
        ("  - app", "5: consumers: keys and values"),
    ],
)
def test_what_can_t_be_is_refused(tmp_path: Path, consumers: str, said: str) -> None:
    with pytest.raises(InvalidEnvironment) as refused:
        read(tmp_path, consumers)
    assert said in str(refused.value)


def test_more_than_a_deployment_hands_over_are_refused(tmp_path: Path) -> None:
    lines = [f"  app-{number}: {{}}" for number in range(MAX_CONSUMERS + 1)]
    assert len(read(tmp_path, "\n".join(lines[:-1]))) == MAX_CONSUMERS
    with pytest.raises(InvalidEnvironment, match="consumers: at most 100 of them"):
        read(tmp_path, "\n".join(lines))
