"""Running a machine: the execution's own, a Parallel branch, or a Map item's processor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from localcloud.clock import Clock
from localcloud.workflows import json_values, timestamps
from localcloud.workflows.activities import Activities
from localcloud.workflows.cancellation import Cancellation
from localcloud.workflows.data_flow import DataFlow, Outcome
from localcloud.workflows.errors import StateError, WorkCancelledError
from localcloud.workflows.fields import JSONATA
from localcloud.workflows.history import Trail
from localcloud.workflows.jsonata_flow import JsonataFlow
from localcloud.workflows.jsonpath_flow import JsonPathFlow
from localcloud.workflows.retries import Retries, catcher_for
from localcloud.workflows.scope import Scope
from localcloud.workflows.state_machines import StateMachine
from localcloud.workflows.task_tokens import TaskTokens

Handler = Callable[["Visit"], Outcome]
_INTERPRETERS_OWN = {"States.Runtime", "States.QueryEvaluationError"}
# The states that may try again: the Context object counts their retries.
_RETRIABLE = {"Task", "Parallel", "Map"}
_AT_STATE = "An error occurred while executing the state"
_ABORTABLE = {"Task", "Wait", "Parallel", "Map"}


class MapRuns(Protocol):
    """The Map Runs of the account (see `map_runs`), as a Map state begins one."""

    def begin(self, visit: Visit, processor: Mapping[str, Any], limits: dict[str, Any]) -> Any: ...


@dataclass(frozen=True)
class Environment:
    """What the states of an execution need of the cloud.

    `client` makes a boto3 client by service name that acts as the state machine's role.
    """

    clock: Clock
    machine: StateMachine
    client: Callable[[str], Any]
    tokens: TaskTokens
    execution_arn: str
    region: str
    handlers: Mapping[str, Handler]
    map_runs: MapRuns
    activities: Activities


class Branch:
    """One run through a machine's states.

    `children` are the branches inside the state it is in, by index: what a redrive finds of them
    that has ended isn't run again.
    """

    def __init__(
        self,
        environment: Environment,
        machine: Mapping[str, Any],
        context: dict[str, Any],
        scope: Scope,
        cancellation: Cancellation,
        trail: Trail,
    ) -> None:
        self.environment, self.machine, self.context = environment, machine, context
        self.scope, self.cancellation, self.trail = scope, cancellation, trail
        self.position: tuple[str, Any] | None = None
        self.has_ended, self.output = False, None
        self.children: dict[int, Branch] = {}
        self._left: dict[int, Branch] = {}

    def go_on(self, before: Branch | None, state_input: Any) -> Any:
        """Run, after a redrive from where `before` stood."""
        if before is None or before.position is None:
            return self.run(state_input)
        self.scope, self._left = before.scope, before.children
        self.has_ended, self.output = before.has_ended, before.output
        return self.output if self.has_ended else self.run_from(*before.position)

    def take_left(self) -> dict[int, Branch]:
        """The branches of the state it is in as a redrive found them; none in a later attempt."""
        left, self._left, self.children = self._left, {}, {}
        return left

    def run(self, state_input: Any) -> Any:
        """From StartAt to the end; the last state's output."""
        return self.run_from(self.machine["StartAt"], state_input)

    def run_from(self, name: str, state_input: Any) -> Any:
        """From the named state on. `position` tells where it was when an error ended it."""
        following: str | None = name
        while following is not None:
            self.position = (following, state_input)
            outcome = Visit(self, following, state_input).run()
            following, state_input = outcome.next, outcome.output
            self.children = {}
        self.has_ended, self.output = True, state_input
        return state_input

    def child(
        self,
        index: int,
        machine: Mapping[str, Any],
        cancellation: Cancellation,
        context: dict[str, Any] | None = None,
    ) -> Branch:
        """A branch for a machine inside a state of this one, reading this one's variables."""
        child = Branch(
            self.environment,
            machine,
            context or self.context,
            Scope(self.scope),
            cancellation,
            self.trail.fork(),
        )
        self.children[index] = child
        return child


class Visit:
    """One visit of a state, from its input to its outcome, with its retries."""

    def __init__(self, branch: Branch, name: str, state_input: Any) -> None:
        self.branch, self.name, self.input = branch, name, state_input
        self.state: Mapping[str, Any] = branch.machine["States"][name]
        self.environment, self.trail = branch.environment, branch.trail
        self.cancellation = branch.cancellation
        self._entered_at = timestamps.to_text(self.environment.clock.now())
        self._entered_id = 0
        self._retries = Retries(self.state)

    @property
    def kind(self) -> str:
        return str(self.state["Type"])

    @property
    def context(self) -> dict[str, Any]:
        """The Context object as this state sees it."""
        own: dict[str, Any] = {"Name": self.name, "EnteredTime": self._entered_at}
        if self.kind in _RETRIABLE:
            own["RetryCount"] = self._retries.count
        return {**self.branch.context, "State": own}

    def flow(self, **more_context: Any) -> DataFlow:
        """The data flow in the state's query language, on the present variables."""
        context = {**self.context, **more_context}
        variables = self.branch.scope.visible()
        if self.state.get("QueryLanguage", self.environment.machine.language) == JSONATA:
            clock = self.environment.clock
            return JsonataFlow(self.state, self.input, context, variables, clock)
        return JsonPathFlow(self.state, self.input, context, variables)

    def run(self) -> Outcome:
        self.cancellation.check()
        self.trail.entered(self.kind, self.name, self.input)
        self._entered_id = self.trail.previous
        try:
            outcome = self._attempt_until_done()
        except WorkCancelledError:
            if self.kind in _ABORTABLE:
                self.trail.add(f"{self.kind}StateAborted")
            raise
        self.branch.scope.assign(outcome.assigned)
        self.trail.exited(self.kind, self.name, outcome.output, outcome.assigned)
        return outcome

    def _attempt_until_done(self) -> Outcome:
        while True:
            try:
                outcome = self.environment.handlers[self.kind](self)
                json_values.check_size(outcome.output, f"The output of the state '{self.name}'")
                return outcome
            except StateError as error:
                own = error.error in _INTERPRETERS_OWN and not error.cause.startswith(_AT_STATE)
                if own:
                    error = self._located(error)
                delay = self._retries.delay(error)
                if delay is None:
                    return self._fail(error, own)
                self.cancellation.sleep(delay)

    def _located(self, error: StateError) -> StateError:
        """An error of the interpreter's own says at which state it arose, the innermost one."""
        place = f"{_AT_STATE} '{self.name}' (entered at the event id #{self._entered_id}). "
        located = StateError(error.error, place + error.cause, error.location)
        if error.error == "States.QueryEvaluationError":
            self.trail.add(
                "EvaluationFailed",
                "evaluationFailedEventDetails",
                error=error.error,
                cause=located.cause,
                **({"location": error.location} if error.location else {}),
                state=self.name,
            )
        return located

    def _fail(self, error: StateError, own: bool) -> Outcome:
        """The last attempt has failed; `own`: by an error of the interpreter's, at this state."""
        terminal = own and error.error == "States.Runtime"
        if self.kind in {"Parallel", "Map"} and not terminal:
            self.trail.add(f"{self.kind}StateFailed")
        catcher = catcher_for(self.state, error)
        if catcher is None:
            raise error
        try:
            return self.flow().catch(catcher, error)
        except StateError as second:
            raise self._located(second) if second.error in _INTERPRETERS_OWN else second from error
