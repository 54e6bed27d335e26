"""The operations on executions and Map Runs, once they are started."""

from __future__ import annotations

from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.workflows.execution import Execution
from localcloud.workflows.executions import Executions
from localcloud.workflows.history import without_data
from localcloud.workflows.map_runs import MapRuns
from localcloud.workflows.paging import page
from localcloud.workflows.version_operations import VersionOperations


class ExecutionOperations(VersionOperations):
    """A part of the Step Functions service."""

    _executions: Executions
    _map_runs: MapRuns

    def describe_execution(self, request: Request, caller: Caller) -> Response:
        return self._executions.get(request["executionArn"]).description

    def list_executions(self, request: Request, caller: Caller) -> Response:
        found = self._listed(request)
        filters = {"REDRIVEN": True, "NOT_REDRIVEN": False}
        redriven = filters.get(request.get("redriveFilter", ""))
        executions = [
            execution.summary
            for execution in found
            if request.get("statusFilter") in {None, execution.status}
            and redriven in {None, execution.redrive_count > 0}
        ]
        return page(executions, request, "executions")

    def _listed(self, request: Request) -> list[Execution]:
        """The executions of the machine or of the Map Run that a request names."""
        if ("stateMachineArn" in request) == ("mapRunArn" in request):
            raise ServiceError(
                "ValidationException", "Exactly one of stateMachineArn and mapRunArn is required"
            )
        if "mapRunArn" in request:
            run = self._map_runs.get(request["mapRunArn"])
            machine, found = run.machine, [child for _, child in reversed(run.children)]
        else:
            machine = self._qualified(request["stateMachineArn"])
            found = self._executions.of_machine(request["stateMachineArn"])
        if machine.is_express:
            raise ServiceError(
                "StateMachineTypeNotSupported", "ListExecutions needs a STANDARD state machine"
            )
        return found

    def stop_execution(self, request: Request, caller: Caller) -> Response:
        execution = self._executions.get(request["executionArn"])
        return {"stopDate": execution.stop(request.get("error"), request.get("cause"))}

    def redrive_execution(self, request: Request, caller: Caller) -> Response:
        execution = self._executions.get(request["executionArn"])
        return {"redriveDate": execution.redrive()}

    def get_execution_history(self, request: Request, caller: Caller) -> Response:
        events = list(self._executions.get(request["executionArn"]).history.events)
        if not request.get("includeExecutionData", True):
            events = [without_data(event) for event in events]
        if request.get("reverseOrder"):
            events.reverse()
        return page(events, request, "events")

    def list_map_runs(self, request: Request, caller: Caller) -> Response:
        execution = self._executions.get(request["executionArn"])
        found = self._map_runs.of_execution(execution.start.arn)
        return page([run.summary for run in found], request, "mapRuns")

    def describe_map_run(self, request: Request, caller: Caller) -> Response:
        return self._map_runs.get(request["mapRunArn"]).description
