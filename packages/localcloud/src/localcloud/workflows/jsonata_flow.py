"""Data flow of JSONata states: Arguments, Output, Assign and computed fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.clock import Clock
from localcloud.workflows import json_values
from localcloud.workflows.data_flow import DataFlow, Outcome
from localcloud.workflows.errors import StateError
from localcloud.workflows.jsonata_queries import Query, failure, is_expression, type_name


class JsonataFlow(DataFlow):
    """One visit of a JSONata state."""

    type_error = "States.QueryEvaluationError"

    def __init__(
        self,
        state: Mapping[str, Any],
        state_input: Any,
        context: dict[str, Any],
        variables: dict[str, Any],
        clock: Clock,
    ) -> None:
        super().__init__(state, state_input, context)
        self._variables, self._clock = variables, clock

    def _query(self, context: dict[str, Any] | None = None, **more: Any) -> Query:
        states = {"input": self.input, "context": context or self.context, **more}
        return Query({**self._variables, "states": states}, self._clock)

    def effective_input(self) -> Any:
        return self.input

    def arguments(self) -> Any:
        if "Arguments" not in self.state:
            return self.input
        return self._query().expand(self.state["Arguments"], "Arguments")

    def leave(self, result: Any) -> Outcome:
        return self._outcome(self.state, "", result, self.next, self._query(result=result))

    def pass_through(self, rule: int | None = None) -> Outcome:
        if rule is not None:
            node, at = self.state["Choices"][rule], f"Choices[{rule}]/"
            return self._outcome(node, at, self.input, node["Next"], self._query())
        following = self.state.get("Default") or self.next
        return self._outcome(self.state, "", self.input, following, self._query())

    def catch(self, catcher: int, error: StateError) -> Outcome:
        node, at = self.state["Catch"][catcher], f"Catch[{catcher}]/"
        query = self._query(errorOutput=error.output)
        return self._outcome(node, at, error.output, node["Next"], query)

    @staticmethod
    def _outcome(
        node: Mapping[str, Any], at: str, default: Any, following: str | None, query: Query
    ) -> Outcome:
        output = query.expand(node["Output"], f"{at}Output") if "Output" in node else default
        return Outcome(output, query.expand(node.get("Assign", {}), f"{at}Assign"), following)

    def field(self, name: str, node: Mapping[str, Any] | None = None, at: str = "") -> Any:
        value = (self.state if node is None else node).get(name)
        return self._query().expand(value, f"{at}{name}")

    def template(self, template: Any, location: str) -> Any:
        return self._query().expand(template, location)

    def matches(self, index: int) -> bool:
        rule, at = self.state["Choices"][index], f"Choices[{index}]/"
        condition = self.field("Condition", rule, at)
        if not isinstance(condition, bool):
            raise self.mistyped("Condition", "boolean", condition, rule, at)
        return condition

    def items(self) -> Any:
        return self.field("Items") if "Items" in self.state else self.input

    def item_input(self, item: Any, item_context: dict[str, Any]) -> Any:
        if "ItemSelector" not in self.state:
            return item
        return self._query(item_context).expand(self.state["ItemSelector"], "ItemSelector")

    def mistyped(
        self,
        name: str,
        expected: str,
        value: Any,
        node: Mapping[str, Any] | None = None,
        at: str = "",
    ) -> StateError:
        written, location = (self.state if node is None else node).get(name), f"{at}{name}"
        found = type_name(value)
        wanted = {"integer": "number", "float": "number", "timestamp": "string"}.get(
            expected, expected
        )
        if found == wanted:
            article = "an" if expected == "integer" else "a"
            cause = f"The {name} field cannot be parsed as {article} {expected}: {value}"
            return self.refused(cause, location)
        if not is_expression(written):
            cause = f"The value of '{location}' must be of type {expected}, but was '{found}'"
            return self.refused(cause, location)
        return failure(
            written,
            location,
            f"returned an unexpected result type. Expected '{wanted}', but was '{found}' for "
            f"value: {json_values.to_text(value)}",
        )
