"""The Step Functions service."""

from __future__ import annotations

import math
import re
import uuid

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.workflows import definition as definitions
from localcloud.workflows import log_delivery, metrics, status_events
from localcloud.workflows.activities import Activities
from localcloud.workflows.arns import check_name, check_role
from localcloud.workflows.branch import Environment
from localcloud.workflows.execution import FAILED, SUCCEEDED, TIMED_OUT, Execution, Start
from localcloud.workflows.execution_operations import ExecutionOperations
from localcloud.workflows.executions import Executions, check_input
from localcloud.workflows.map_runs import MapRuns
from localcloud.workflows.paging import page
from localcloud.workflows.state_machines import StateMachine, StateMachines
from localcloud.workflows.state_trials import TIMEOUT_SECONDS, try_state
from localcloud.workflows.states import HANDLERS
from localcloud.workflows.task_tokens import TaskTokens
from localcloud.workflows.versions import Versions
from localcloud.workflows.worker_operations import WorkerOperations


class StepFunctionsService(ExecutionOperations, WorkerOperations):
    """State machines and their executions, in this process."""

    service_name = "stepfunctions"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._machines = StateMachines()
        self._versions = Versions(account.clock)
        self._activities = Activities()
        self._tokens = TaskTokens(account.clock)
        self._executions = Executions(account.clock, self._changed, self._log)
        self._map_runs = MapRuns(self._executions.child)

    def stop(self) -> None:
        self._executions.stop_all()

    def _changed(self, execution: Execution) -> None:
        status_events.emit(self.account, execution)
        metrics.record(self.account, execution)
        self._log(execution)

    def _log(self, execution: Execution) -> None:
        log_delivery.deliver(self.account, execution)

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:states:{self.account.region}:{self.account.id}:{kind}:{name}"

    # State machines

    def create_state_machine(self, request: Request, caller: Caller) -> Response:
        check_name(request["name"])
        check_role(request["roleArn"])
        _check_logging(request)
        self._check_publish(request)
        arn = self._arn("stateMachine", request["name"])
        machine = self._machines.create(request, arn, self.account.clock.now())
        published = self._published(machine, request)
        return {
            "stateMachineArn": machine.arn,
            "creationDate": machine.created_at,
            **published,
        }

    def update_state_machine(self, request: Request, caller: Caller) -> Response:
        if "roleArn" in request:
            check_role(request["roleArn"])
        _check_logging(request)
        self._check_publish(request)
        machine = self._machines.update(request)
        return {
            "updateDate": self.account.clock.now(),
            "revisionId": machine.revision_id,
            **self._published(machine, request),
        }

    def describe_state_machine(self, request: Request, caller: Caller) -> Response:
        arn = request["stateMachineArn"]
        return (self._versions.get(arn) or self._machines.get(arn)).description

    def describe_state_machine_for_execution(self, request: Request, caller: Caller) -> Response:
        start = self._executions.get(request["executionArn"]).start
        described = {**start.machine.description, "updateDate": start.machine.created_at}
        if start.map_run_arn:
            described["mapRunArn"] = start.map_run_arn
        for member in ("status", "type", "creationDate"):
            described.pop(member)
        return described

    def list_state_machines(self, request: Request, caller: Caller) -> Response:
        machines = [
            {
                "stateMachineArn": machine.arn,
                "name": machine.name,
                "type": machine.kind,
                "creationDate": machine.created_at,
            }
            for machine in self._machines.all()
        ]
        return page(machines, request, "stateMachines")

    def delete_state_machine(self, request: Request, caller: Caller) -> Response:
        self._machines.delete(request["stateMachineArn"])
        self._versions.forget_machine(request["stateMachineArn"])
        self._executions.abort_machine(request["stateMachineArn"])
        return {}

    def validate_state_machine_definition(self, request: Request, caller: Caller) -> Response:
        express = request.get("type") == "EXPRESS"
        problems = definitions.find_problems(request["definition"], express=express)
        most = request.get("maxResults") or 100
        diagnostics = [
            {
                "severity": "ERROR",
                "code": problem.code,
                "message": problem.message,
                **({"location": problem.location} if problem.location else {}),
            }
            for problem in problems
        ]
        return {
            "result": "FAIL" if problems else "OK",
            "diagnostics": diagnostics[:most],
            "truncated": len(diagnostics) > most,
        }

    def tag_resource(self, request: Request, caller: Caller) -> Response:
        self._machines.tag(request["resourceArn"], request["tags"])
        return {}

    def untag_resource(self, request: Request, caller: Caller) -> Response:
        self._machines.untag(request["resourceArn"], request["tagKeys"])
        return {}

    def list_tags_for_resource(self, request: Request, caller: Caller) -> Response:
        return {"tags": self._machines.tags(request["resourceArn"])}

    # Executions

    def start_execution(self, request: Request, caller: Caller) -> Response:
        execution = self._start(self._qualified(request["stateMachineArn"]), request)
        return {"executionArn": execution.start.arn, "startDate": execution.started_at}

    def start_sync_execution(self, request: Request, caller: Caller) -> Response:
        machine = self._qualified(request["stateMachineArn"])
        if not machine.is_express:
            raise ServiceError(
                "StateMachineTypeNotSupported", "StartSyncExecution needs an EXPRESS state machine"
            )
        execution = self._start(machine, request)
        execution.ended.wait()
        described = execution.description
        for member in ("redriveCount", "redriveStatus", "redriveStatusReason"):
            described.pop(member, None)
        status = execution.status if execution.status in {SUCCEEDED, TIMED_OUT} else FAILED
        return {**described, "status": status, "billingDetails": _billing(execution)}

    def _start(self, machine: StateMachine, request: Request) -> Execution:
        name = request.get("name") or str(uuid.uuid4())
        check_name(name)
        text = request.get("input") or "{}"
        check_input(text)
        if machine.is_express:
            arn = self._arn("express", f"{machine.name}:{name}:{uuid.uuid4()}")
        else:
            arn = self._arn("execution", f"{machine.name}:{name}")
        start = Start(arn, name, text, machine)
        return self._executions.start(start, self._environment(start))

    def _environment(self, start: Start) -> Environment:
        role = Caller.role(start.machine.role_arn, session_name=_session(start.name))
        return Environment(
            clock=self.account.clock,
            machine=start.machine,
            client=lambda service: self.account.lent_client(service, role),
            tokens=self._tokens,
            execution_arn=start.arn,
            region=self.account.region,
            handlers=HANDLERS,
            map_runs=self._map_runs,
            activities=self._activities,
        )

    def test_state(self, request: Request, caller: Caller) -> Response:
        if "roleArn" in request:
            check_role(request["roleArn"])
        cancellation = self._executions.cancellation(TIMEOUT_SECONDS)
        return try_state(request, cancellation, self._environment)


