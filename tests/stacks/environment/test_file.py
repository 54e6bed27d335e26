"""Damaged and hostile files: each is refused in one line with its place, and at once."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest

from stacks.environment import InvalidEnvironment, read_environment
from stacks.environment.loader import MAX_BYTES

GOOD = "name: acme\nmodels: {a: {}}\n"
LETTERS = "abcdefghij"


def refusal(folder: Path, content: bytes) -> str:
    path = folder / "file.yaml"
    path.write_bytes(content)
    started = time.process_time()
    with pytest.raises(InvalidEnvironment) as refused:
        read_environment(path)
    assert time.process_time() - started < 5
    said = str(refused.value).replace(str(path), "FILE")
    assert "\n" not in said and len(said) < 400
    return said


def ten_times_each(first: str, each: str) -> str:
    """Every line is ten times what the line before it is."""
    lines = [f"a: &a {first}"]
    for before, name in pairwise(LETTERS):
        lines.append(f"{name}: &{name} " + each % ", ".join([f"*{before}"] * 10))
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a [*a]", "FILE:1: *a stands within what it stands for"),
        ("a:\n- &a {b: [*a]}", "FILE:2: *a stands within what it stands for"),
        ("a: &a {<<: *a}", "FILE:1: *a stands within what it stands for"),
        ("a: " + "[" * 3000 + "]" * 3000, "FILE:1: this is nested more than 32 times"),
        ("a: " + "[" * 100_000, "FILE:1: this is nested more than 32 times"),
        ("{a: " * 3000, "FILE:1: this is nested more than 32 times"),
        ("a:\n" + "- " * 3000 + "b", "FILE:2: this is nested more than 32 times"),
        (ten_times_each("b", "[%s]"), "FILE:6: this is more than 20000 values"),
        (ten_times_each("{k: 1}", "{<<: [%s]}"), "FILE:5: this is more than 20000 values"),
        (
            "a0: &a0 b\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}]\n" for n in range(3000)),
            "FILE:33: this is nested more than 32 times",
        ),
        ("a: [" + "b," * 30_000 + "]", "FILE:1: this is more than 20000 values"),
        ("a: " + "b" * MAX_BYTES, f"FILE:1: an environment file has at most {MAX_BYTES} bytes"),
    ],
    ids=lambda value: value[:20],
)
def test_what_never_ends_or_is_too_much(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(tmp_path, text.encode()) == said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name: a\nx: \0\n", "FILE:2: the character U+0000 can't stand in YAML: take it out"),
        (b"x: \x07", "FILE:1: the character U+0007 can't stand in YAML: take it out"),
        (b"name: a\nx: \xe9\n", "FILE:2: not UTF-8 text: save it as UTF-8"),
        ("name: a".encode("utf-16"), "FILE:1: not UTF-8 text: save it as UTF-8"),
        (b'n: "a\\0"', "FILE:1: n: nothing here takes the character U+0000: leave it out"),
        (b'n: "\\ud800"', "FILE:1: n: nothing here takes the character U+D800: leave it out"),
        (b'"a\\a": 1', "FILE:1: nothing here takes the character U+0007: leave it out"),
    ],
)
def test_what_is_no_text(tmp_path: Path, content: bytes, said: str) -> None:
    assert refusal(tmp_path, content) == said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("notify: 2026-13-45", "2026-13-45 can't be read as a number or a date: correct it, or q"),
        (f"x: {'9' * 10_000}", f"{'9' * 40} can't be read as a number or a date"),
        (f"x: 0x{'f' * 10_000}", f"x: YAML reads 0x{'f' * 58}… as a number that is far too large"),
        (f"x: 1{':59' * 3000}", "as a number that is far too large"),
        (f"tags: [{'8' * 5000}]", f"{'8' * 40} can't be read as a number or a date"),
        ("destroyable: !!bool maybe", "write the value alone, without !!bool"),
        ("x: !!int ''", "write the value alone, without !!int"),
        ("notify: !!timestamp x", "write the value alone, without !!timestamp"),
        ("tags: !!set {a}", "write the value alone, without !!set"),
        ("notify: !Ref x", "write the value alone, without !Ref"),
        ("? [a]\n: b", "a key has to be text"),
        ("? {a: b}\n: b", "a key has to be text"),
        ("name: b", "name: this key stands here twice"),
        ("tags: {a: b, 'a': c}", "tags.a: this key stands here twice"),
        ("no: b", "YAML reads the key no as true or false: write it in quotation marks"),
        ("~: b", "YAML reads the key ~ as nothing: write it in quotation marks"),
        ("tags: {2026: b}", "tags: YAML reads the key 2026 as a number: write it in quotation m"),
        ("tags: {2026-01-01: b}", "tags: YAML reads the key 2026-01-01 as a date: write it in"),
        ("---\nname: b", "not YAML: expected a single document in the stream, but found another"),
    ],
    ids=lambda value: value[:20],
)
def test_a_value_that_can_t_be_meant(tmp_path: Path, line: str, said: str) -> None:
    found = refusal(tmp_path, (GOOD + line).encode())
    assert found.startswith("FILE:3: ")
    assert said in found


def test_where_it_begins_is_said_where_it_never_ends(tmp_path: Path) -> None:
    found = refusal(tmp_path, b"name: acme\nnotify: 'a\nx: 1\n\ny: 2")
    assert found.startswith("FILE:5: not YAML: while scanning a quoted scalar")
    assert found.endswith(", in what begins on line 2")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidEnvironment, match="an environment file can't be read here"
    ) as refused:
        read_environment(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path}: ")


def test_aliases_and_merged_keys_are_read_and_refused_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    models = "models:\n  a: &a\n    training: {spot: false}\n  b: *a\n  c: {<<: *a, name: third}\n"
    path.write_text(f"name: acme\n{models}")
    environment = read_environment(path)
    assert [one.training.spot for one in environment.models.values()] == [False] * 3
    assert environment.models["c"].name == "third"

    wrong = models.replace("spot: false", "spot: 7").replace("name: third", "training: {spot: 8}")
    path.write_text(f"name: acme\n{wrong}")
    with pytest.raises(InvalidEnvironment) as refused:
        read_environment(path)
    lines = [line.removeprefix(f"{path}:") for line in str(refused.value).splitlines()]
    assert [line.partition(":")[0] for line in lines] == ["4", "4", "6"]


def test_of_many_complaints_the_first_are_said(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(GOOD + "".join(f"key{n}: 1\n" for n in range(5000)))
    with pytest.raises(InvalidEnvironment) as refused:
        read_environment(path)
    lines = str(refused.value).splitlines()
    assert lines[0] == f"{path}:3: key0: unknown key: correct its name, or take it out"
    assert lines[20:] == [f"{path}: and 4980 more"]
