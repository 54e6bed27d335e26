"""What YAML reads otherwise than the person who wrote it: refused before it is read."""

from __future__ import annotations

import re
import unicodedata

import yaml

from stacks.environment.loader import Refused
from stacks.environment.refusals import shown

_TAG = "tag:yaml.org,2002:"
_NUMBERS = (f"{_TAG}int", f"{_TAG}float")
# YAML reads more as numbers: 010 is 8, 1:30 is 90, 0x10 is 16.
_DECIMAL = re.compile(
    r"[-+]?(0|[1-9][0-9_]*)|[-+]?[0-9][0-9_]*\.[0-9]*([eE][-+]?[0-9]+)?|[-+]?\.\S+"
)
_KINDS = {
    f"{_TAG}bool": "true or false",
    f"{_TAG}null": "nothing",
    f"{_TAG}timestamp": "a date",
    **dict.fromkeys(_NUMBERS, "a number"),
}
_KEYS = (f"{_TAG}str", f"{_TAG}merge")


def refuse_surprises(
    node: yaml.Node | None, keys: tuple[str, ...] = (), *, allowed: str = ""
) -> None:
    """Refused at the first of them in `node`, which stands under `keys`.

    `allowed` are the control characters that its texts may have.
    """
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            refuse_surprises(item, keys, allowed=allowed)
    elif isinstance(node, yaml.MappingNode):
        _check_keys(node, keys)
        for key, value in node.value:
            refuse_surprises(value, (*keys, key.value), allowed=allowed)
    elif isinstance(node, yaml.ScalarNode):
        _check_scalar(node, keys, allowed)


def _check_keys(mapping: yaml.MappingNode, keys: tuple[str, ...]) -> None:
    seen: set[str] = set()
    for key, _ in mapping.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _refused(key, keys, "a key has to be text")
        _check_scalar(key, keys)
        if key.tag not in _KEYS:
            read = _KINDS.get(key.tag, "something else than text")
            said = f"YAML reads the key {shown_text(key)} as {read}: write it in quotation marks"
            raise _refused(key, keys, said)
        # YAML's reader would take the last of them and say nothing.
        if key.value in seen:
            raise _refused(key, (*keys, key.value), "this key stands here twice")
        seen.add(key.value)


def _check_scalar(node: yaml.ScalarNode, keys: tuple[str, ...], allowed: str = "") -> None:
    for character in node.value:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in allowed:
            said = f"nothing here takes the character U+{ord(character):04X}: leave it out"
            raise _refused(node, keys, said)
    if node.tag in _NUMBERS and not _DECIMAL.fullmatch(node.value):
        raise _refused(
            node,
            keys,
            f"YAML reads {shown_text(node)} as {_meant(node)}: "
            "write a decimal number, or text in quotation marks",
        )


def _meant(node: yaml.ScalarNode) -> str:
    try:
        return shown(yaml.safe_load(node.value))
    except ValueError:
        # More digits than Python writes.
        return "a number that is far too large"


def shown_text(node: yaml.ScalarNode) -> str:
    text: str = node.value
    return text if len(text) <= 60 else f"{text[:60]}…"


def _refused(node: yaml.Node, keys: tuple[str, ...], said: str) -> Refused:
    place = ".".join(key if key.isprintable() else repr(key) for key in keys)
    return Refused(f"{place}: {said}" if place else said, node.start_mark)
