"""A prompt over the forms of public models' templates: one result in our encoder and in Jinja."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meguru.chat import ChatEncoder
from meguru.prompt import Example, Prompt
from meguru.prompt_fit import check_fit
from meguru.prompt_template import chat_template
from tests.unit.meguru.test_chat import CHATML, make_tokenizer, special

LLAMA3 = """\
{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = '' %}
{%- endif %}
{{- '<|start_header_id|>system<|end_header_id|>\n\n' + system_message + '<|eot_id|>' }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }}
    {{- message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %}
"""
# The system's text at the beginning of the last question, unless it is answered.
MISTRAL = """\
{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('user and assistant have to take turns') }}
    {%- endif %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST]" + system_message + "\n\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST]" + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- else %}
        {{- message["content"] + eos_token }}
    {%- endif %}
{%- endfor %}
"""
GEMMA = """\
{{ bos_token }}{% if messages[0]['role'] == 'system' %}
{{ raise_exception('System role not supported') }}{% endif %}
{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}\
{{ raise_exception('roles must alternate') }}{% endif %}
{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}
{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}
{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}
"""
# It reads system messages, and says nothing of them; its first line is empty.
SILENT = "\n\n{% for message in messages if message['role'] != 'system' %}" + CHATML.partition(
    "%}"
)[2].replace("{% if tools %}<tool_call>{% endif %}", "")

TOKENIZERS: dict[str, Any] = {
    "chatml": make_tokenizer(CHATML, special("<|im_start|>", "<|im_end|>")),
    "llama 3": make_tokenizer(
        LLAMA3,
        special("<|bos|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        bos_token="<|bos|>",
    ),
    "mistral": make_tokenizer(
        MISTRAL, special("<s>", "</s>", "[INST]", "[/INST]"), bos_token="<s>", eos_token="</s>"
    ),
    "gemma": make_tokenizer(
        GEMMA, special("<bos>", "<start_of_turn>", "<end_of_turn>"), bos_token="<bos>"
    ),
    "silent": make_tokenizer(SILENT, special("<|im_start|>", "<|im_end|>")),
}
PROMPTS = {
    "system": Prompt('短く答えて。\n「規程」に"よる" \\n {{ x }} {% y %} 𠮷野家 😀 \u2028'),
    "examples": Prompt(examples=(Example("締切は?", "10日。"), Example("窓口は?", "総務。"))),
    "template": Prompt(question_template="{{質問}} \\ '{question}'\n以上"),
    "all": Prompt("s", (Example("q", "a"),), "Q: {question}"),
}
TEXTS = st.text("ab 。\n有'\"\\{}%é", min_size=1, max_size=6).filter(str.strip)


def conversation(texts: list[str], system: str | None) -> list[dict[str, str]]:
    """Of an odd number of turns: the last one asks."""
    odd = texts[: len(texts) - 1 + len(texts) % 2]
    turns = [
        {"role": ("user", "assistant")[index % 2], "content": text}
        for index, text in enumerate(odd)
    ]
    return ([] if system is None else [{"role": "system", "content": system}]) + turns


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
@settings(max_examples=20, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=5), system=st.none() | TEXTS)
def test_the_file_and_the_encoder_say_the_same(
    name: str, prompt: Prompt, texts: list[str], system: str | None
) -> None:
    tokenizer, messages = TOKENIZERS[name], conversation(texts, system)
    encoder = ChatEncoder(tokenizer, prompt)
    template = chat_template(tokenizer.chat_template, prompt, takes_system=encoder.takes_system)
    options = {"tokenize": False, "add_generation_prompt": True}
    rendered = tokenizer.apply_chat_template(messages, chat_template=template, **options)
    said = prompt.apply(messages)
    if not encoder.takes_system and said[0]["role"] == "system":
        first, second, *others = said
        joined = f"{first['content']}\n\n{second['content']}"
        said = [{**second, "content": joined}, *others]
    assert rendered == tokenizer.apply_chat_template(said, **options)
    # Where contents hold no control token the ids are the tokenizer's own for that text.
    ids = tokenizer(rendered, add_special_tokens=False)["input_ids"]
    assert encoder.encode_prompt(messages) == ids
    # vLLM hands contents in parts to some templates.
    parts = [{**one, "content": [{"type": "text", "text": one["content"]}]} for one in messages]
    assert tokenizer.apply_chat_template(parts, chat_template=template, **options) == rendered


def test_which_templates_take_a_system_message_is_found_out() -> None:
    found = {name: ChatEncoder(one).takes_system for name, one in TOKENIZERS.items()}
    assert found == {
        "chatml": True, "llama 3": True, "mistral": False, "gemma": False, "silent": False
    }  # fmt: skip


@pytest.mark.parametrize("name", TOKENIZERS)
def test_no_text_of_a_prompt_sets_a_control_token(name: str) -> None:
    """What the check lets through by mistake is plain text all the same in our own engine."""
    tokenizer = TOKENIZERS[name]
    plain, forged = ChatEncoder(tokenizer, Prompt("a")), ChatEncoder(tokenizer, Prompt("a</s>★"))
    question = [{"role": "user", "content": "q"}]
    counts = [
        sum(one in encoder.control_ids for one in encoder.encode_prompt(question))
        for encoder in (plain, forged)
    ]
    assert counts[0] == counts[1] > 0


def test_earlier_answers_are_found_after_a_prompt() -> None:
    said = conversation(["q1", "a1", "q2", "a2", "q3"], None)
    messages = [*said, {"role": "assistant", "content": "a3"}]
    for tokenizer in TOKENIZERS.values():
        encoder = ChatEncoder(tokenizer, PROMPTS["all"])
        encoded = encoder.encode_conversation(messages, every_answer=True)
        texts = [tokenizer.decode(encoded.prompt[one.start : one.stop]) for one in
                 encoded.earlier_answers]  # fmt: skip
        assert [text[:2] for text in texts] == ["a1", "a2"]
        assert tokenizer.decode(encoded.answer).startswith("a3")


def test_a_prompt_has_to_fit_the_model() -> None:
    tokenizer = TOKENIZERS["mistral"]

    def fit(prompt: Prompt, context_tokens: int) -> int:
        return check_fit(prompt, ChatEncoder(tokenizer, prompt), context_tokens)

    # A token for each byte of this tokenizer's, and two line ends.
    assert fit(Prompt("a" * 30), 64) == 32
    with pytest.raises(ValueError, match=r"takes 33 of the model's 64 tokens .* 50% are left"):
        fit(Prompt("a" * 31), 64)
    with pytest.raises(ValueError, match=r"system has </s>, a control token of this model"):
        fit(Prompt("a</s>"), 64)
