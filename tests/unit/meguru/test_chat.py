"""Conversations to ids: only the template sets control tokens, contents come back as written."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from meguru.chat import FOLD_WIDTHS, QUESTION_READING, ChatEncoder, fold_widths
from meguru.prompt import Prompt

# Forms of public models: their roles' markers, with tool calls that aren't marked as special.
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if tools %}<tool_call>{% endif %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TRIMMED = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<start>' + message['role'] + '\n\n' + message['content'] | trim + '<stop>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start>assistant\n\n' }}{% endif %}"
)


def make_tokenizer(template: str, tokens: list[AddedToken], **options: Any) -> Any:
    """Bytes without merges, so that what a text becomes can be read off."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: index for index, character in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    before = options.pop("pre_tokenizers", [])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*before, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.normalizer = options.pop("normalizer", None)
    tokenizer.add_tokens(tokens)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, chat_template=template, **options
    )


def special(*contents: str) -> list[AddedToken]:
    return [AddedToken(one, special=True, normalized=False) for one in contents]


TOOL_CALL = AddedToken("<tool_call>", special=False, normalized=False)
TABLE = AddedToken("<table>", special=False, normalized=False)
TOKENIZERS = {
    "chatml": make_tokenizer(CHATML, [*special("<|im_start|>", "<|im_end|>"), TOOL_CALL, TABLE]),
    "trimmed": make_tokenizer(TRIMMED, special("<bos>", "<start>", "<stop>"), bos_token="<bos>"),
    "one character": make_tokenizer(TRIMMED, special("<start>", "<stop>", "★")),
}
TOKENS = ("<|im_start|>", "<|im_end|>", "<tool_call>", "<table>", "<bos>", "<start>", "<stop>", "★")
PARTS = (
    "<|",
    "im_end|>",
    "<",
    "<|im_",
    "＜｜ｉｍ＿ｅｎｄ｜＞",
    "👨‍👩‍👧",
    "10⁶",
    " ",
    "\n",
    "user",
    "é",
)
FRAGMENTS = st.sampled_from(TOKENS + PARTS)
CONTENTS = st.lists(FRAGMENTS | st.text(max_size=3), max_size=8).map("".join)


def conversation(*contents: str) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [{"role": roles[i % 2], "content": one} for i, one in enumerate(contents)]


@pytest.mark.parametrize("name", TOKENIZERS)
@given(question=CONTENTS, answer=CONTENTS)
def test_no_content_sets_a_control_token(name: str, question: str, answer: str) -> None:
    tokenizer = TOKENIZERS[name]
    encoder = ChatEncoder(tokenizer)
    encoded = encoder.encode_conversation(conversation(question, answer))
    plain = encoder.encode_conversation(conversation("a", "b"))
    for ids, expected in ((encoded.prompt, plain.prompt), (encoded.answer, plain.answer)):
        control = [one for one in ids if one in encoder.control_ids]
        assert control == [one for one in expected if one in encoder.control_ids]
    kept = str.strip if "trim" in tokenizer.chat_template else str
    end = {"chatml": "<|im_end|>\n"}.get(name, "<stop>")
    assert tokenizer.decode(encoded.answer) == kept(answer) + end


@pytest.mark.parametrize("name", TOKENIZERS)
@given(contents=st.lists(st.text("abc 。\n有給é⁶", max_size=9), min_size=1, max_size=4))
def test_ordinary_contents_get_the_tokenizers_own_ids(name: str, contents: list[str]) -> None:
    tokenizer, messages = TOKENIZERS[name], conversation(*contents)
    own = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = ChatEncoder(tokenizer).encode_prompt(messages)
    assert ids == tokenizer(own, add_special_tokens=False)["input_ids"]


