"""What a Dockerfile says of its image: files, environment, working directory, command.

Follows https://docs.docker.com/reference/dockerfile/ for single-stage builds. What the base image
and RUN would install is taken as given by this machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

BASE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TAKEN_AS_GIVEN = frozenset(
    ["RUN", "USER", "EXPOSE", "HEALTHCHECK", "SHELL", "STOPSIGNAL", "VOLUME", "MAINTAINER"]
)
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})")
_HEREDOC = re.compile(r"<<-?([\"']?)(\w+)\1")


@dataclass(frozen=True)
class Copy:
    """One COPY or ADD: paths and globs of the build folder, and where they go in the image."""

    sources: tuple[str, ...]
    destination: str

    @property
    def into_folder(self) -> bool:
        return self.destination.endswith("/") or len(self.sources) > 1


@dataclass
class Recipe:
    """An image as its Dockerfile describes it; `command` is CMD."""

    copies: list[Copy] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": BASE_PATH})
    labels: dict[str, str] = field(default_factory=dict)
    working_directory: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)


def read_recipe(text: str, build_arguments: Mapping[str, str]) -> Recipe:
    """Follow a Dockerfile's text. ValueError names the first instruction that can't be followed."""
    reader = _Reader(build_arguments)
    for keyword, rest in _instructions(text):
        reader.follow(keyword, rest)
    if not reader.has_base:
        raise ValueError("the Dockerfile has no FROM: begin it with the base image")
    return reader.recipe


class _Reader:
    def __init__(self, build_arguments: Mapping[str, str]) -> None:
        self.recipe = Recipe()
        self.has_base = False
        self._build_arguments = build_arguments
        self._arguments: dict[str, str] = {}
        self._followers: dict[str, Callable[[str], None]] = {
            "FROM": self._from,
            "ARG": self._arg,
            "ENV": lambda rest: self._assign(self.recipe.environment, rest),
            "LABEL": lambda rest: self._assign(self.recipe.labels, rest),
            "COPY": self._copy,
            "ADD": self._add,
            "WORKDIR": self._workdir,
            "ENTRYPOINT": self._entrypoint,
            "CMD": self._cmd,
        }

    def follow(self, keyword: str, rest: str) -> None:
        follower = self._followers.get(keyword)
        if follower:
            follower(rest)
        elif keyword not in _TAKEN_AS_GIVEN:
            raise ValueError(f"{keyword} is not followed here: take it out of the Dockerfile")

    def _from(self, rest: str) -> None:
        if self.has_base:
            raise ValueError(
                f"FROM {rest}: multi-stage builds are not followed here; use a single stage"
            )
        self.has_base = True

    def _arg(self, rest: str) -> None:
        for word in self._words(rest):
            name, given, default = word.partition("=")
            if name in self._build_arguments or given:
                self._arguments[name] = self._build_arguments.get(name, default)

    def _assign(self, target: dict[str, str], rest: str) -> None:
        name, _, value = rest.partition(" ")
        if "=" not in name:
            target[name] = " ".join(self._words(value))
            return
        # Every value of one instruction sees the variables as they were before it.
        pairs = [word.partition("=") for word in self._words(rest)]
        target.update({name: value for name, _, value in pairs})

    def _copy(self, rest: str) -> None:
        while rest.startswith("--"):
            flag, _, rest = rest.partition(" ")
            rest = rest.lstrip()
            if flag.split("=")[0] not in ("--chown", "--chmod", "--link"):
                raise ValueError(
                    f"COPY {flag} is not followed here: copy from the build folder alone"
                )
        if _HEREDOC.search(rest):
            raise ValueError("COPY of a here-document is not followed here: copy a file")
        paths = json.loads(rest) if rest.startswith("[") else self._words(rest)
        if len(paths) < 2:
            raise ValueError(f"COPY {rest}: give sources and a destination")
        *sources, destination = paths
        absolute = str(PurePosixPath(self.recipe.working_directory, destination))
        is_folder = destination.endswith("/") or destination in (".", "..")
        self.recipe.copies.append(Copy(tuple(sources), absolute + "/" * is_folder))

    def _add(self, rest: str) -> None:
        if re.search(r"\b(https?|git|ssh)://|\bgit@", rest):
            raise ValueError(f"ADD {rest}: nothing is downloaded here; add the file to the folder")
        self._copy(rest)

    def _workdir(self, rest: str) -> None:
        joined = PurePosixPath(self.recipe.working_directory, *self._words(rest))
        self.recipe.working_directory = str(joined)

    def _entrypoint(self, rest: str) -> None:
        self.recipe.entrypoint = _command(rest)
        if not rest.startswith("["):
            self.recipe.command = []

    def _cmd(self, rest: str) -> None:
        self.recipe.command = _command(rest)

    def _words(self, text: str) -> list[str]:
        return _words(text, {**self._arguments, **self.recipe.environment})


def _command(rest: str) -> list[str]:
    """The exec form as it stands; the shell form run by /bin/sh."""
    if rest.startswith("["):
        try:
            return [str(word) for word in json.loads(rest)]
        except ValueError as error:
            raise ValueError(f"{rest} is no JSON list of words: {error}") from None
    return ["/bin/sh", "-c", rest]


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction's keyword (upper case) and the rest of it, continuations joined."""
    lines = iter(text.splitlines())
    pending = ""
    for line in lines:
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if stripped.endswith("\\"):
            pending += stripped[:-1] + " "
            continue
        keyword, _, rest = (pending + stripped).partition(" ")
        pending = ""
        if keyword.upper() == "RUN":
            _skip_heredocs(rest, lines)
        yield keyword.upper(), rest.strip()
    if pending:
        raise ValueError(f"the Dockerfile ends in the middle of: {pending.strip()}")


def _skip_heredocs(rest: str, lines: Iterator[str]) -> None:
    for match in _HEREDOC.finditer(rest):
        while next(lines, match.group(2)).strip() != match.group(2):
            pass


def _words(text: str, variables: Mapping[str, str]) -> list[str]:
    """Split as Docker does: quotes group, a backslash escapes, variables outside '...' expand."""
    found: list[str] = []
    word, quote, position = None, "", 0
    while position < len(text):
        character = text[position]
        variable = _VARIABLE.match(text, position) if quote != "'" else None
        if variable:
            word = (word or "") + _value(variable, variables)
            position = variable.end()
            continue
        position += 1
        if character == "\\" and quote != "'" and position < len(text):
            word, position = (word or "") + text[position], position + 1
        elif character in "\"'" and quote in ("", character):
            quote, word = ("" if quote else character), word or ""
        elif character.isspace() and not quote:
            found += [] if word is None else [word]
            word = None
        else:
            word = (word or "") + character
    if quote:
        raise ValueError(f"a quote is not closed in: {text}")
    return found + ([] if word is None else [word])


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    value = variables.get(match.group(1) or match.group(2), "")
    if match.group(3) == "-":
        return value or match.group(4)
    if match.group(3) == "+":
        return match.group(4) if value else ""
    return value
