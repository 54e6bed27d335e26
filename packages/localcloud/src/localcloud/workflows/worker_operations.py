"""The operations of workers: activities, and reports of tasks by their tokens."""

from __future__ import annotations

from localcloud.calls import Caller, Request, Response
from localcloud.service import Service
from localcloud.workflows.activities import Activities
from localcloud.workflows.arns import check_name
from localcloud.workflows.executions import Executions
from localcloud.workflows.paging import page
from localcloud.workflows.task_tokens import TaskTokens

_POLL_SECONDS = 60


class WorkerOperations(Service):
    """A part of the Step Functions service."""

    _activities: Activities
    _executions: Executions
    _tokens: TaskTokens

    def create_activity(self, request: Request, caller: Caller) -> Response:
        name = request["name"]
        check_name(name)
        arn = f"arn:aws:states:{self.account.region}:{self.account.id}:activity:{name}"
        activity = self._activities.create(arn, name, self.account.clock.now())
        return {"activityArn": activity.arn, "creationDate": activity.created_at}

    def describe_activity(self, request: Request, caller: Caller) -> Response:
        return self._activities.get(request["activityArn"]).description

    def list_activities(self, request: Request, caller: Caller) -> Response:
        activities = [activity.description for activity in self._activities.all()]
        return page(activities, request, "activities")

    def delete_activity(self, request: Request, caller: Caller) -> Response:
        self._activities.delete(request["activityArn"])
        return {}

    def get_activity_task(self, request: Request, caller: Caller) -> Response:
        """Wait a minute for a task; as on AWS, nothing then is an answer without a token."""
        waiting = self._executions.cancellation(_POLL_SECONDS)
        worker = request.get("workerName", "")
        task = self._activities.fetch(request["activityArn"], worker, waiting)
        return {} if task is None else {"taskToken": task.waiting.token, "input": task.input}

    def send_task_success(self, request: Request, caller: Caller) -> Response:
        self._tokens.succeed(request["taskToken"], request["output"])
        return {}

    def send_task_failure(self, request: Request, caller: Caller) -> Response:
        error, cause = request.get("error", ""), request.get("cause", "")
        self._tokens.fail(request["taskToken"], error, cause)
        return {}

    def send_task_heartbeat(self, request: Request, caller: Caller) -> Response:
        self._tokens.find(request["taskToken"]).beat()
        return {}
