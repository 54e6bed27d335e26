"""Names: prefixes of the lake, and what of two environments and models can't be mistaken."""

from __future__ import annotations

import re
from datetime import date
from fnmatch import fnmatchcase

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from meguru import names

# As the environment file takes them, with many that differ by a hyphen.
LETTERS = st.text("ab0-", max_size=7)
ENVIRONMENTS = st.one_of(
    LETTERS.map(lambda rest: f"a{rest}"), st.from_regex(r"[a-z][a-z0-9-]{0,19}", fullmatch=True)
)
MODELS = st.one_of(LETTERS, st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True)).filter(
    names.is_model_key
)
# The data job's names are made as a model's are.
MAKERS = st.tuples(ENVIRONMENTS, st.one_of(MODELS, st.just(names.CURATION)))
DIGITS = st.text("0123456789abcdef", min_size=12, max_size=12)


def test_keys() -> None:
    day = date(2026, 1, 2)
    assert names.raw_key("crm", day, "a/b.jsonl") == "raw/crm/2026/01/02/a/b.jsonl"
    assert names.dataset_manifest_key("text", "v") == "datasets/text/v/manifest.json"
    assert names.dataset_head_key("text") == "datasets/text/HEAD"
    assert names.feedback_key(day, "fb-1") == "feedback/dt=2026-01-02/fb-1.json"


@pytest.mark.parametrize(
    ("key", "day"),
    [
        ("raw/crm/2026/01/02/a.jsonl", date(2026, 1, 2)),
        ("raw/crm/export/2026/01/02/2025/01/01/a.jsonl", date(2026, 1, 2)),
        ("raw/2026/01/02/a.jsonl", date(2026, 1, 2)),
        ("raw/crm/2026/13/02/a.jsonl", None),
        ("raw/crm/2026-01-02/a.jsonl", None),
        ("raw/crm/a.jsonl", None),
        ("raw/12026/01/02/a.jsonl", None),
        ("feedback/2026/01/02/a.json", None),
    ],
)
def test_day_of_raw_key(key: str, day: date | None) -> None:
    assert names.day_of_raw_key(key) == day


def test_prefixes_end_with_a_slash() -> None:
    prefixes = [value for name, value in vars(names).items() if name.endswith("_PREFIX")]
    assert prefixes
    assert all(prefix.endswith("/") and not prefix.startswith("/") for prefix in prefixes)


@given(MAKERS, MAKERS, DIGITS)
@example(("poc", "text"), ("poc-", "text"), "0" * 12)
@example(("poc", "text"), ("poc-2", "text"), "0" * 12)
@example(("poc", "a"), ("poc--a", "b"), "0" * 12)
@example(("poc", "a"), ("poc", "a-b"), "0" * 12)
@example(("poc", "a"), ("poc--a", "curation"), "0" * 12)
@example(("a", "b-000000000000"), ("a", "b"), "0" * 12)
def test_nothing_of_one_is_matched_by_another_s_pattern(
    one: tuple[str, str], other: tuple[str, str], digits: str
) -> None:
    assume(one != other)
    mine, theirs = names.resource_name(*one), names.resource_name(*other)
    assert mine != theirs
    # fnmatch's signs are a policy's: an asterisk for any characters, a question mark for one.
    assert fnmatchcase(f"{mine}-{digits}", names.made_by_runs(mine))
    assert not fnmatchcase(f"{theirs}-{digits}", names.made_by_runs(mine))


@given(ENVIRONMENTS, ENVIRONMENTS, MODELS)
@example("poc", "poc-", "a")
@example("poc", "poc-2", "a")
def test_no_stack_is_another_environment_s(one: str, other: str, model: str) -> None:
    assume(one != other)
    for concern in ("Lake", "Data", "Api"):
        assert names.is_stack_of(names.stack_name(one, concern), one)
        assert not names.is_stack_of(names.stack_name(other, concern), one)
    assert names.is_stack_of(names.stack_name(one, "Model", model), one)
    assert not names.is_stack_of(names.stack_name(other, "Model", model), one)


@given(ENVIRONMENTS, ENVIRONMENTS, MODELS)
@example("poc", "poc-", "a")
@example("poc", "poc--a", "b")
def test_what_is_found_by_name_is_its_environment_s(one: str, other: str, model: str) -> None:
    assume(one != other)
    name = names.resource_name(one, model)
    assert names.is_of_environment(name, one)
    assert names.is_of_environment(f"{name}-0123456789ab", one)
    assert not names.is_of_environment(name, other)


def test_what_runs_made_is_told_by_its_digits() -> None:
    assert names.is_made_by_runs("meguru-poc--a-0123456789ab", "meguru-poc--a")
    for other in ("meguru-poc--a", "meguru-poc--a-b-0123456789ab", "meguru-poc--a-0123456789AB"):
        assert not names.is_made_by_runs(other, "meguru-poc--a")


def test_the_longest_names_fit() -> None:
    name = names.resource_name("e" * 20, "m" * names.MAX_MODEL_KEY)
    assert len(names.made_by_runs(name)) <= 63


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", fullmatch=True))
@example("curation")
@example("a--b")
@example("Q" * 63)
def test_a_key_is_made_of_any_name(name: str) -> None:
    key = names.model_key(name)
    assert names.is_model_key(key)
    assert (key == name) == names.is_model_key(name)
    assert re.fullmatch(r"[a-z0-9-]+", key)


def test_names_that_are_alike_have_other_keys() -> None:
    alike = ["Text", "text", "TEXT", "te.xt", "te_xt", "text-"]
    assert len({names.model_key(name) for name in alike}) == len(alike)


def test_a_stage_has_no_hyphen() -> None:
    assert names.stage_name("poc-2") == "poc_2"
