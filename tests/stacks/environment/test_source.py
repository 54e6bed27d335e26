"""The repository of an environment, and which of its commits start a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from stacks.environment import Environment, source
from stacks.environment.source import Source, files_fingerprint

CONNECTION = "arn:aws:codeconnections:us-east-1:123456789012:connection/1f2e"


def model(retrain: dict[str, Any], **more: Any) -> Any:
    values = {"name": "acme", "models": {"chat": {"retrain": retrain, **more}}}
    return Environment.model_validate(values).models["chat"]


@pytest.mark.parametrize(
    ("values", "subject"),
    [
        ({"github": "acme/chat"}, "repo:acme/chat:ref:refs/heads/main"),
        ({"github": "acme/chat", "branch": "release/1"}, "repo:acme/chat:ref:refs/heads/release/1"),
        ({"github": "acme/chat", "environment": "live"}, "repo:acme/chat:environment:live"),
        ({"github": "acme@12/chat@34"}, "repo:acme@12/chat@34:ref:refs/heads/main"),
    ],
)
def test_the_subject_is_github_s(values: dict[str, Any], subject: str) -> None:
    made = Source(**values)
    assert made.subject == subject
    assert made.repository == "acme/chat"


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"github": "acme"}, "github"),
        ({"github": "acme/*"}, "github"),
        ({"github": "*/chat"}, "github"),
        ({"github": "acme@12/chat"}, "github"),
        ({"github": "https://github.com/acme/chat"}, "github"),
        ({"branch": "*"}, "branch"),
        ({"branch": "a..b"}, "branch"),
        ({"branch": "main:environment:live"}, "branch"),
        ({"environment": "a'b"}, "environment"),
        ({"environment": "*"}, "environment"),
        ({"file": "../other.yaml"}, "file"),
        ({"file": "/etc/a.yaml"}, "file"),
        ({"file": "a/../b.yaml"}, "file"),
        ({"connection": "main"}, "connection"),
        ({"connection": CONNECTION, "environment": "live"}, "environment"),
        ({"provider": "another"}, "provider"),
    ],
)
def test_what_would_trust_more_or_nothing_is_refused(values: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Source(**{"github": "acme/chat", **values})
    assert [error["loc"] for error in refused.value.errors()] == [(key,)]


@pytest.mark.parametrize(
    "value",
    ["training", ["no-such-folder"], ["/etc"], ["../"], [1], 1, ["training", "gone.py"]],
)
def test_a_rule_that_would_never_apply_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        model({"on_commit": value})
    assert "repository" in str(refused.value)


def test_without_the_rule_there_is_no_fingerprint() -> None:
    assert model({}).training_code == model({"on_commit": False}).training_code == ""


def test_settings_of_the_training_are_part_of_it_and_instances_are_not() -> None:
    rule = {"on_commit": True}
    plain = model(rule).training_code
    assert plain == model({"on_commit": ["training"]}).training_code
    assert plain != model(rule, training={"hyperparameters": {"num_epochs": 2}}).training_code
    assert plain != model(rule, base="swallow").training_code
    assert plain == model(rule, training={"instance_count": 2, "spot": False}).training_code


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(source, "REPOSITORY", tmp_path)
    for name in ("training/loop.py", "training/deep/er.py", "docs/a.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def test_a_change_counts_where_the_rule_says(repository: Path) -> None:
    before = files_fingerprint(["training"])
    (repository / "docs/a.md").write_text("other")
    (repository / "training/__pycache__").mkdir()
    (repository / "training/__pycache__/loop.pyc").write_text("")
    (repository / "training/.DS_Store").write_text("")
    assert files_fingerprint(["training"]) == before
    (repository / "training/deep/er.py").write_text("other")
    assert files_fingerprint(["training"]) != before
    assert files_fingerprint(["training/*.py"]) != before


def test_a_renamed_file_is_a_change(repository: Path) -> None:
    before = files_fingerprint(["training"])
    (repository / "training/loop.py").rename(repository / "training/pool.py")
    assert files_fingerprint(["training"]) != before
