"""Data flow of JSONPath states: InputPath, Parameters, ResultSelector, ResultPath, OutputPath."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from localcloud.workflows import choices, json_values, paths, payload_templates
from localcloud.workflows.data_flow import DataFlow, Outcome
from localcloud.workflows.errors import StateError
from localcloud.workflows.paths import Data, PathNotFoundError, ResultPathMismatchError

_MAX_SHOWN = 10_000
# What a Wait's field must be, as it is told of a value that isn't.
_WAITS = {
    "Seconds": "cannot be parsed as a long value",
    "Timestamp": "does not reference a valid ISO-8601 extended offset date-time format string",
}


class JsonPathFlow(DataFlow):
    """One visit of a JSONPath state."""

    type_error = "States.Runtime"

    def __init__(
        self,
        state: Mapping[str, Any],
        state_input: Any,
        context: dict[str, Any],
        variables: dict[str, Any],
    ) -> None:
        super().__init__(state, state_input, context)
        self._variables = variables

    def _data(self, root: Any, context: dict[str, Any] | None = None) -> Data:
        return Data(root, context or self.context, self._variables)

    def effective_input(self) -> Any:
        return self._select("InputPath", self.input)

    def _select(self, field: str, root: Any) -> Any:
        path = self.state.get(field, "$")
        if path is None:
            return {}
        data = self._data(root)
        try:
            return paths.evaluate(path, data)
        except PathNotFoundError as error:
            cause = f"Invalid path '{path}' : {paths.why_missing(path, data)}"
            raise StateError("States.Runtime", cause) from error

    def arguments(self) -> Any:
        if "Parameters" not in self.state:
            return self.effective_input()
        return self._expand("Parameters", self.effective_input())

    def _expand(self, field: str, root: Any) -> Any:
        return self._fill(self.state[field], field, self._data(root))

    @staticmethod
    def _fill(template: Any, field: str, data: Data) -> Any:
        return _evaluate(payload_templates.expand, template, data, field)

    def leave(self, result: Any) -> Outcome:
        """Assign sees the result before ResultSelector."""
        assigned = self._fill(self.state.get("Assign", {}), "Assign", self._data(result))
        if "ResultSelector" in self.state:
            result = self._expand("ResultSelector", result)
        combined = self._insert(self.state.get("ResultPath", "$"), result)
        return Outcome(self._select("OutputPath", combined), assigned, self.next)

    def _insert(self, path: str | None, result: Any) -> Any:
        if path is None:
            return self.input
        try:
            return paths.insert(self.input, path, result)
        except ResultPathMismatchError as error:
            raise StateError("States.ResultPathMatchFailure", str(error)) from error

    def pass_through(self, rule: int | None = None) -> Outcome:
        effective = self.effective_input()
        node, following = self.state, self.state.get("Default") or self.next
        if rule is not None:
            node = self.state["Choices"][rule]
            following = node["Next"]
        assigned = self._fill(node.get("Assign", {}), "Assign", self._data(effective))
        return Outcome(self._select("OutputPath", effective), assigned, following)

    def catch(self, catcher: int, error: StateError) -> Outcome:
        node = self.state["Catch"][catcher]
        output = self._insert(node.get("ResultPath", "$"), error.output)
        assigned = self._fill(node.get("Assign", {}), "Assign", self._data(error.output))
        return Outcome(output, assigned, node["Next"])

    def field(self, name: str, node: Mapping[str, Any] | None = None, at: str = "") -> Any:
        node = self.state if node is None else node
        if f"{name}Path" not in node:
            return node.get(name)
        path, data = node[f"{name}Path"], self._data(self.effective_input())
        try:
            return payload_templates.evaluate_field(path, data)
        except PathNotFoundError as error:
            if name in _WAITS:
                cause = f"The {name}Path parameter does not reference an input value: {path}"
                raise StateError("States.Runtime", cause) from error
            raise _not_found(error, f"{name}Path", data) from error

    def template(self, template: Any, location: str) -> Any:
        return self._fill(template, location, self._data(self.effective_input()))

    def matches(self, index: int) -> bool:
        return choices.matches(self.state["Choices"][index], self._data(self.effective_input()))

    def mistyped(
        self,
        name: str,
        expected: str,
        value: Any,
        node: Mapping[str, Any] | None = None,
        at: str = "",
    ) -> StateError:
        path = (self.state if node is None else node).get(f"{name}Path")
        shown = value if isinstance(value, str) else json_values.to_text(value)
        if path is None:
            cause = f"The value of '{at}{name}' must be of type {expected}, but was '{shown}'"
        elif name in _WAITS:
            cause = f"The {name}Path parameter {_WAITS[name]}: {path} == {shown}"
        else:
            cause = (
                f'The {name}Path field refers to value "{shown}" which is not a valid {expected}: '
                f"{path}"
            )
        return self.refused(cause, "")

    def too_small(self, name: str, value: int, least: int, at: str = "") -> StateError:
        if name not in _WAITS:
            return super().too_small(name, value, least, at)
        path = self.state.get(f"{name}Path", name)
        cause = f"The {name}Path parameter references a negative value: {path} == {value}"
        return self.refused(cause, "")

    def items(self) -> Any:
        return self._select("ItemsPath", self.effective_input())

    def item_input(self, item: Any, item_context: dict[str, Any]) -> Any:
        field = next((name for name in ("ItemSelector", "Parameters") if name in self.state), None)
        if field is None:
            return item
        data = self._data(self.effective_input(), item_context)
        return self._fill(self.state[field], field, data)


def _evaluate(function: Callable[[Any, Data], Any], expression: Any, data: Data, field: str) -> Any:
    """States.Runtime when a path has no value: AWS names no other error, whatever the field."""
    try:
        return function(expression, data)
    except PathNotFoundError as error:
        raise _not_found(error, field, data) from error


def _not_found(error: PathNotFoundError, field: str, data: Data) -> StateError:
    shown = json_values.to_text(data.root)[:_MAX_SHOWN]
    return StateError(
        "States.Runtime",
        f"The JSONPath '{error}' specified for the field '{error.field or field}' could not "
        f"be found in the input '{shown}'",
    )
