"""Apache Velocity as API Gateway knows it: airspeed, taught what it lacks of names and methods.

https://velocity.apache.org/engine/1.7/vtl-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import airspeed

Method = Callable[..., Any]

# Methods of Java's strings, lists and maps; one that airspeed neither knows would silently stay in
# the output as text.
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
    "isEmpty": lambda entries: not entries,
    "containsKey": lambda entries, key: key in entries,
    "entrySet": lambda entries: [{"key": k, "value": v} for k, v in entries.items()],
    "remove": lambda entries, key: entries.pop(key, None),
}
# Velocity's names may have hyphens, as headers do; airspeed's may not.
_NAME = r"[a-z_][a-z0-9_-]*"


@lru_cache(maxsize=512)
def compiled(template: str) -> airspeed.Template:
    """A template ready to be merged. airspeed.TemplateError where it is not Velocity."""
    _teach()
    made = airspeed.Template(template)
    made.ensure_compiled()
    return made


@cache
def _teach() -> None:
    """Add names and methods to airspeed's own tables, which are the process's."""
    known: dict[type, dict[str, Method]] = airspeed.__additional_methods__
    for kind, methods in ((str, _STRING), (list, _LIST), (dict, _MAP)):
        for name, method in methods.items():
            known[kind].setdefault(name, method)
    airspeed.NameOrCall.NAME = re.compile(f"({_NAME})", re.S | re.I)
    airspeed.SetDirective.PLACE = re.compile(rf"\s*\$({_NAME}(?:\.{_NAME})*)", re.S | re.I)
    airspeed.ForeachDirective.LOOP_VAR_NAME = re.compile(rf"\$({_NAME})", re.S | re.I)
