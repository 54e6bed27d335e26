"""Values of parameters as they are given on the command line: `[Stack:]Name=value`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from localcloud.template.assembly import Assembly, StackArtifact

_FORM = re.compile(r"(?:(?P<stack>[^=:]+):)?(?P<name>[A-Za-z0-9]+)=(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True)
class GivenParameter:
    """A value for one stack's parameter, or (`stack` None) for every stack that declares it."""

    stack: str | None
    name: str
    value: str

    @classmethod
    def of(cls, text: str) -> GivenParameter:
        """From `[Stack:]Name=value`, as the CDK CLI takes it. ValueError where it isn't that."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError(f"a parameter is given as [Stack:]Name=value, not {text!r}")
        return cls(found["stack"], found["name"], found["value"])

    def is_for(self, stack: StackArtifact) -> bool:
        if self.stack is None:
            return self.name in stack.template.get("Parameters", {})
        return self.stack in (stack.stack_name, stack.display_name, stack.artifact_id)


def give_parameters(assembly: Assembly, given: Sequence[GivenParameter]) -> None:
    """Put the values into the assembly's stacks. ValueError for one that no stack takes."""
    for parameter in given:
        if not any(parameter.is_for(stack) for stack in assembly.stacks):
            names = ", ".join(stack.stack_name for stack in assembly.stacks)
            if parameter.stack is None:
                raise ValueError(f"no stack declares the parameter {parameter.name}: {names}")
            raise ValueError(f"there is no stack {parameter.stack}; there are {names}")
    assembly.stacks = [
        replace(stack, parameters=_merged(stack, given)) for stack in assembly.stacks
    ]


def _merged(stack: StackArtifact, given: Sequence[GivenParameter]) -> Mapping[str, str]:
    values = dict(stack.parameters)
    # What is given for a stack by its name comes before what is given for all.
    for parameter in sorted(given, key=lambda each: each.stack is not None):
        if parameter.is_for(stack):
            values[parameter.name] = parameter.value
    return values
