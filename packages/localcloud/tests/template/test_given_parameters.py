"""Parameters as the command line gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localcloud.template.assembly import Assembly
from localcloud.template.given_parameters import GivenParameter, give_parameters

if TYPE_CHECKING:
    from tests.template.conftest import WriteAssembly

SIZED = {"Parameters": {"Size": {"Type": "String"}}, "Resources": {}}


@pytest.fixture
def assembly(write_assembly: WriteAssembly) -> Assembly:
    return Assembly.load(write_assembly({"A": SIZED, "B": SIZED, "C": {"Resources": {}}}))


def given(assembly: Assembly, *texts: str) -> dict[str, dict[str, str]]:
    give_parameters(assembly, [GivenParameter.of(text) for text in texts])
    return {stack.stack_name: dict(stack.parameters) for stack in assembly.stacks}


def test_a_value_is_for_every_stack_that_declares_it(assembly: Assembly) -> None:
    assert given(assembly, "Size=a=b:c") == {
        "A": {"Size": "a=b:c"},
        "B": {"Size": "a=b:c"},
        "C": {},
    }


def test_a_stacks_own_value_comes_first(assembly: Assembly) -> None:
    found = given(assembly, "B:Size=2", "Size=")
    assert found == {"A": {"Size": ""}, "B": {"Size": "2"}, "C": {}}


@pytest.mark.parametrize(
    ("text", "message"),
    [("Colour=red", "no stack declares the parameter Colour"), ("D:Size=1", "no stack D")],
)
def test_a_value_that_no_stack_takes_is_refused(
    assembly: Assembly, text: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        given(assembly, text)


@pytest.mark.parametrize("text", ["Size", "=1", "A:B:Size=1", ""])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\[Stack:\]Name=value"):
        GivenParameter.of(text)
