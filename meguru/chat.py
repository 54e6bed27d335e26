"""A conversation as a model reads it: the chat template may set control tokens, no content may.

A template writes its control tokens as text, and a content may hold the same text: an answer that
explains `<|end|>`, a question that forges a turn. In the rendered text the two look alike. So
contents go through the template in disguise: the characters that control tokens begin with are
replaced by ones no text can hold. What still looks like a control token then is the template's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain, pairwise, zip_longest
from typing import Any, Protocol

from meguru.chat_places import Span, marked, places
from meguru.normalisation import composed
from meguru.prompt import Prompt

Message = Mapping[str, str]

# The member of tokenizer_config.json that names the rule by which a model reads questions.
QUESTION_READING = "question_reading"
FOLD_WIDTHS = "fold_widths"
# Lone halves of surrogate pairs: valid text has none.
DISGUISES = range(0xDC00, 0xE000)
# Stands before a text that isn't the first, for tokenizers that begin a first one in another way;
# for private use, so that it is no part of a token with what follows.
ANCHOR = "\ue000"


class ChatTokenizer(Protocol):
    """What is needed of one of transformers' fast tokenizers."""

    chat_template: Any
    init_kwargs: Any

    @property
    def added_tokens_decoder(self) -> Mapping[int, Any]: ...

    def apply_chat_template(self, conversation: Any, **options: Any) -> Any: ...

    def __call__(self, text: Any, **options: Any) -> Any: ...


@dataclass(frozen=True)
class EncodedConversation:
    """Token ids: all before the answer, and the answer's own with what ends it.

    `earlier_answers` is where in `prompt` an assistant said something before, with what ends it.
    """

    prompt: list[int]
    answer: list[int]
    earlier_answers: tuple[range, ...] = ()