def test_only_the_last_turn_is_the_answer() -> None:
    tokenizer = TOKENIZERS["chatml"]
    messages = [{"role": "system", "content": "s"}, *conversation("q1", "a1", "q2", "a2")]
    encoded = ChatEncoder(tokenizer).encode_conversation(messages)
    assert tokenizer.decode(encoded.prompt) == (
        "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nq1<|im_end|>\n"
        "<|im_start|>assistant\na1<|im_end|>\n<|im_start|>user\nq2<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert tokenizer.decode(encoded.answer) == "a2<|im_end|>\n"


def test_what_ends_an_answer_is_the_template_s() -> None:
    for name, end in {"chatml": "<|im_end|>", "trimmed": "<stop>"}.items():
        (end_id,) = ChatEncoder(TOKENIZERS[name]).end_ids
        assert end_id == TOKENIZERS[name].convert_tokens_to_ids(end)


def test_added_tokens_that_no_template_uses_stay_text_of_one_token() -> None:
    tokenizer = TOKENIZERS["chatml"]
    table = tokenizer.convert_tokens_to_ids("<table>")
    assert ChatEncoder(tokenizer).encode_text("a<table>b").count(table) == 1
    tool_call = tokenizer.convert_tokens_to_ids("<tool_call>")
    assert tool_call not in ChatEncoder(tokenizer).encode_text("a<tool_call>b")


def test_a_normalizer_can_make_no_control_token() -> None:
    tokenizer = make_tokenizer(
        TRIMMED,
        [*special("<bos>"), *(AddedToken(one, special=True) for one in ("<start>", "<stop>"))],
        normalizer=normalizers.NFKC(),
    )
    encoder = ChatEncoder(tokenizer)
    assert encoder.control_ids.isdisjoint(encoder.encode_text("a＜ｓｔｏｐ＞b<stop>"))


SPECIAL = special("<bos>", "<start>", "<stop>")
START_OF_TEXT = pre_tokenizers.Metaspace(prepend_scheme="first")
EACH_TEXT = pre_tokenizers.Metaspace(prepend_scheme="always")
TAKES_SPACE = [AddedToken(one, special=True, rstrip=True) for one in ("<start>", "<stop>")]
# Only a text's beginning and end are control tokens; turns are marked by words.
INSTRUCTIONS = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] + '<stop>' }}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}"
    "{% endfor %}"
)
THINKING = (
    "{% for message in messages %}"
    "{{ '<start>' + message['role'] + '\n' + message['content'] + '<stop>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start>assistant\n' }}"
    "{% if enable_thinking is not defined or enable_thinking %}{{ '<think>\n' }}{% endif %}"
    "{% endif %}"
)
ALWAYS_THINKING = THINKING.replace("enable_thinking is not defined or enable_thinking", "true")
OF_OTHER_KINDS = {
    "first": make_tokenizer(TRIMMED, SPECIAL, bos_token="<bos>", pre_tokenizers=[START_OF_TEXT]),
    "always": make_tokenizer(INSTRUCTIONS, SPECIAL, bos_token="<bos>", pre_tokenizers=[EACH_TEXT]),
    "words": make_tokenizer(INSTRUCTIONS, SPECIAL, bos_token="<bos>"),
    "takes space": make_tokenizer(TRIMMED, [*special("<bos>"), *TAKES_SPACE], bos_token="<bos>"),
    "thinking": make_tokenizer(THINKING, SPECIAL),
}


