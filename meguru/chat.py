"""A conversation as a model reads it: the chat template may set control tokens, no content may.

A template writes its control tokens as text, and a content may hold the same text: an answer that
explains `<|end|>`, a question that forges a turn. In the rendered text the two look alike. So
contents go through the template in disguise: the characters that control tokens begin with are
replaced by ones no text can hold. What still looks like a control token then is the template's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, zip_longest
from typing import Any, Protocol

from meguru.normalisation import composed

Message = Mapping[str, str]

# The member of tokenizer_config.json that names the rule by which a model reads questions.
QUESTION_READING = "question_reading"
FOLD_WIDTHS = "fold_widths"
# Lone halves of surrogate pairs: valid text has none.
DISGUISES = range(0xDC00, 0xE000)


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

    Contents without control tokens get the ids that the tokenizer itself would give them.
    """

    def __init__(self, tokenizer: ChatTokenizer) -> None:
        """Raises ValueError where the tokenizer's chats can't be encoded this way."""
        self._tokenizer = tokenizer
        self._control = control_tokens(tokenizer)
        self.control_ids = frozenset(self._control.values())
        texts = sorted(self._control, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, texts)) or "(?!)")
        self._inside = re.compile("|".join(map(_after_first_character, texts)) or "(?!)")
        starts = sorted({ord(text[0]) for text in texts})
        self._disguise = dict(zip(starts, DISGUISES, strict=False))
        self._uncover = {disguise: start for start, disguise in self._disguise.items()}
        self._folds_widths = _folds_widths(tokenizer)
        self._check()

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
        _check_appends(whole, prompt)
        ids: list[int] = []
        answers = []
        position = 0
        for start, end in self._earlier_answers(messages, whole) if every_answer else ():
            ids += self._encode(prompt[position:start])
            said = self._encode(prompt[start:end])
            answers.append(range(len(ids), len(ids) + len(said)))
            ids += said
            position = end
        ids += self._encode(prompt[position:])
        return EncodedConversation(ids, self._encode(whole[len(prompt) :]), tuple(answers))

    def _earlier_answers(
        self, messages: Sequence[Message], whole: str
    ) -> Iterator[tuple[int, int]]:
        """Where in the rendered conversation each of an assistant's turns but the last stands."""
        for index, message in enumerate(messages[:-1]):
            if message["role"] != "assistant":
                continue
            before = self._render(messages[:index], add_generation_prompt=True)
            _check_appends(whole, before)
            until = self._render(messages[: index + 1], add_generation_prompt=False)
            if whole.startswith(until):
                yield len(before), len(until)
                continue
            # Some templates write the last answer otherwise than earlier ones. No content holds a
            # control token, so the first is the one that ends the turn.
            end = self._pattern.search(whole, len(before))
            if end is None:
                raise ValueError("the chat template has no control token that ends a turn")
            yield len(before), end.end()

    def encode_text(self, text: str) -> list[int]:
        """The ids of `text` as plain text, whatever control tokens it seems to hold."""
        return self._encode_texts([text])[0]

    def _render(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
        """The conversation as the template writes it, contents in disguise."""
        disguised = [{**one, "content": self._content(one)} for one in messages]
        return str(
            self._tokenizer.apply_chat_template(
                disguised, tokenize=False, add_generation_prompt=add_generation_prompt
            )
        )

    def _content(self, message: Message) -> str:
        is_question = message["role"] == "user"
        content = message["content"]
        read = fold_widths(content) if self._folds_widths and is_question else content
        return read.translate(self._disguise)

    def _encode(self, rendered: str) -> list[int]:
        """Run by run: between two control tokens of the template all is plain text."""
        ends = [0]
        for found in self._pattern.finditer(rendered):
            ends += found.span()
        ends.append(len(rendered))
        parts = [rendered[start:end] for start, end in pairwise(ends)]
        ids: list[int] = []
        runs = self._encode_texts([one.translate(self._uncover) for one in parts[::2]])
        for run, control in zip_longest(runs, parts[1::2]):
            ids += run if control is None else [*run, self._control[control]]
        return ids

    def _encode_texts(self, texts: list[str]) -> list[list[int]]:
        runs = self._tokenize(texts)
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
        rendered = self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        own = self._tokenizer(rendered, add_special_tokens=False)["input_ids"]
        if self.encode_prompt(messages) != own:
            raise ValueError("the tokenizer can't encode a chat in parts: other tokens come out")


def _check_appends(whole: str, prompt: str) -> None:
    if not whole.startswith(prompt):
        raise ValueError("the chat template must only append the answer to its own prompt")


def control_tokens(tokenizer: ChatTokenizer) -> dict[str, int]:
    """Tokens that mean more than their text, with their ids: special ones and the template's."""
    template = str(tokenizer.chat_template)
    return {
        token.content: token_id
        for token_id, token in tokenizer.added_tokens_decoder.items()
        if token.special or (len(token.content.strip()) > 1 and token.content in template)
    }


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
