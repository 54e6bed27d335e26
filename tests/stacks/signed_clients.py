"""The clients that a function has of its own, in boto3's place, found by reading their module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
MODULE = ".signed.clients"
# What a client makes its calls by, which the service's name is told first.
CALLS = "SignedCalls"


@dataclass(frozen=True)
class SignedClient:
    """A class that stands for boto3's client of a service, or for a resource's table."""

    service: str
    methods: frozenset[str]


def signed_clients(tree: ast.Module) -> dict[str, SignedClient]:
    """The clients that a module imports, by the names that it has for them."""
    return {
        one.asname or one.name: clients[one.name]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.endswith(MODULE)
        for clients in [clients_of(node.module)]
        for one in node.names
        if one.name in clients
    }


@cache
def clients_of(module: str) -> dict[str, SignedClient]:
    """A module's clients. One that is made of another, as a table is, is of its service."""
    path = REPOSITORY.joinpath(*module.split(".")).with_suffix(".py")
    found: dict[str, SignedClient] = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            methods = {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)}
            public = frozenset(name for name in methods if not name.startswith("_"))
            for service in _services(methods.get("__init__"), found):
                found[node.name] = SignedClient(service, public)
    return found


def _services(init: ast.FunctionDef | None, known: dict[str, SignedClient]) -> Iterator[str]:
    for node in ast.walk(init) if init else ():
        match node:
            case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(service)), *_]):
                if name == CALLS:
                    yield service
            case ast.arg(annotation=ast.Name(id=name)) if name in known:
                yield known[name].service
