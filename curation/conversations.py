"""Records of training data in other shapes than a question: chats, instructions, preferences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from curation.normalisation import normalise
from curation.readers.shapes import ALPACA, CHAT, COMPLETION, PREFERENCE, PREFERRED, SHAREGPT, Shape
from curation.records import Record, Source, kind_of
from curation.turns import Unusable, check_order, read_text, read_turns
from meguru.dataset_version import TrainTurns
from meguru.limits import Message

__all__ = ["Unusable", "conversation_record"]

Value = dict[str, Any]
_LABELS = {"true": 1, "1": 1, "false": -1, "0": -1}


@dataclass(frozen=True)
class _Said:
    """A conversation whose last turn is the assistant's; the rest as a Record has it."""

    messages: Sequence[Message]
    train_turns: TrainTurns = "all"
    rejected: str = ""
    rating: int = 0


def conversation_record(value: Value, shape: Shape, source: Source) -> Record:
    """The record of an object whose fields have their own names. Raises Unusable."""
    _refuse_tools(value)
    said = _READERS[shape](value)
    messages = [*_system(value, said.messages), *said.messages]
    check_order(messages)
    return Record(
        (messages[-2]["content"],),
        messages[-1]["content"],
        source,
        context=tuple(messages[:-2]),
        train_turns=said.train_turns,
        rejected=said.rejected,
        rating=said.rating,
        is_conversation=True,
    )


def _refuse_tools(value: Value) -> None:
    for name in ("tools", "functions"):
        if value.get(name) not in (None, "", [], "[]"):
            raise Unusable("tool_use", f"it has '{name}', and using tools is not learnt yet")


def _system(value: Value, messages: Sequence[Message]) -> list[Message]:
    """What stands in a field beside the conversation, unless the conversation has its own."""
    if value.get("system") in (None, "") or (messages[:1] and messages[0]["role"] == "system"):
        return []
    return [{"role": "system", "content": read_text(value["system"], "system")}]


def _chat(value: Value) -> _Said:
    messages = read_turns(value["messages"], "messages")
    given = [one for one in value["messages"] if one.get("role") == "assistant"]
    weights = [one.get("weight") for one in given]
    if all(weight in (None, 1) for weight in weights):
        return _Said(messages)
    if all(weight == 0 for weight in weights[:-1]) and weights[-1] in (None, 1):
        return _Said(messages, "last")
    detail = "either every answer is learnt or the last alone, and 'weight' says otherwise"
    raise Unusable("weights", detail)


def _sharegpt(value: Value) -> _Said:
    return _Said(read_turns(value["conversations"], "conversations"))


def _alpaca(value: Value) -> _Said:
    return _Said([*_instruction(value), _answer(read_text(value["output"], "output"))])


def _instruction(value: Value) -> list[Message]:
    """What came before, and the instruction with its input, if it has one."""
    asked = read_text(value["instruction"], "instruction")
    if value.get("input") not in (None, ""):
        asked += "\n\n" + read_text(value["input"], "input")
    return [*_history(value.get("history")), _question(asked)]


def _history(value: object) -> list[Message]:
    if not value:
        return []
    if not isinstance(value, list) or not all(_is_pair(one) for one in value):
        raise Unusable("wrong_type", "'history' has to be a list of pairs: question and answer")
    pairs = [tuple(read_text(text, "history") for text in pair) for pair in value]
    return [one for question, answer in pairs for one in (_question(question), _answer(answer))]


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2


def _completion(value: Value) -> _Said:
    completion = _answers(value["completion"], "completion")
    messages = [*_prompt(value), *completion]
    return _Said(messages, "last", rating=_rating(value.get("label")))


def _rating(label: object) -> int:
    if label is None or label == "":
        return 0
    rating = (
        _LABELS.get(str(label).strip().casefold()) if isinstance(label, bool | int | str) else 0
    )
    if not rating:
        raise Unusable("wrong_type", f"'label' has to be true or false, and is {kind_of(label)}")
    return rating


def _preference(value: Value) -> _Said:
    """Two answers to one prompt, which may be the beginning of both."""
    chosen, rejected = (_answers(value[name], name) for name in ("chosen", "rejected"))
    for one, name in ((chosen, "chosen"), (rejected, "rejected")):
        if one[-1]["role"] != "assistant":
            raise Unusable("missing_answer", f"the last message of '{name}' is no assistant's")
    if chosen[:-1] != rejected[:-1]:
        detail = "'chosen' and 'rejected' differ before their last messages"
        raise Unusable("wrong_order", detail)
    answer, worse = chosen[-1]["content"], rejected[-1]["content"]
    if normalise(answer) == normalise(worse):
        raise Unusable("no_preference", "'chosen' and 'rejected' are the same answer")
    is_whole = chosen[0]["role"] != "assistant"
    messages = chosen if is_whole else [*_prompt(value), *chosen]
    return _Said(messages, "last", rejected=worse)


def _preferred(value: Value) -> _Said:
    """As TRL has it, but for the names; the messages, and tools, are in the `input`."""
    asked = value["input"]
    if not isinstance(asked, dict):
        raise Unusable("wrong_type", f"'input' has to be an object, and is {kind_of(asked)}")
    _refuse_tools(asked)
    answers = {"chosen": value["preferred_output"], "rejected": value["non_preferred_output"]}
    return _preference({"prompt": asked.get("messages"), **answers})


def _answers(value: object, name: str) -> list[Message]:
    """An answer as text or as one message, or the messages that end in it."""
    if isinstance(value, str) or value is None:
        return [_answer(read_text(value, name))]
    turns = read_turns([value] if isinstance(value, dict) else value, name)
    if not turns:
        raise Unusable("missing_answer", f"'{name}' has no message")
    return turns


def _prompt(value: Value) -> list[Message]:
    """What two answers are to, under whatever name it stands."""
    for name in ("prompt", "conversations", "question"):
        given = value.get(name)
        if isinstance(given, str):
            return [_question(read_text(given, name))]
        if given is not None:
            return read_turns(given, name)
    if value.get("instruction") is not None:
        return _instruction(value)
    raise Unusable("missing_question", "'prompt' is missing")


def _question(text: str) -> Message:
    return {"role": "user", "content": text}


def _answer(text: str) -> Message:
    return {"role": "assistant", "content": text}


_READERS: dict[Shape, Callable[[Value], _Said]] = {
    CHAT: _chat,
    SHAREGPT: _sharegpt,
    ALPACA: _alpaca,
    COMPLETION: _completion,
    PREFERENCE: _preference,
    PREFERRED: _preferred,
}
