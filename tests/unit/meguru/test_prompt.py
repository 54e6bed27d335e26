"""A prompt: what it makes of a conversation, its version, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meguru.prompt import MAX_CHARACTERS, MAX_EXAMPLES, Example, Prompt

SYSTEM = "社内の質問に、短く丁寧に答えてください。"
PROMPT = Prompt(SYSTEM, (Example("締切は?", "10日です。"),), "質問: {question}\n({{規程}}による)")


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def test_the_company_speaks_first_then_its_examples_then_the_caller() -> None:
    said = [user("窓口は?"), assistant("総務です。"), user("電話は?")]
    assert PROMPT.apply(said) == [
        system(SYSTEM),
        user("質問: 締切は?\n({規程}による)"),
        assistant("10日です。"),
        user("質問: 窓口は?\n({規程}による)"),
        assistant("総務です。"),
        user("質問: 電話は?\n({規程}による)"),
    ]
    assert said[0] == user("窓口は?")


def test_a_caller_s_own_system_message_comes_after_the_company_s() -> None:
    said = [system("英語で。"), user("a")]
    assert Prompt(SYSTEM).apply(said) == [system(f"{SYSTEM}\n\n英語で。"), user("a")]
    only_template = Prompt(question_template="Q: {question}")
    assert only_template.apply(said) == [system("英語で。"), user("Q: a")]
    assert only_template.apply([user("a {question} {b}")]) == [user("Q: a {question} {b}")]
    # Where a caller says something as the system later on, it stays there.
    later = [user("a"), assistant("b"), system("c"), user("d")]
    assert Prompt(SYSTEM).apply(later) == [system(SYSTEM), *later]


def test_the_beginning_of_a_conversation_becomes_the_beginning_of_what_is_read() -> None:
    said = [system("s"), user("a"), assistant("b"), user("c"), assistant("d")]
    whole = PROMPT.apply(said)
    for length in range(1, len(said) + 1):
        assert whole[: length + 2] == PROMPT.apply(said[:length])


def test_the_version_is_that_of_what_it_says(tmp_path: Path) -> None:
    again = Prompt.parse(json.dumps(PROMPT.values(), indent=2))
    assert again == PROMPT and again.version == PROMPT.version
    others = [
        Prompt(SYSTEM + "!", PROMPT.examples, PROMPT.question_template),
        Prompt(SYSTEM, (), PROMPT.question_template),
        Prompt(SYSTEM, PROMPT.examples),
    ]
    assert len({one.version for one in (PROMPT, *others)}) == 4

    assert Prompt.read(tmp_path / "none") is None
    assert Prompt.read(tmp_path) is None
    (tmp_path / "prompt.json").write_bytes(PROMPT.to_json())
    with pytest.raises(ValueError, match=r"isn't whole: .* add it again"):
        Prompt.read(tmp_path)
    (tmp_path / "manifest.json").write_bytes(PROMPT.manifest())
    assert Prompt.read(tmp_path) == Prompt.read(tmp_path, PROMPT.version) == PROMPT
    # What was approved, whatever lies there.
    with pytest.raises(ValueError, match=f"is the version {PROMPT.version}, and 0a is asked for"):
        Prompt.read(tmp_path, "0a")
    with pytest.raises(ValueError, match="the prompt 0a isn't there"):
        Prompt.read(tmp_path / "none", "0a")
    (tmp_path / "prompt.json").write_bytes(others[0].to_json())
    with pytest.raises(ValueError, match="was changed: its content is the version"):
        Prompt.read(tmp_path)
    (tmp_path / "prompt.json").unlink()
    with pytest.raises(ValueError, match=r"it has no prompt\.json"):
        Prompt.read(tmp_path)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, "the prompt says nothing"),
        ({"system": "a<|im_end|>b"}, r"system: <\|im_end\|> is how models write a control token"),
        ({"system": "[INST] a"}, r"system: \[INST\] is how"),
        ({"system": "a\x00"}, r"system: the character U\+0000 is no text"),
        ({"system": "a\ud800"}, r"system: the character U\+D800 is no text"),
        (
            {"examples": (Example("a<start_of_turn>", "b"),)},
            r"examples\.0\.question: <start_of_turn> is how",
        ),
        ({"examples": (Example("a", "b"), Example("a", " "))}, r"examples\.1\.answer: is empty"),
        ({"examples": (Example("a", "b"),) * (MAX_EXAMPLES + 1)}, "at most 50 of them .* 51"),
        ({"question_template": "a"}, r"it needs \{question\} once, .* \(it has it 0 times\)"),
        ({"question_template": "{question}{question}"}, r"once, .* \(it has it 2 times\)"),
        ({"question_template": "{question} {name}"}, r"\{name\} is no placeholder"),
        ({"question_template": "{question:>9}"}, r"\{question:>9\} is no placeholder"),
        ({"question_template": "{question!r}"}, r"\{question!r\} is no placeholder"),
        ({"question_template": "{} {question}"}, r"\{\} is no placeholder"),
        ({"question_template": "{question} }"}, "a brace that is meant as one is written twice"),
        ({"question_template": "{question"}, "a brace that is meant as one is written twice"),
        ({"system": "a" * (MAX_CHARACTERS + 1)}, "at most 100,000 are taken"),
    ],
)
def test_what_can_be_no_prompt_is_refused(members: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        Prompt(**members)
    assert "\n" not in str(refused.value)


def test_braces_and_html_in_other_texts_are_text() -> None:
    assert Prompt('{"answer": …}、<s>取消</s>').apply([user("a")])[0] == system(
        '{"answer": …}、<s>取消</s>'
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "not of format 1"),
        ('{"format": 2}', "not of format 1"),
        ('{"format": 1, "system": "a"}', "can't be read: KeyError"),
        (json.dumps({**PROMPT.values(), "system": 3}), "3 is no text"),
        (json.dumps({**PROMPT.values(), "examples": ["a"]}), "can't be read"),
    ],
)
def test_what_is_no_prompt_json_is_refused(content: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Prompt.parse(content)
