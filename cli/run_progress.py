"""What a run does at the moment, read from its workflow, its training job and the job's log."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from cli.account import Account
from cli.runs import End, Run, end_of

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
STEP = re.compile(r"^step=\d+ ")
RESUMED = re.compile(r"^event=resumed step=(\d+)")
SAVED = re.compile(r"^event=checkpoint step=(\d+)")
# A line may reach CloudWatch so much later than another one that was written after it.
LATE = timedelta(seconds=30)


@dataclass(frozen=True)
class Note:
    """Something that has happened, and when."""

    at: datetime
    said: str


@dataclass
class RunProgress:
    """A run as of the last `look`.

    `state` is where its workflow is, `phase` what its training job says of itself, `figures` the
    job's last line of them by name, and `saved_step` that of the newest checkpoint.
    """

    account: Account
    run: Run
    state: str = ""
    phase: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    saved_step: int = 0
    end: End | None = None
    _notes: list[Note] = field(default_factory=list)
    _state_since: datetime = datetime.min
    _job: str = ""
    _job_seen_over: bool = False
    _last_event: int = 0
    _num_transitions: int = 0
    _log_from: datetime | None = None
    _lines_seen: set[str] = field(default_factory=set)

    def look(self) -> list[Note]:
        """Ask what is new. botocore's errors where it can't be asked: nothing is lost by it."""
        end, state = end_of(self.account, self.run), self.state
        self._look_at_workflow()
        if self.state != state and not end:
            self._note(self._state_since, words(self.state))
        if self._job and not self._job_seen_over:
            self._look_at_job()
        self.end = end
        notes, self._notes = self._notes, []
        return sorted(notes, key=lambda note: note.at)

    def _note(self, at: datetime, said: str) -> None:
        self._notes.append(Note(at, said))

    def _look_at_workflow(self) -> None:
        """Take up the state that the workflow is in, and the training job it waits for."""
        for event in self._new_events():
            if entered := event.get("stateEnteredEventDetails"):
                self.state, self._state_since = entered["name"], event["timestamp"]
            submitted = event.get("taskSubmittedEventDetails", {})
            if submitted.get("resource") == "createProcessingJob.sync":
                arn = json.loads(submitted["output"])["ProcessingJobArn"]
                self._note(event["timestamp"], f"Processing job {arn.rpartition('/')[2]}")
            if submitted.get("resource") == "createTrainingJob.sync":
                arn = json.loads(submitted["output"])["TrainingJobArn"]
                self._job = arn.rpartition("/")[2]
                self._note(event["timestamp"], f"Training job {self._job}")
                self._job_seen_over, self._num_transitions = False, 0
                self._log_from, self.figures = event["timestamp"], {}

    def _new_events(self) -> list[Mapping[str, Any]]:
        """The history since the last look, oldest first; it is read from its end."""
        found: list[Mapping[str, Any]] = []
        pages = (
            self.account.client("stepfunctions")
            .get_paginator("get_execution_history")
            .paginate(executionArn=self.run.arn, reverseOrder=True)
        )
        for page in pages:
            new = [event for event in page["events"] if event["id"] > self._last_event]
            found += new
            if len(new) < len(page["events"]):
                break
        self._last_event = max((event["id"] for event in found), default=self._last_event)
        return found[::-1]

    def _look_at_job(self) -> None:
        job = self.account.client("sagemaker").describe_training_job(TrainingJobName=self._job)
        transitions = job.get("SecondaryStatusTransitions", [])
        for one in transitions[self._num_transitions :]:
            if one["Status"] == "Interrupted":
                said = one.get("StatusMessage") or "Spot capacity was reclaimed"
                self._note(one["StartTime"], f"Interrupted: {said}")
        self._num_transitions = len(transitions)
        self.phase = job["SecondaryStatus"]
        self._read_log()
        if job["TrainingJobStatus"] not in ("InProgress", "Stopping"):
            self._job_seen_over, self.phase, self.figures = True, "", {}
            self._note(job["LastModifiedTime"], f"Training {job['TrainingJobStatus'].lower()}")

    def _read_log(self) -> None:
        for event in self._new_lines():
            line, at = event["message"], _moment(event["timestamp"])
            if STEP.match(line):
                self.figures = read_figures(line)
            elif found := SAVED.match(line):
                self.saved_step = int(found[1])
            elif found := RESUMED.match(line):
                self._note(at, f"Resumed from step {found[1]}")
            elif line.startswith("event=watchdog"):
                self._note(at, line.partition(": ")[2])

    def _new_lines(self) -> list[Mapping[str, Any]]:
        assert self._log_from is not None
        pages = (
            self.account.client("logs")
            .get_paginator("filter_log_events")
            .paginate(
                logGroupName=LOG_GROUP,
                logStreamNamePrefix=f"{self._job}/",
                startTime=int(self._log_from.timestamp() * 1000),
            )
        )
        try:
            found = [event for page in pages for event in page["events"]]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return []  # nothing was logged yet
        new = [event for event in found if event["eventId"] not in self._lines_seen]
        self._lines_seen = {event["eventId"] for event in found}
        if new:
            last = _moment(max(event["timestamp"] for event in new))
            self._log_from = max(self._log_from, last - LATE)
        return sorted(new, key=lambda event: event["timestamp"])


def read_figures(line: str) -> dict[str, float]:
    """The numbers of a line of name=value with spaces between."""
    figures = {}
    for part in line.split():
        name, _, value = part.partition("=")
        try:
            figures[name] = float(value)
        except ValueError:
            continue
    return figures


def words(state: str) -> str:
    """A state's name as a person writes it: TrainModel is Train model."""
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: f" {found[1].lower()}", state)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000).astimezone()