def _check_logging(request: Request) -> None:
    """What is logged needs one log group to go to, named by its ARN with `:*`."""
    configuration = request.get("loggingConfiguration", {})
    if configuration.get("level", "OFF") == "OFF":
        return
    arns = [
        destination.get("cloudWatchLogsLogGroup", {}).get("logGroupArn", "")
        for destination in configuration.get("destinations", [])
    ]
    if len(arns) != 1 or not re.fullmatch(r"arn:[\w-]+:logs:[^:]*:\d{12}:log-group:.+:\*", arns[0]):
        raise ServiceError(
            "InvalidLoggingConfiguration",
            "Invalid Logging Configuration: exactly one log group's ARN that ends in ':*'",
        )


def _billing(execution: Execution) -> dict[str, int]:
    """As Express workflows are billed: steps of 100 ms, and the smallest step of memory."""
    assert execution.stopped_at is not None
    seconds = (execution.stopped_at - execution.started_at).total_seconds()
    duration = max(math.ceil(seconds * 10), 1) * 100
    return {"billedDurationInMilliseconds": duration, "billedMemoryUsedInMB": 64}


def _session(name: str) -> str:
    """A role session name made of an execution's name."""
    return re.sub(r"[^\w+=,.@-]", "-", name, flags=re.ASCII)[:64].ljust(2, "-")
