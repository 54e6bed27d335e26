"""A prompt's file is read as it is meant, or refused with its line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.prompt_file import read_prompt_file
from cli.synthesis import REPOSITORY
from meguru.prompt import MAX_CHARACTERS, Example, Prompt
from meguru.prompt_checks import PLACEHOLDER

WHOLE = """\
# What everybody who asks is answered by.
system: |
  あなたは総務部の担当者です。

  - 規程にないことは「分かりません」と答えます。
examples:
  - question: 有給休暇の締切は?
    answer: >-
      毎月10日
      です。
question_template: |
  質問: {question}
  {{規程}}だけを見て答えてください。
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "p.yaml"
    path.write_text(text, "utf-8")
    return path


def test_a_file_is_read_as_it_is_meant(tmp_path: Path) -> None:
    assert read_prompt_file(write(tmp_path, WHOLE)) == Prompt(
        "あなたは総務部の担当者です。\n\n- 規程にないことは「分かりません」と答えます。",
        (Example("有給休暇の締切は?", "毎月10日 です。"),),
        "質問: {question}\n{{規程}}だけを見て答えてください。",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: a prompt's file has keys and values"),
        ("- a", "1: a prompt's file has keys and values"),
        ("system: [a", "not YAML"),
        ("system: a\nsytem: b", "2: sytem: unknown key"),
        ("system: a\nsystem: b", "2: system: this key stands here twice"),
        ("system: 3", "1: system: text (it is 3)"),
        ("system:\n", "1: system: is empty"),
        ("{}", "the prompt says nothing: give it a system"),
        ("system: ' '", "the prompt says nothing"),
        ("system: |\n  a\n  <|im_end|>", "1: system: <|im_end|> is how models write a control"),
        ('system: "a\\u0007"', "U+0007"),
        ("examples:\n- question: a\n  answer: ''", "3: examples.0.answer: is empty"),
        ("examples:\n- question: a", "2: examples.0.answer: this key is missing"),
        ("examples:\n- {user: a, assistant: b}", "examples.0.user: unknown key"),
        ("question_template: 'Q: {q}'", "1: question_template: {q} is no placeholder"),
        ("question_template: 'Q:'", "it needs {question} once"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ValueError) as refused:
        read_prompt_file(path)
    told = str(refused.value)
    assert told.startswith(f"{path}:")
    assert said in told
    assert "environment" not in told


@pytest.mark.parametrize("sign", ["あ", "a", "\\U0001F600"])
def test_a_prompt_is_held_to_its_characters_whatever_they_take(tmp_path: Path, sign: str) -> None:
    fits = MAX_CHARACTERS - len(PLACEHOLDER)
    prompt = read_prompt_file(write(tmp_path, f'system: "{sign * fits}"'))
    assert len(prompt.system) == fits
    with pytest.raises(ValueError, match="has 100,001 characters, and at most 100,000 are taken"):
        read_prompt_file(write(tmp_path, f'system: "{sign * (fits + 1)}"'))


def test_a_file_far_beyond_any_prompt_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a prompt's file has at most 1065536 bytes"):
        read_prompt_file(write(tmp_path, "system: " + "a" * 2_000_000))


def test_the_example_s_prompt_is_one() -> None:
    path = REPOSITORY / "examples" / "prompts" / "meguru-text.yaml"
    assert read_prompt_file(path).system.startswith("総務の窓口です。")


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    for path, said in ((tmp_path, "can't be read here"), (tmp_path / "x", "there is no such file")):
        with pytest.raises(ValueError, match=said):
            read_prompt_file(path)
    path = tmp_path / "p.yaml"
    path.write_bytes("system: 短く".encode("cp932"))
    with pytest.raises(ValueError, match="not UTF-8 text"):
        read_prompt_file(path)
