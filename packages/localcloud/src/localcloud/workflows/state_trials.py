"""TestState: one state, tried once, without a state machine."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.calls import Request, Response, ServiceError
from localcloud.clock import Clock
from localcloud.workflows import json_values
from localcloud.workflows.branch import Branch, Environment, Visit
from localcloud.workflows.cancellation import Cancellation
from localcloud.workflows.data_flow import Outcome
from localcloud.workflows.definition import parse, targets
from localcloud.workflows.errors import InvalidDefinitionError, StateError, WorkCancelledError
from localcloud.workflows.execution import Start
from localcloud.workflows.executions import check_input
from localcloud.workflows.history import History
from localcloud.workflows.retries import Retries, catcher_for
from localcloud.workflows.scope import Scope
from localcloud.workflows.state_machines import StateMachine

TIMEOUT_SECONDS = 300
_UNSUPPORTED = ("mock", "stateConfiguration", "revealSecrets")
_KINDS = ("Task", "Pass", "Wait", "Choice", "Succeed", "Fail")


def try_state(
    request: Request, cancellation: Cancellation, environment: Callable[[Start], Environment]
) -> Response:
    """The answer to TestState. What it can't show as AWS does is refused by name."""
    _check_request(request)
    name = request.get("stateName", "State")
    machine = _machine(request["definition"], request.get("stateName"), name)
    _check_state(machine["States"][name], request)
    text = request.get("input") or "{}"
    check_input(text)
    start = _start(name, text, machine, request, cancellation.clock)
    branch = Branch(
        environment(start),
        machine,
        _object(request, "context"),
        Scope(own=_object(request, "variables")),
        cancellation,
        History(cancellation.clock).trail(),
    )
    return _attempt(Visit(branch, name, json_values.from_text(text)))


def _check_request(request: Request) -> None:
    for member in _UNSUPPORTED:
        if request.get(member):
            raise ServiceError("ValidationException", f"'{member}' is not supported")
    if request.get("inspectionLevel", "INFO") != "INFO":
        raise ServiceError("ValidationException", "The only supported inspectionLevel is INFO")


def _machine(text: str, chosen: str | None, name: str) -> dict[str, Any]:
    """A machine of the state alone; a stub stands for each state that it leads to."""
    try:
        given = json_values.from_text(text) if chosen is None else parse(text)
        state = given if chosen is None else given["States"].get(chosen)
        if not isinstance(state, dict):
            raise ServiceError("ValidationException", f"There is no state '{name}'")
        stubs = {str(target): {"Type": "Succeed"} for _, target in targets(state)}
        language = {} if chosen is None else {"QueryLanguage": given.get("QueryLanguage")}
        machine = {"StartAt": name, "States": {**stubs, name: state}}
        machine |= {key: value for key, value in language.items() if value}
        return parse(json.dumps(machine))
    except InvalidDefinitionError as error:
        raise ServiceError("InvalidDefinition", str(error)) from error
    except ValueError as error:
        raise ServiceError("InvalidDefinition", f"INVALID_JSON_DESCRIPTION: {error}") from error


def _check_state(state: Mapping[str, Any], request: Request) -> None:
    if state["Type"] not in _KINDS:
        raise ServiceError("ValidationException", f"{state['Type']} states can't be tried")
    if state["Type"] != "Task":
        return
    if "roleArn" not in request:
        raise ServiceError("ValidationException", "A Task needs a roleArn to call as")
    if state["Resource"].endswith((".sync", ".sync:2", ".waitForTaskToken")):
        raise ServiceError("ValidationException", "A Task that waits for its work can't be tried")


def _object(request: Request, member: str) -> dict[str, Any]:
    try:
        value = json_values.from_text(request.get(member) or "{}")
    except ValueError as error:
        raise ServiceError("ValidationException", f"'{member}' is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ServiceError("ValidationException", f"'{member}' is not an object")
    return value


def _start(name: str, text: str, machine: dict[str, Any], request: Request, clock: Clock) -> Start:
    revision = StateMachine(
        arn="arn:aws:states:::stateMachine:test",
        name="test",
        kind="STANDARD",
        definition=request["definition"],
        machine=machine,
        role_arn=request.get("roleArn", ""),
        created_at=clock.now(),
        settings={},
        revision_id="",
    )
    execution = str(uuid.uuid4())
    return Start(f"arn:aws:states:::execution:test:{execution}", execution, text, revision)


def _attempt(visit: Visit) -> Response:
    try:
        return _answer("SUCCEEDED", visit.environment.handlers[visit.kind](visit))
    except WorkCancelledError:
        return {"status": "FAILED", "error": "States.Timeout", "cause": "Tried for 5 minutes"}
    except StateError as error:
        failure = {"error": error.error, "cause": error.cause}
        if Retries(visit.state).delay(error) is not None:
            return {"status": "RETRIABLE", **failure}
        catcher = catcher_for(visit.state, error)
        if catcher is None:
            return {"status": "FAILED", **failure}
        return {**_answer("CAUGHT_ERROR", visit.flow().catch(catcher, error)), **failure}


def _answer(status: str, outcome: Outcome) -> Response:
    following = {} if outcome.next is None else {"nextState": outcome.next}
    return {"status": status, "output": json_values.to_text(outcome.output), **following}