class ChatEncoder:
    """Encodes conversations for one tokenizer, in training, evaluation and serving alike.

    Contents without control tokens get the ids that the tokenizer itself would give them. With a
    `prompt` every conversation is encoded as it makes it.
    """

    def __init__(self, tokenizer: ChatTokenizer, prompt: Prompt | None = None) -> None:
        """Raises ValueError where the tokenizer's chats can't be encoded this way."""
        self._tokenizer, self._prompt = tokenizer, prompt
        self._control = control_tokens(tokenizer)
        self.control_ids = frozenset(self._control.values())
        texts = sorted(self._control, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, texts)) or "(?!)")
        self._inside = re.compile("|".join(map(_after_first_character, texts)) or "(?!)")
        starts = sorted({ord(text[0]) for text in texts})
        self._disguise = dict(zip(starts, DISGUISES, strict=False))
        self._uncover = {disguise: start for start, disguise in self._disguise.items()}
        self._folds_widths = _folds_widths(tokenizer)
        tokens = [one for one in tokenizer.added_tokens_decoder.values() if one.content in texts]
        self._takes_space_before = {one.content for one in tokens if one.lstrip}
        self._takes_space_after = {one.content for one in tokens if one.rstrip}
        self._anchor: list[int] = []
        self._check()
        self.takes_system = self._renders_system()

    @property
    def end_ids(self) -> frozenset[int]:
        """The control tokens that end an answer, whatever else the model's own settings name."""
        said = {"user": "a", "assistant": "b"}
        messages = [{"role": role, "content": content} for role, content in said.items()]
        return self.control_ids.intersection(self.encode_conversation(messages).answer)

    @property
    def num_prompt_tokens(self) -> int:
        """How many tokens the prompt adds to a question that nothing else was said before."""
        question = [{"role": "user", "content": "a"}]
        alone = self._apply(question, add_generation_prompt=True)
        return len(self.encode_prompt(question)) - len(self._encode(alone))

    def find_control_token(self, text: str) -> str | None:
        """The first of the control tokens whose text is in `text`."""
        found = self._pattern.search(text)
        return found and found[0]

    def encode_prompt(self, messages: Sequence[Message]) -> list[int]:
        """The ids of `messages` and of what comes before the answer to them."""
        return self._encode(self._render(messages, add_generation_prompt=True))

    def encode_conversation(
        self, messages: Sequence[Message], *, every_answer: bool = False
    ) -> EncodedConversation:
        """`messages`, of any number of turns, of which the last is the answer to be learnt.

        With `every_answer` the earlier ones of an assistant are found too, each encoded by itself,
        as a model writes it.
        """
        prompt = self._render(messages[:-1], add_generation_prompt=True)
        whole = self._render(messages, add_generation_prompt=False)
        answer = whole[self._answer_start(messages[:-1], prompt, whole) :]
        spans = self._earlier_answers(messages, whole) if every_answer else []
        borders = [0, *chain.from_iterable(spans), len(prompt), len(prompt) + len(answer)]
        *before, own = self._encode_pieces(prompt + answer, borders)
        ends = list(accumulate(map(len, before)))
        # What an assistant said stands between what did not.
        answers = tuple(range(*pair) for pair in zip(ends[:-1:2], ends[1::2], strict=True))
        return EncodedConversation(list(chain.from_iterable(before)), own, answers)

    def _earlier_answers(self, messages: Sequence[Message], whole: str) -> list[Span]:
        """Where in the rendered conversation each of an assistant's turns but the last stands.

        A turn is found by rendering all before it. Of many, the first and the last are: where what
        stands around their contents is the same, it bounds the others, and a conversation takes
        as much longer as it is longer.
        """
        said = [index for index, one in enumerate(messages[:-1]) if one["role"] == "assistant"]
        ends = {index: self._answer_span(messages, index, whole) for index in said[:1] + said[-1:]}
        places = self._places(messages, whole) if len(said) > len(ends) else None
        if places is None:
            return [ends.get(one) or self._answer_span(messages, one, whole) for one in said]
        around = {_around(whole, ends[index], places[index]) for index in ends}
        alike = around.pop() if len(around) == 1 else None
        return [
            ends.get(one)
            or _bounded(whole, places[one], alike)
            or self._answer_span(messages, one, whole)
            for one in said
        ]

    def _places(self, messages: Sequence[Message], whole: str) -> list[Span] | None:
        """Where the content of each message stands; None where the template doesn't tell."""
        said = self._said(messages)
        try:
            marks = self._apply(marked(said), add_generation_prompt=False)
        except ValueError:
            return None
        found = places(whole, marks, [one["content"] for one in said])
        # A prompt's own turns come first, and a system message may be in the question after it.
        return found and [(0, 0)] * max(0, len(messages) - len(said)) + found[-len(messages) :]

    def _answer_span(self, messages: Sequence[Message], index: int, whole: str) -> Span:
        before = self._render(messages[:index], add_generation_prompt=True)
        start = self._answer_start(messages[:index], before, whole)
        until = self._render(messages[: index + 1], add_generation_prompt=False)
        if whole.startswith(until):
            return start, len(until)
        # Some templates write the last answer otherwise than earlier ones. No content holds a
        # control token, so the first is the one that ends the turn.
        end = self._pattern.search(whole, start)
        if end is None:
            raise ValueError("the chat template has no control token that ends a turn")
        return start, end.end()

    def _answer_start(self, messages: Sequence[Message], prompt: str, whole: str) -> int:
        """Where in `whole` the answer to `messages` begins.

        What a template asks for an answer with may be more than it writes before one that is
        there: the beginning of a thought. Then the answer begins where the two part.
        """
        if whole.startswith(prompt):
            return len(prompt)
        said = self._render(messages, add_generation_prompt=False)
        if not (whole.startswith(said) and prompt.startswith(said)):
            raise ValueError("the chat template must only append the answer to its own prompt")
        return next(
            index for index, pair in enumerate(zip_longest(prompt, whole)) if pair[0] != pair[1]
        )

    def encode_text(self, text: str) -> list[int]:
        """The ids of `text` as plain text, whatever control tokens it seems to hold."""
        return self._encode_texts([text])[0]

    def _render(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
        """The conversation as the template writes it, contents in disguise."""
        return self._apply(self._said(messages), add_generation_prompt=add_generation_prompt)

    def _said(self, messages: Sequence[Message]) -> list[dict[str, str]]:
        """The messages that go through the template, contents in disguise."""
        said = messages if self._prompt is None else self._prompt.apply(messages)
        disguised = [{**one, "content": self._content(one)} for one in said]
        if not self.takes_system:
            disguised = _with_system_in_question(disguised)
        return disguised

    def _apply(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
        """The template's own text. It is a program of others, which may raise anything."""
        try:
            return str(
                self._tokenizer.apply_chat_template(
                    list(messages),
                    tokenize=False,
                    add_generation_prompt=add_generation_prompt,
                    enable_thinking=False,  # no template that knows no thinking minds
                )
            )
        except Exception as error:
            raise ValueError(f"the chat template refuses the conversation: {error}") from error

    def _renders_system(self) -> bool:
        """Whether a system message comes through the template; some refuse or drop it.

        Some write it into the last question, as long as nothing answers: what a model is asked and
        what it learns would be two things.
        """
        said = {"system": ANCHOR, "user": "a b", "assistant": "c"}
        messages = [{"role": role, "content": content} for role, content in said.items()]
        try:
            asked = self._apply(messages[:-1], add_generation_prompt=True)
            answered = self._apply(messages, add_generation_prompt=False)
        except ValueError:
            return False
        return ANCHOR in asked and ANCHOR in answered

    def _content(self, message: Message) -> str:
        is_question = message["role"] == "user"
        content = message["content"]
        read = fold_widths(content) if self._folds_widths and is_question else content
        return read.translate(self._disguise)

    def _encode(self, rendered: str) -> list[int]:
        return self._encode_all([rendered])[0]

    def _encode_all(self, rendered: Sequence[str]) -> list[list[int]]:
        """Run by run: between two control tokens of the template all is plain text."""
        parts = [self._parts(one) for one in rendered]
        # Only the first of each is a beginning: the others come after a control token.
        first = self._encode_texts([self._text(one, 0) for one in parts])
        texts = [self._text(one, index) for one in parts for index in range(2, len(one), 2)]
        later = iter(self._encode_texts(texts, self._anchor))
        found = []
        for run, one in zip(first, parts, strict=True):
            ids = list(run)
            for control in one[1::2]:
                ids += [self._control[control], *next(later)]
            found.append(ids)
        return found

    def _parts(self, rendered: str) -> list[str]:
        """Plain texts, perhaps empty ones, and the control tokens between them."""
        spans = [found.span() for found in self._pattern.finditer(rendered)]
        ends = [0, *chain.from_iterable(spans), len(rendered)]
        return [rendered[start:end] for start, end in pairwise(ends)]

    def _text(self, parts: list[str], index: int) -> str:
        """The text of a part, without the space that the control tokens beside it take."""
        text = parts[index]
        if index and parts[index - 1] in self._takes_space_after:
            text = text.lstrip()
        if index + 1 < len(parts) and parts[index + 1] in self._takes_space_before:
            text = text.rstrip()
        return text.translate(self._uncover)

    def _encode_pieces(self, text: str, borders: Sequence[int]) -> list[list[int]]:
        """The ids of each piece of `text`, from one border to the next, after what is before it."""
        # What stands before the last control token before a piece changes nothing in it.
        last, starts = 0, []
        for border in borders[:-1]:
            for found in self._pattern.finditer(text, last, border):
                last = found.start()
            starts.append(last)
        pieces = list(zip(starts, borders, borders[1:], strict=False))
        alone = self._encode_all([text[start:begin] for start, begin, _ in pieces])
        both = self._encode_all([text[start:end] for start, _, end in pieces])
        return [
            whole[len(before) :]
            if whole[: len(before)] == before
            # They share a token: a model that answers has only what was there before.
            else self._encode(text[begin:end])
            for before, whole, (_, begin, end) in zip(alone, both, pieces, strict=True)
        ]

    def _encode_texts(self, texts: list[str], anchor: Sequence[int] = ()) -> list[list[int]]:
        if not texts:
            return []
        runs = self._tokenize([ANCHOR * bool(anchor and one) + one for one in texts])
        runs = [run[len(anchor) :] if anchor and run else run for run in runs]
        for index, ids in enumerate(runs):
            if not self.control_ids.isdisjoint(ids):
                # An added token that isn't marked as special is matched in any text: cut within.
                pieces = self._tokenize([one for one in self._inside.split(texts[index]) if one])
                runs[index] = list(chain.from_iterable(pieces))
                if not self.control_ids.isdisjoint(runs[index]):
                    raise ValueError("the tokenizer makes control tokens of plain text")
        return runs

    def _tokenize(self, texts: list[str]) -> list[list[int]]:
        # Always with these options: other ones would change the tokenizer that threads share.
        encoded = self._tokenizer(
            texts,
            add_special_tokens=False,
            split_special_tokens=True,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        runs: list[list[int]] = encoded["input_ids"]
        return runs

    def _check(self) -> None:
        """Some tokenizers treat a text's beginning unlike its middle, or drop space at a token."""
        messages = [{"role": "user", "content": "a b"}]
        rendered = self._apply(messages, add_generation_prompt=True)
        own = self._tokenizer(rendered, add_special_tokens=False)["input_ids"]
        for anchor in ([], self._tokenize([ANCHOR])[0]):
            self._anchor = anchor
            if self._encode(rendered) == own:
                return
        raise ValueError("the tokenizer can't encode a chat in parts: other tokens come out")


def _around(whole: str, answer: Span, content: Span) -> tuple[str, str] | None:
    """What of an answer stands before its content, and after it; None where that isn't in it."""
    if answer[0] <= content[0] and content[1] <= answer[1]:
        return whole[answer[0] : content[0]], whole[content[1] : answer[1]]
    return None


def _bounded(whole: str, content: Span, around: tuple[str, str] | None) -> Span | None:
    """The answer with this content, if the same stands around it."""
    if around is None:
        return None
    start, end = content[0] - len(around[0]), content[1] + len(around[1])
    is_alike = whole.startswith(around[0], start) and whole.startswith(around[1], content[1])
    return (start, end) if is_alike else None


def _with_system_in_question(messages: Sequence[Message]) -> list[dict[str, str]]:
    """A system message at the beginning of the question after it, as such models are used."""
    first, *others = [dict(one) for one in messages]
    if first["role"] != "system" or not others:
        return [first, *others]
    others[0]["content"] = f"{first['content']}\n\n{others[0]['content']}"
    return others


def control_tokens(tokenizer: ChatTokenizer) -> dict[str, int]:
    """Tokens that mean more than their text, with their ids: special ones and the template's."""
    template = str(tokenizer.chat_template)
    return {
        token.content: token_id
        for token_id, token in tokenizer.added_tokens_decoder.items()
        if token.special or (len(token.content.strip()) > 1 and token.content in template)
    }


@lru_cache(maxsize=1024)  # a conversation is rendered a few times
def fold_widths(text: str) -> str:
    """Full-width Latin and half-width katakana in the width they are learnt in.

    Unlike NFKC it leaves powers, fractions and every other sign as they are, variant kanji of
    names too.
    """
    return composed("".join(map(_usual_width, text)))


def _usual_width(character: str) -> str:
    kind, _, code_point = unicodedata.decomposition(character).partition(" ")
    return chr(int(code_point, 16)) if kind in ("<wide>", "<narrow>") else character


def _folds_widths(tokenizer: ChatTokenizer) -> bool:
    reading = tokenizer.init_kwargs.get(QUESTION_READING)
    if reading not in (None, FOLD_WIDTHS):
        raise ValueError(f"{QUESTION_READING} {reading!r} of the tokenizer is not known")
    return reading is not None


def _after_first_character(token: str) -> str:
    """A pattern of the place within `token` where cutting leaves two plain texts."""
    return f"(?<={re.escape(token[0])})(?={re.escape(token[1:])})"
