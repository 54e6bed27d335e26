"""Looks at the registry, the endpoint and the release record, and says what a release does next."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3

from lambdas.plan_release import alarm_look, approvals, hosting, trial
from lambdas.plan_release.deployment import deployments
from lambdas.plan_release.plan import (
    Component,
    Endpoint,
    Situation,
    Wanted,
    failure,
    is_changing,
    next_step,
    refusal,
    smoke_failure,
)
from lambdas.plan_release.prompt_bounds import next_bound
from lambdas.plan_release.release_record import ReleaseRecord, Row, served_in, wanted_in
from meguru.rollback import served_then

UNSCALING = (
    *("create_endpoint", "delete_endpoint", "replace_instances"),
    *("create_component", "delete_component"),
)
# What alarms can take back, because something else serves meanwhile.
HELD_AGAINST_ALARMS = ("update_endpoint", "replace_instances", "update_component")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """The next step of one execution of the release workflow.

    Takes `run` (the execution's ARN), `hosting` (what model and endpoint config are made of),
    `component` (what an inference component is made of besides, or nothing where there is none),
    `scaling` (as text), `attempted` (the release this execution has begun, or nothing),
    `tried` (the version it has made the endpoint of smoke tests for, or nothing), `started_at`
    (when it asked for the first copy, in milliseconds, or nothing), `now` (in milliseconds) and
    `scaling_failed`. Returns `step` and what the step needs.
    """
    record = ReleaseRecord(releases(), states(), os.environ["ENDPOINT_NAME"], event["run"])
    row = record.take_claim()
    if row is None:
        record.notice(_look_at_registry)
        row = record.ask()
        if row is None:
            return {"step": "leave"}
    plan = _plan_as_holder(event, record, row)
    return {**plan, "looks": int(row["looks"]), "seconds": int(os.environ["POLL_SECONDS"])}


def _look_at_registry(seen: approvals.Seen) -> approvals.Seen:
    return approvals.look(sagemaker(), os.environ["MODEL_PACKAGE_GROUP"], seen)


def _plan_as_holder(event: dict[str, Any], record: ReleaseRecord, row: Row) -> dict[str, Any]:
    endpoint = hosting.find_endpoint(sagemaker(), os.environ["ENDPOINT_NAME"])
    component = hosting.find_component(sagemaker(), os.environ["ENDPOINT_NAME"])
    changes = is_changing(endpoint, component)
    if changes and event["attempted"]:
        # It waits for its own change: whoever asks meanwhile notices what was decided.
        return {"step": "wait"}
    approved = record.notice(_look_at_registry)
    if changes:
        return {"step": "wait"}
    plan = _plan(event, record, row, approved, endpoint, component)
    if plan["step"] in UNSCALING and not record.forget_scaling():
        # Another execution has taken the claim over.
        return {"step": "wait"}
    return plan


def _plan(
    event: dict[str, Any],
    record: ReleaseRecord,
    row: Row,
    approved: approvals.Seen,
    endpoint: Endpoint | None,
    component: Component | None,
) -> dict[str, Any]:
    released = wanted_in(row, "release")
    # An execution that was started before an upgrade says nothing of it.
    of_component = event.get("component")
    made_of = event["hosting"] | ({"Component": of_component} if of_component else {})
    package = approvals.last_approved(approved, released)
    if released and not _has_fallback(made_of, endpoint, component):
        package = _proven(row, approved, made_of, released) or package
    wanted = _wanted(package, approved, made_of) if package else None
    config_name = _config_name(wanted, made_of)
    goes_back = bool(package and approved[package]["rollback"]) and package in served_in(row)
    tested = _look_at_trial(event, row, wanted, approved, made_of, goes_back=goes_back)
    situation = Situation(
        wanted=wanted,
        released=released,
        failed=wanted_in(row, "failed_release"),
        attempted=Wanted(**event["attempted"]) if event["attempted"] else None,
        endpoint=endpoint,
        has_model=wanted is not None and hosting.has_model(sagemaker(), wanted.name),
        has_config=wanted is not None and hosting.has_config(sagemaker(), config_name),
        is_scaled=event["scaling_failed"] or row.get("scaling") == event["scaling"],
        instance_type=event["hosting"]["InstanceType"],
        config_name=config_name,
        by_component=bool(of_component),
        component=component,
        trial_step=tested.next_step,
        clearing_step=tested.clearing_step,
    )
    step = next_step(situation)
    if wanted is None:
        return {"step": step}
    failed = failure(wanted, endpoint, component)
    alarms: Sequence[str] = ()
    if step == "fail_smoke_test":
        step, failed = "record_failure", smoke_failure(wanted, tested.why_failed)
    elif step in HELD_AGAINST_ALARMS:
        looked = _look_at_alarms(event, tested, goes_back=goes_back)
        alarms = looked.names
        if looked.refusal:
            step, failed = "record_failure", refusal(wanted, looked.refusal)
        elif looked.is_pending:
            step = "wait"
    named = hosting.metadata(sagemaker(), wanted.package)
    alone = situation.serves_wanted and wanted == situation.released
    bound = next_bound(s3(), row, named, alone=alone)
    if bound.values() != row.get("prompt_bound") and not record.keep_prompt_bound(bound):
        # Another execution has taken the claim over.
        return {"step": "wait"}
    if step == "record_release" and (started_at := event.get("started_at")):
        record.keep_start_seconds(max(1, round((_now(event) - started_at) / 1000)))
    return {
        "step": step,
        "release": vars(wanted),
        "config_name": config_name,
        # For `create_model`.
        "data_sources": hosting.data_sources(named),
        # What a person approved, for the container to hold what lies there against.
        "prompt_version": named.get("prompt_version", ""),
        "failure": failed,
        "smoke_config": tested.config_name,
        "served": json.dumps(served_then(served_in(row), wanted.package, back=goes_back)),
        **deployments(
            alarms,
            num_instances=endpoint.num_instances if endpoint else 0,
            traffic=os.environ["TRAFFIC"],
            canary_percent=int(os.environ["CANARY_PERCENT"]),
            bake_seconds=int(os.environ["BAKE_SECONDS"]),
            goes_back=goes_back,
        ),
        "num_copies": component.num_copies if component else 0,
    }


def _has_fallback(
    made_of: dict[str, Any], endpoint: Endpoint | None, component: Component | None
) -> bool:
    """Whether something serves, as it is wanted, that a version which fails would leave serving."""
    if endpoint is None or endpoint.status != "InService":
        return False
    if "Component" not in made_of:
        return not endpoint.hosts_components
    is_wanted = endpoint.config_name == _config_name(None, made_of)
    return is_wanted and component is not None and component.status == "InService"


def _proven(
    row: Row, approved: approvals.Seen, made_of: dict[str, Any], released: Wanted
) -> str | None:
    """What served before all has to be made anew goes first, and what is new after it; None where
    that isn't approved any more, or could not be made anew."""
    if released.package not in approved:
        return None
    anew = _wanted(released.package, approved, made_of)
    return None if anew == wanted_in(row, "failed_release") else released.package


def _look_at_trial(
    event: dict[str, Any],
    row: Row,
    wanted: Wanted | None,
    approved: approvals.Seen,
    made_of: dict[str, Any],
    *,
    goes_back: bool,
) -> trial.Trial:
    released = wanted_in(row, "release")
    has_served = wanted is not None and released is not None and wanted.name == released.name
    settings = {**made_of, "for": "smoke test"}
    return trial.look(
        sagemaker(),
        os.environ["ENDPOINT_NAME"],
        wanted,
        config_name=_wanted(wanted.package, approved, settings).name if wanted else "",
        begun=event.get("tried"),
        row=row,
        # What has served already, as it is made now, has answered more than a test asks.
        is_tried=goes_back or has_served or os.environ["HAS_SMOKE_TEST"] != "true",
    )


def _look_at_alarms(
    event: dict[str, Any], tested: trial.Trial, *, goes_back: bool
) -> alarm_look.AlarmLook:
    return alarm_look.look(
        cloudwatch(),
        dict(json.loads(os.environ["ALARMS"])),
        datetime.fromtimestamp(_now(event) / 1000, UTC),
        asked_at=tested.asked_at,
        is_rollback=goes_back,
    )


def _now(event: dict[str, Any]) -> float:
    """In milliseconds, as the workflow goes by it; one from before an upgrade doesn't say it."""
    now: float = event.get("now") or 1000 * time.time()
    return now


def _config_name(wanted: Wanted | None, made_of: dict[str, Any]) -> str:
    if "Component" in made_of:
        return hosting.hosting_config_name(os.environ["ENDPOINT_NAME"], made_of)
    return wanted.name if wanted else ""


def _wanted(package: str, approved: approvals.Seen, settings: dict[str, Any]) -> Wanted:
    seen = approved[package]
    name = hosting.release_name(os.environ["ENDPOINT_NAME"], package, seen["created_at"], settings)
    return Wanted(package, seen["approved_at"], name)


@cache
def sagemaker() -> Any:
    return boto3.client("sagemaker")


@cache
def cloudwatch() -> Any:
    return boto3.client("cloudwatch")


@cache
def states() -> Any:
    return boto3.client("stepfunctions")


@cache
def s3() -> Any:
    return boto3.client("s3")


@cache
def releases() -> Any:
    return boto3.resource("dynamodb").Table(os.environ["RELEASE_TABLE"])
