"""Methods of Java's strings, lists and maps that mapping templates call, for airspeed's values.

airspeed brings a few of them; one that neither knows would silently stay in the output as text.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import airspeed

Method = Callable[..., Any]

_STRING: dict[str, Method] = {
    "equals": lambda text, other: text == other,
    "equalsIgnoreCase": lambda text, other: text.lower() == str(other).lower(),
    "isEmpty": lambda text: not text,
    "toString": lambda text: text,
    "toLowerCase": lambda text: text.lower(),
    "toUpperCase": lambda text: text.upper(),
    "trim": lambda text: text.strip(),
    "endsWith": lambda text, suffix: text.endswith(suffix),
    "indexOf": lambda text, part: text.find(part),
    "lastIndexOf": lambda text, part: text.rfind(part),
    "substring": lambda text, start, end=None: text[start:end],
    "concat": lambda text, other: text + str(other),
}
_LIST: dict[str, Method] = {
    "isEmpty": lambda items: not items,
    "indexOf": lambda items, item: items.index(item) if item in items else -1,
}
_MAP: dict[str, Method] = {
    "size": lambda entries: len(entries),
    "containsKey": lambda entries, key: key in entries,
    "entrySet": lambda entries: [{"key": k, "value": v} for k, v in entries.items()],
    "remove": lambda entries, key: entries.pop(key, None),
}


@cache
def teach() -> None:
    """Add the methods to airspeed's own table, which is the process's."""
    known: dict[type, dict[str, Method]] = airspeed.__additional_methods__
    for kind, methods in ((str, _STRING), (list, _LIST), (dict, _MAP)):
        for name, method in methods.items():
            known[kind].setdefault(name, method)
