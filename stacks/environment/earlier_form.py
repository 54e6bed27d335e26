"""Environment files of the earlier form, which had one model: its settings stood at the top.

They are read as one entry of `models`, and refused by the keys that stand in them.
"""

from __future__ import annotations

from typing import Any

from meguru.names import model_key

_DEFAULT_NAME = "meguru-text"
# Where each key of the earlier form has gone, below its entry of `models`; the longest first.
_MOVED = {
    ("endpoint", "model_name"): ("name",),
    ("evaluation", "minimum"): ("gate", "minimum"),
    ("evaluation", "maximum_drop"): ("gate", "maximum_drop"),
    ("feedback", "corrections_before_retraining"): ("retrain", "corrections"),
    ("feedback",): ("retrain",),
    ("training",): ("training",),
    ("evaluation",): ("evaluation",),
    ("endpoint",): ("endpoint",),
}
Keys = tuple[str, ...]


def is_of_earlier_form(values: dict[str, Any]) -> bool:
    return "models" not in values and any(keys[0] in values for keys in _MOVED)


def in_todays_form(values: dict[str, Any]) -> dict[str, Any]:
    """The values of a file with its one model, where it has one, as an entry of `models`."""
    if not is_of_earlier_form(values):
        return values
    tops = {keys[0] for keys in _MOVED}
    model: dict[str, Any] = {}
    for top in tops & set(values):
        if not isinstance(values[top], dict):
            model[_MOVED[(top,)][0]] = values[top]
            continue
        for key, value in values[top].items():
            _put(model, _new_place((top, key)), value)
    name = model.setdefault("name", _DEFAULT_NAME)
    key = model_key(name) if isinstance(name, str) else _DEFAULT_NAME
    if name == key:
        del model["name"]
    elif name is None:
        # Where it stands, it has to be given.
        model["name"] = ""
    return {k: v for k, v in values.items() if k not in tops} | {"models": {key: model}}


def as_written(keys: list[str], values: dict[str, Any]) -> list[str]:
    """The keys under which what pydantic calls by `keys` stands in the file."""
    if not is_of_earlier_form(values) or keys[:1] != ["models"] or len(keys) < 3:
        return keys
    below = tuple(keys[2:])
    for old, new in _MOVED.items():
        if below[: len(new)] == new:
            return [*old, *below[len(new) :]]
    return list(below)


def _new_place(keys: Keys) -> Keys:
    for old, new in _MOVED.items():
        if keys[: len(old)] == old:
            return (*new, *keys[len(old) :])
    raise AssertionError(keys)


def _put(values: dict[str, Any], keys: Keys, value: Any) -> None:
    *above, last = keys
    for key in above:
        values = values.setdefault(key, {})
    values[last] = value
