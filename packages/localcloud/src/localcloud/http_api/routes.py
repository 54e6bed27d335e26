"""From a request's path and method to the resource of an API that answers it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

# Percent-encoded letters, digits, and - . _ ~
_UNRESERVED = re.compile(r"%(?:2[DdEe]|3\d|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9AaEe])")


@dataclass(frozen=True)
class Route:
    """A resource's method that matched; path parameters are as sent, still percent-encoded."""

    resource: dict[str, Any]
    method: dict[str, Any]
    path_parameters: dict[str, str]


@dataclass
class _Node:
    static: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    greedy: _Node | None = None
    resource: dict[str, Any] | None = None

    def child(self, part: str) -> _Node:
        if part.startswith("{") and part.endswith("+}"):
            self.greedy = self.greedy or _Node()
            return self.greedy
        if part.startswith("{") and part.endswith("}"):
            self.parameter = self.parameter or _Node()
            return self.parameter
        return self.static.setdefault(part, _Node())


class RouteTable:
    """The resources of a deployment: static parts win over `{param}`, that over `{proxy+}`.

    A more specific resource that lacks the method does not hide a less specific one that has it.
    """

    def __init__(self, resources: Iterable[dict[str, Any]]) -> None:
        self._root = _Node()
        for resource in resources:
            node = self._root
            for part in split_path(resource["path"]):
                node = node.child(part)
            node.resource = resource

    def match(self, http_method: str, path: str) -> Route | None:
        """The best route for a raw path that starts with `/`, or None."""
        for resource, values in _candidates(self._root, split_path(path)):
            methods = resource.get("resourceMethods", {})
            method = methods.get(http_method) or methods.get("ANY")
            if method is not None:
                names = _parameter_names(resource["path"])
                return Route(resource, method, dict(zip(names, values, strict=True)))
        return None


def split_path(path: str) -> list[str]:
    """The parts between slashes; a trailing slash counts for nothing."""
    parts = path.split("/")[1:]
    if parts and not parts[-1]:
        parts.pop()
    return parts


def canonical_path(path: str) -> str:
    """The path as policies see it: a trailing slash or `%61` for `a` leads past no statement.

    Only unreserved characters are decoded (RFC 3986, 6.2.2.2): `%2F` is no slash.
    """
    decoded = _UNRESERVED.sub(lambda match: unquote(match[0]), path)
    return "/" + "/".join(split_path(decoded))


def _parameter_names(path: str) -> list[str]:
    return [p[1:-1].rstrip("+") for p in split_path(path) if p.startswith("{")]


def _candidates(node: _Node, parts: list[str]) -> Iterator[tuple[dict[str, Any], list[str]]]:
    if not parts:
        if node.resource is not None:
            yield node.resource, []
        return
    head, rest = parts[0], parts[1:]
    static = node.static.get(head) or node.static.get(unquote(head))
    if static is not None:
        yield from _candidates(static, rest)
    if node.parameter is not None and head:
        for resource, values in _candidates(node.parameter, rest):
            yield resource, [head, *values]
    if node.greedy is not None and node.greedy.resource is not None and any(parts):
        yield node.greedy.resource, ["/".join(parts)]
