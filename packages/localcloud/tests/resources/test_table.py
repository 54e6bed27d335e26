from __future__ import annotations

import inspect
import re
from pathlib import Path

import botocore.session
import pytest

from localcloud import resources
from localcloud.resources import table
from localcloud.resources.recorded import RECORDED, REFUSED
from localcloud.resources.table import TABLE, Handling, handling_of

CALLS = re.compile(r'context\.call\(\s*"([a-z-]+)",\s*"([A-Z]\w+)"')
MODULES = table._MODULES


def calls() -> list[tuple[str, str]]:
    return sorted({call for module in MODULES for call in CALLS.findall(inspect.getsource(module))})


@pytest.mark.parametrize(("service", "operation"), calls())
def test_every_call_of_a_provider_is_one_of_aws(service: str, operation: str) -> None:
    model = botocore.session.get_session().get_service_model(service)
    assert operation in model.operation_names


def test_enough_calls_are_seen() -> None:
    assert len(calls()) > 50


def test_no_type_is_in_two_places() -> None:
    named = [name for module in MODULES for name in module.PROVIDERS]
    named += [*RECORDED, *REFUSED]
    assert len(named) == len(set(named)) == len(TABLE)


def test_what_does_not_run_says_why() -> None:
    for name, entry in TABLE.items():
        assert (entry.handling is Handling.RUN) != bool(entry.reason), name


def test_custom_types_run_and_unknown_ones_have_no_row() -> None:
    entry = handling_of("Custom::Whatever")
    assert entry is not None
    assert entry.handling is Handling.RUN
    assert handling_of("AWS::Made::Up") is None


def test_the_readme_has_every_type_where_it_belongs() -> None:
    text = (Path(resources.__file__).parents[3] / "README.md").read_text("utf-8")
    parts = re.split(r"\*\*(Run|Recorded|Refused)\*\*", text.partition("## Limits")[0])
    shown = {
        f"AWS::{service}::{name}": heading.lower()
        for heading, part in zip(parts[1::2], parts[2::2], strict=True)
        for service, names in re.findall(r"^\| (\w+) \| (.+) \|$", part, re.MULTILINE)
        if names != "types"
        for name in names.split(", ")
    }
    assert shown == {name: str(entry.handling) for name, entry in TABLE.items()}
