"""Data flow of JSONata states: Arguments, Output, Assign and computed fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.clock import Clock
from localcloud.workflows.data_flow import DataFlow, Outcome
from localcloud.workflows.errors import StateError
from localcloud.workflows.jsonata_queries import Query


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
        return self._query().expand(self.state["Arguments"])

    def leave(self, result: Any) -> Outcome:
        return self._outcome(self.state, result, self.next, self._query(result=result))

    def pass_through(self, rule: Mapping[str, Any] | None = None) -> Outcome:
        if rule is not None:
            return self._outcome(rule, self.input, rule["Next"], self._query())
        following = self.state.get("Default") or self.next
        return self._outcome(self.state, self.input, following, self._query())

    def catch(self, catcher: Mapping[str, Any], error: StateError) -> Outcome:
        query = self._query(errorOutput=error.output)
        return self._outcome(catcher, error.output, catcher["Next"], query)

    @staticmethod
    def _outcome(
        node: Mapping[str, Any], default: Any, following: str | None, query: Query
    ) -> Outcome:
        output = query.expand(node["Output"]) if "Output" in node else default
        return Outcome(output, query.expand(node.get("Assign", {})), following)

    def field(self, name: str, node: Mapping[str, Any] | None = None) -> Any:
        return self._query().expand((self.state if node is None else node).get(name))

    def template(self, template: Any) -> Any:
        return self._query().expand(template)

    def matches(self, rule: Mapping[str, Any]) -> bool:
        condition = self._query().expand(rule["Condition"])
        if not isinstance(condition, bool):
            raise self.mistyped("Condition", f"a boolean: {rule['Condition']}")
        return condition

    def items(self) -> Any:
        return self.field("Items") if "Items" in self.state else self.input

    def item_input(self, item: Any, item_context: dict[str, Any]) -> Any:
        if "ItemSelector" not in self.state:
            return item
        return self._query(item_context).expand(self.state["ItemSelector"])