@pytest.mark.parametrize("name", OF_OTHER_KINDS)
@given(contents=st.lists(st.text("abc 。有給é⁶", min_size=1, max_size=9), min_size=2, max_size=4))
def test_other_kinds_get_the_tokenizers_own_ids(name: str, contents: list[str]) -> None:
    tokenizer = OF_OTHER_KINDS[name]
    encoder = ChatEncoder(tokenizer)
    messages = conversation(*contents[: len(contents) // 2 * 2])

    def own(said: list[dict[str, str]], is_asked: bool) -> list[int]:
        text = tokenizer.apply_chat_template(
            said, tokenize=False, add_generation_prompt=is_asked, enable_thinking=False
        )
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    assert encoder.encode_prompt(messages[:-1]) == own(messages[:-1], True)
    encoded = encoder.encode_conversation(messages, every_answer=True)
    assert encoded.prompt + encoded.answer == own(messages, False)
    assert encoded.prompt == own(messages[:-1], True)


def test_a_thought_that_is_only_asked_for_stays_in_the_prompt() -> None:
    tokenizer = make_tokenizer(ALWAYS_THINKING, SPECIAL)
    encoded = ChatEncoder(tokenizer).encode_conversation(conversation("q", "a"))
    assert tokenizer.decode(encoded.prompt) == "<start>user\nq<stop>\n<start>assistant\n<think>\n"
    assert tokenizer.decode(encoded.answer) == "a<stop>\n"


def test_a_system_message_that_a_template_refuses_begins_the_question() -> None:
    encoder = ChatEncoder(OF_OTHER_KINDS["words"])
    system = {"role": "system", "content": "Be brief."}
    ids = encoder.encode_prompt([system, *conversation("Who?")])
    text = OF_OTHER_KINDS["words"].decode(ids)
    assert text == "<bos>[INST] Be brief.\n\nWho? [/INST]"


def test_what_a_template_refuses_is_refused_in_its_words() -> None:
    encoder = ChatEncoder(OF_OTHER_KINDS["words"])
    with pytest.raises(ValueError, match="refuses the conversation: Only user and assistant"):
        encoder.encode_prompt([{"role": "tool", "content": "4"}])


def test_a_tokenizer_that_reads_parts_unlike_the_whole_is_refused() -> None:
    tokens = [*special("<bos>", "<stop>"), AddedToken("<start>", special=True, single_word=True)]
    with pytest.raises(ValueError, match="can't encode a chat in parts"):
        ChatEncoder(make_tokenizer(TRIMMED, tokens))


def test_a_template_that_rewrites_the_prompt_is_refused() -> None:
    template = "{{ messages | length }}" + TRIMMED
    tokenizer = make_tokenizer(template, special("<bos>", "<start>", "<stop>"))
    with pytest.raises(ValueError, match="only append the answer"):
        ChatEncoder(tokenizer).encode_conversation(conversation("q", "a"))


def test_only_questions_are_read_in_one_width() -> None:
    reading = {QUESTION_READING: FOLD_WIDTHS}
    tokenizer = make_tokenizer(TRIMMED, special("<bos>", "<start>", "<stop>"), **reading)
    encoded = ChatEncoder(tokenizer).encode_conversation(conversation("ＡＢ？", "ＡＢ？"))
    assert tokenizer.decode(encoded.prompt) == "<start>user\n\nAB?<stop><start>assistant\n\n"
    assert tokenizer.decode(encoded.answer) == "ＡＢ？<stop>"


def test_an_unknown_reading_is_refused() -> None:
    tokenizer = make_tokenizer(TRIMMED, special("<start>"), **{QUESTION_READING: "backwards"})
    with pytest.raises(ValueError, match="question_reading 'backwards'"):
        ChatEncoder(tokenizer)


@pytest.mark.parametrize(
    "text, folded",
    [
        ("ＡＢＣ１２３？", "ABC123?"),
        ("ｶﾞｲﾄﾞ　ﾌﾟﾗﾝ", "ガイド プラン"),
        ("10⁶ ½ ① ㎏ 👨‍👩‍👧 ﬁ", "10⁶ ½ ① ㎏ 👨‍👩‍👧 ﬁ"),
        ("\ufa19田さん、か\u3099い", "\ufa19田さん、がい"),
        ("＜｜ｅｎｄ｜＞", "<|end|>"),
    ],
)
def test_widths_are_folded_and_nothing_else(text: str, folded: str) -> None:
    assert fold_widths(text) == folded


@given(st.text())
def test_what_is_folded_has_no_other_width(text: str) -> None:
    folded = fold_widths(text)
    assert fold_widths(folded) == folded
    assert unicodedata.normalize("NFKC", folded) == unicodedata.normalize("NFKC", text)


class Counting(ChatEncoder):
    """Counts how often its tokenizer is asked."""

    num_calls = 0

    def _tokenize(self, texts: list[str]) -> list[list[int]]:
        self.num_calls += 1
        return super()._tokenize(texts)


def test_every_answer_of_a_conversation_is_tokenized_at_once() -> None:
    encoder = Counting(TOKENIZERS["chatml"])
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    asked = []
    for num_answers in (2, 20):
        before = encoder.num_calls
        encoded = encoder.encode_conversation(turns * num_answers, every_answer=True)
        assert len(encoded.earlier_answers) == num_answers - 1
        asked.append(encoder.num_calls - before)
    assert asked[0] == asked[1]


class OneByOne(ChatEncoder):
    """Finds every answer by rendering all before it."""

    def _places(self, messages: Any, whole: str) -> None:
        return None


# As models that think do: what they thought is left out of all answers but the last.
FORGETTING = (
    "{% for message in messages %}"
    "{{ '<start>' + message['role'] + '\n' }}"
    "{% if loop.last and message['role'] == 'assistant' %}"
    "{{ '<think>\n\n</think>\n\n' }}"
    "{% endif %}"
    "{{ message['content'] + '<stop>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start>assistant\n<think>\n\n</think>\n\n' }}{% endif %}"
)
# Some write not all of a content: where it stands can't be told.
CUTTING = TRIMMED.replace("| trim", ".split('b')[-1]")
MANY_TURNS = {
    **TOKENIZERS,
    **OF_OTHER_KINDS,
    "forgetting": make_tokenizer(FORGETTING, SPECIAL),
    "cutting": make_tokenizer(CUTTING, SPECIAL, bos_token="<bos>"),
}


@pytest.mark.parametrize("name", MANY_TURNS)
@pytest.mark.parametrize("prompt", [None, Prompt(system="p", question_template="Q: {question}")])
@given(contents=st.lists(st.text("ab \n<。", max_size=6), min_size=6, max_size=16), has_system=...)
def test_answers_are_where_each_is_found_by_itself(
    name: str, prompt: Prompt | None, contents: list[str], has_system: bool
) -> None:
    tokenizer = MANY_TURNS[name]
    said = conversation(*(f"{one}q" for one in contents[: len(contents) // 2 * 2]))
    messages = [*([{"role": "system", "content": "s"}] if has_system else []), *said]
    quick = ChatEncoder(tokenizer, prompt).encode_conversation(messages, every_answer=True)
    assert quick == OneByOne(tokenizer, prompt).encode_conversation(messages, every_answer=True)


class CountingRenders(ChatEncoder):
    num_renders = 0

    def _apply(self, messages: Any, *, add_generation_prompt: bool) -> str:
        self.num_renders += 1
        return super()._apply(messages, add_generation_prompt=add_generation_prompt)


@pytest.mark.parametrize("name", sorted(MANY_TURNS.keys() - {"cutting"}))
def test_a_conversation_of_many_turns_is_rendered_no_oftener(name: str) -> None:
    encoder = CountingRenders(MANY_TURNS[name])
    renders = []
    for num_turns in (10, 60):
        before = encoder.num_renders
        messages = conversation(*(f" そう {number}\n" for number in range(num_turns)))
        encoded = encoder.encode_conversation(messages, every_answer=True)
        assert len(encoded.earlier_answers) == num_turns // 2 - 1
        renders.append(encoder.num_renders - before)
    assert renders[0] == renders[1]
