"""No model reads more of a prompt than its bound says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meguru.chat import ChatEncoder
from meguru.prompt import Example, Prompt
from meguru.prompt_bound import PromptBound
from tests.unit.meguru.test_prompt_template import PROMPTS, TEXTS, TOKENIZERS, conversation

# Some templates drop the space around a content, which a question's template keeps: the request's
# own bound has it.
SAID = TEXTS.map(str.strip)
LONG = {
    # NFKC makes 18 characters of one, and one of two.
    "forms": Prompt("\ufdfa" * 50, question_template="\ufdfa{question}e\u0301"),
    "long": Prompt("社内規程を読む。" * 500, (Example("窓口は?" * 30, "総務。" * 90),) * 5),
}


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("prompt", [*PROMPTS.values(), *LONG.values()], ids=[*PROMPTS, *LONG])
@settings(max_examples=15, deadline=None)
@given(texts=st.lists(SAID, min_size=1, max_size=5), system=st.none() | SAID)
def test_it_is_never_too_small(
    name: str, prompt: Prompt, texts: list[str], system: str | None
) -> None:
    messages = conversation(texts, system)
    plain, prompted = (ChatEncoder(TOKENIZERS[name], one) for one in (None, prompt))
    added = len(prompted.encode_prompt(messages)) - len(plain.encode_prompt(messages))
    assert 0 < added <= PromptBound.of(prompt).most_tokens(messages)


def test_each_question_has_its_template() -> None:
    bound = PromptBound.of(Prompt("12345", question_template="Q: {question}!"))
    assert bound == PromptBound(16 + 5, 4)
    for texts, num_questions in ((["a"], 1), (["a", "b", "c"], 2)):
        assert bound.most_tokens(conversation(texts, "s")) == 21 + num_questions * 4
    assert PromptBound().most_tokens(conversation(["a"], None)) == 0


def test_what_holds_for_both() -> None:
    assert PromptBound(1, 9).or_more(PromptBound(3, 2)) == PromptBound(3, 9)


@pytest.mark.parametrize("number", [int, str])
def test_it_is_kept_and_read(number: Any) -> None:
    values = {name: number(one) for name, one in PromptBound(3, 9).values().items()}
    assert PromptBound.read(values) == PromptBound(3, 9)
