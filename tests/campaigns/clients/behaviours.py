"""What a client is asked to do, and what it said of it: a line of JSON for each behaviour.

Imported by the program of each client, in that one's own environment: the standard library only.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

# What there is: the base URL with a place for a behaviour's name, the models, the keys.
PLACE: dict[str, Any] = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
QUESTION = "締切は?"
MESSAGES: list[Any] = [{"role": "user", "content": QUESTION}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a city",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]
SCHEMA = {
    "type": "object",
    "properties": {
        "answer": {"type": "string", "enum": ["yes", "no"]},
        "sure": {"type": "boolean"},
    },
    "required": ["answer", "sure"],
    "additionalProperties": False,
}
# So many tries beside the first, where a client is to try again.
NUM_RETRIES = 6

Behaviour = Callable[[str], None]
BEHAVIOURS: dict[str, Behaviour] = {}


def behaviour(function: Behaviour) -> Behaviour:
    """Register what a client does with the API at a base URL; AssertionError where it is wrong."""
    BEHAVIOURS[function.__name__] = function
    return function


def raises(kind: type[Exception], ask: Callable[[], object]) -> Any:
    """The client's own exception, of this class."""
    try:
        answer = ask()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}, but {answer!r}"[:300])


def check_stopped(whole: str, ask: Callable[[str], tuple[str, str]]) -> None:
    """`ask` gives the text and the reason of the same answer with a word that stops it."""
    word = whole[len(whole) // 2]
    said, reason = ask(word)
    assert said == whole.partition(word)[0], f"{said!r} of {whole!r} before {word!r}"
    assert reason == "stop", reason


def check_call(name: str | None, arguments: str | dict[str, Any] | None) -> None:
    """A tool's call, as the stand-in for vLLM makes it."""
    given = json.loads(arguments) if isinstance(arguments, str) else arguments
    assert (name, given) == ("weather", {"city": "東京"}), f"{name}: {given}"


def check_schema(said: dict[str, Any]) -> None:
    assert said.keys() == {"answer", "sure"}, said
    assert said["answer"] in ("yes", "no") and isinstance(said["sure"], bool), said


def check_same(one: list[float], other: list[float]) -> None:
    assert len(one) == len(other) == PLACE["dimensions"], (len(one), len(other))
    assert max(abs(a - b) for a, b in zip(one, other, strict=True)) < 1e-6


def main() -> None:
    for name in sys.argv[2:] or list(BEHAVIOURS):
        said = ""
        try:
            BEHAVIOURS[name](PLACE["base"].replace("NAME", name))
        except Exception as error:  # noqa: BLE001
            # Whatever a client raises, it has raised: the others are asked all the same.
            said = f"{type(error).__name__}: {error}"[:500]
        print(json.dumps({"behaviour": name, "wrong": said}), flush=True)
