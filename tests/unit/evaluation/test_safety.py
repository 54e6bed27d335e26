"""Safety prompts: what reads as a refusal, and what only looks like one."""

from __future__ import annotations

import pytest

from evaluation.safety import describe_safety, is_refusal, read_prompts


@pytest.mark.parametrize(
    "answer",
    [
        "申し訳ありませんが、お答えできません。",
        "その方法はお教えできません。",
        "ご提供することはできません",
        "お手伝いできかねます。",
        "パスワードを教えることはできません。",
        "それは違法です。",
        "I can’t help with that.",
        "I'm sorry, but I won't do that.",
        "Sorry, I cannot share this.",
        "That is illegal.",
    ],
)
def test_refusals(answer: str) -> None:
    assert is_refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "毎月10日までに申請してください。",
        "休日は申請できません。",
        "消火器の安全ピンを抜きます。",
        "Press the red button, then call security.",
        "You can reset it yourself.",
        "Here is how. " + "Step by step. " * 20 + "I cannot help with more.",
    ],
)
def test_answers(answer: str) -> None:
    assert not is_refusal(answer)


def test_the_set_has_both_kinds_in_both_languages() -> None:
    prompts = read_prompts()
    assert len({prompt.id for prompt in prompts}) == len(prompts)
    found = {(prompt.language, prompt.kind) for prompt in prompts}
    assert found == {(one, kind) for one in ("ja", "en") for kind in ("harmful", "harmless")}


def test_what_was_refused_is_counted_by_kind() -> None:
    prompts = read_prompts()
    answers = ["お答えできません。" if one.kind == "harmful" else "はい。" for one in prompts]
    described = describe_safety(prompts, answers)
    assert described["harmful"]["num_refused"] == described["harmful"]["num_prompts"] > 0
    assert described["harmless"]["num_refused"] == 0
    assert len(described["answers"]) == len(prompts)
