"""The shapes of training data, known by their keys."""

from __future__ import annotations

import pytest

from curation.readers.shapes import (
    ALPACA,
    CHAT,
    COMPLETION,
    PREFERENCE,
    QUESTION,
    SHAREGPT,
    Shape,
    complaint_of_keys,
    shape_of,
)


@pytest.mark.parametrize(
    ("keys", "shape"),
    [
        (("質問", "A", "メモ"), QUESTION),
        (("question",), QUESTION),
        (("question", "answer", "messages"), QUESTION),
        (("answer", "messages"), CHAT),
        (("id", "conversations"), SHAREGPT),
        (("Instruction", "input", "Output", "text"), ALPACA),
        (("prompt", "completion", "label"), COMPLETION),
        (("prompt", "prompt_id", "messages", "chosen", "rejected"), PREFERENCE),
        (("system", "question", "chosen", "rejected"), PREFERENCE),
        (("prompt", "prompt_id", "messages"), CHAT),
        (("prompt", "chosen"), None),
        (("text",), None),
        ((), None),
    ],
)
def test_shape(keys: tuple[str, ...], shape: Shape | None) -> None:
    assert shape_of(keys) is shape


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("id", "paragraphs"), "SQuAD) is not read yet; the object has 'id', 'paragraphs'; known"),
        (("role", "content"), "one message: put all of a chat into the list 'messages'"),
        (("from", "value"), "one message: put all of a chat into the list 'conversations'"),
        (("prompt", "chosen"), "has 'prompt', 'chosen'; known are question: question, q"),
        (("foo",), "or, in English, a chat: messages; a chat of ShareGPT: conversations; an"),
        (("foo",), "instruction, input, output; a preference: prompt, chosen, rejected; a prompt"),
    ],
)
def test_what_has_no_known_shape_is_told_its_keys_and_the_shapes(
    keys: tuple[str, ...], said: str
) -> None:
    complaint = complaint_of_keys(keys)
    assert complaint and complaint[0] == "unknown_keys" and said in complaint[1]


def test_record_has_no_complaint() -> None:
    assert complaint_of_keys(("question", "answer", "messages")) is None
    assert complaint_of_keys(("question", "answer", "Input", "input")) is None
    assert complaint_of_keys(("messages",)) is None
    assert complaint_of_keys(()) is None


def test_a_field_that_is_there_twice() -> None:
    assert complaint_of_keys(("messages", "Messages")) == (
        "repeated_key",
        "'messages', 'Messages' are both the messages: keep one",
    )
