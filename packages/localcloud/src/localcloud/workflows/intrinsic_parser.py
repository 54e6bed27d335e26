"""The grammar of JSONPath states' intrinsic functions: `States.Format('{}', $.name)`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from localcloud.workflows.paths import Path, compile_path

MAX_NESTING = 10
_NAME = re.compile(r"States\.[A-Za-z0-9]+")
_LITERAL = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|null")
_ESCAPED = {"'", "\\", "{", "}"}
_CLOSERS = {"[": "]", "(": ")"}


@dataclass(frozen=True)
class Literal:
    value: str | int | float | bool | None


@dataclass(frozen=True)
class Call:
    """A call of an intrinsic function by its full name."""

    name: str
    arguments: tuple[Argument, ...]


Argument: TypeAlias = Literal | Path | Call


@lru_cache(maxsize=2048)
def parse(text: str) -> Call:
    """Parse a whole call; ValueError says where it goes wrong."""
    parser = _Parser(text)
    call = parser.call(depth=1)
    parser.skip_spaces()
    if parser.position < len(text):
        raise parser.error("nothing may follow the call")
    return call


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.position = text, 0

    def error(self, what: str) -> ValueError:
        return ValueError(f"{self.text!r} at character {self.position}: {what}")

    def skip_spaces(self) -> None:
        while self._next() == " ":
            self.position += 1

    def _next(self) -> str:
        return self.text[self.position : self.position + 1]

    def _take(self, character: str) -> None:
        self.skip_spaces()
        if self._next() != character:
            raise self.error(f"expected {character!r}")
        self.position += 1

    def call(self, depth: int) -> Call:
        self.skip_spaces()
        name = _NAME.match(self.text, self.position)
        if name is None:
            raise self.error("expected an intrinsic function, such as States.Format(...)")
        if depth > MAX_NESTING:
            raise self.error(f"at most {MAX_NESTING} intrinsic functions can be nested")
        self.position = name.end()
        self._take("(")
        return Call(name[0], tuple(self._arguments(depth)))

    def _arguments(self, depth: int) -> list[Argument]:
        arguments: list[Argument] = []
        self.skip_spaces()
        while self._next() != ")":
            if arguments:
                self._take(",")
                self.skip_spaces()
            arguments.append(self._argument(depth))
            self.skip_spaces()
        self.position += 1
        return arguments

    def _argument(self, depth: int) -> Argument:
        first = self._next()
        if first == "'":
            return Literal(self._string())
        if first == "$":
            return compile_path(self._path())
        if literal := _LITERAL.match(self.text, self.position):
            self.position = literal.end()
            return Literal(json.loads(literal[0]))
        return self.call(depth + 1)

    def _string(self) -> str:
        """A quoted string. `\\{` and `\\}` stay escaped: States.Format tells them from `{}`."""
        characters: list[str] = []
        self.position += 1
        while (character := self._next()) != "'":
            if character == "":
                raise self.error("the string has no closing quote")
            if character == "\\":
                self.position += 1
                following = self._next()
                if following not in _ESCAPED:
                    raise self.error("a backslash stands before ', \\, { or } only")
                character = f"\\{following}" if following in {"{", "}"} else following
            characters.append(character)
            self.position += 1
        self.position += 1
        return "".join(characters)

    def _path(self) -> str:
        start, closing, quote = self.position, list[str](), ""
        while character := self._next():
            if quote:
                quote = "" if character == quote else quote
            elif character in {"'", '"'}:
                quote = character
            elif character in _CLOSERS:
                closing.append(_CLOSERS[character])
            elif closing and character == closing[-1]:
                closing.pop()
            elif not closing and character in {",", ")"}:
                break
            self.position += 1
        return self.text[start : self.position].strip()
