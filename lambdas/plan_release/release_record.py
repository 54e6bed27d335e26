"""The endpoint's row of the release table: what was approved, whose turn it is, what serves.

Every execution keeps what it sees of the registry. Who then doesn't get the claim asks for a look
and ends. The claim is given back only where nobody has asked since its holder last began to look,
so no decision is overlooked between the two.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from lambdas.plan_release.approvals import Seen
from lambdas.plan_release.plan import Wanted
from meguru.prompt_bound import PromptBound

ALIVE = ("RUNNING", "PENDING_REDRIVE")
Row = dict[str, Any]


class ReleaseRecord:
    """One endpoint's row. `run` is the ARN of the execution that acts on it."""

    def __init__(self, table: Any, states: Any, endpoint_name: str, run: str) -> None:
        self._table, self._states, self._run = table, states, run
        self._key = {"endpoint_name": endpoint_name}

    def notice(self, look: Callable[[Seen], Seen]) -> Seen:
        """Compare the registry with what was seen of it before, keep and return what is seen now.

        Others may do so at the same time: what they saw is compared with as well.
        """
        while True:
            before = self._read().get("approved")
            approved = look(before or {})
            if approved == before:
                return approved
            unchanged = "attribute_not_exists(approved)" if before is None else "approved = :before"
            values = {":approved": approved, **({} if before is None else {":before": before})}
            if self._try_update("SET approved = :approved", values, unchanged):
                return approved

    def take_claim(self) -> Row | None:
        """The row, with the claim on it; None where another execution that is alive has it."""
        return self._claim_from(None) or self._claim_from(self._dead_holder())

    def ask(self) -> Row | None:
        """Ask for a look, and take the claim if it is free by now.

        Whoever has it after the question can't give it back without looking again.
        """
        self._table.update_item(
            Key=self._key,
            UpdateExpression="ADD looks :one",
            ExpressionAttributeValues={":one": 1},
        )
        return self.take_claim()

    def forget_scaling(self) -> bool:
        """The endpoint is about to lose its scalable target; False where the claim is lost."""
        own = {":run": self._run}
        return self._try_update("REMOVE scaling", own, "claimed_by = :run") is not None

    def keep_prompt_bound(self, bound: PromptBound) -> bool:
        """What requests reserve for the prompt from now on; False where the claim is lost."""
        values = {":run": self._run, ":bound": bound.values()}
        changes = "SET prompt_bound = :bound"
        return self._try_update(changes, values, "claimed_by = :run") is not None

    def keep_start_seconds(self, seconds: int) -> None:
        """How long it took from no instance at all to an answer: callers are told to wait so."""
        values = {":run": self._run, ":seconds": seconds}
        self._try_update("SET start_seconds = :seconds", values, "claimed_by = :run")

    def _claim_from(self, holder: str | None) -> Row | None:
        """Take a free claim, or the one a certain holder has left behind."""
        condition = "attribute_not_exists(claimed_by) OR claimed_by = :run"
        values = {":run": self._run, ":none": 0}
        if holder:
            condition, values[":holder"] = f"{condition} OR claimed_by = :holder", holder
        changes = "SET claimed_by = :run, looks = if_not_exists(looks, :none)"
        return self._try_update(changes, values, condition)

    def _dead_holder(self) -> str | None:
        """Who holds the claim, where that execution has ended without giving it back."""
        holder: str | None = self._read().get("claimed_by")
        return None if holder is None or self._is_alive(holder) else holder

    def _is_alive(self, execution: str) -> bool:
        try:
            status = self._states.describe_execution(executionArn=execution)["status"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise
            return False
        return status in ALIVE

    def _read(self) -> Row:
        row: Row = self._table.get_item(Key=self._key, ConsistentRead=True).get("Item", {})
        return row

    def _try_update(self, changes: str, values: Row, condition: str) -> Row | None:
        """The row after the changes, None where the condition doesn't hold."""
        try:
            updated = self._table.update_item(
                Key=self._key,
                UpdateExpression=changes,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return None
        row: Row = updated["Attributes"]
        return row


def wanted_in(row: Row, name: str) -> Wanted | None:
    """A decision as the workflow records it: `release` or `failed_release`."""
    if name not in row:
        return None
    return Wanted(row[name]["package"], row[name]["approved_at"], row[name]["name"])


def served_in(row: Row) -> list[str]:
    """The versions that have served, oldest first; before they were kept, the last alone."""
    released = [row["release"]["package"]] if "release" in row else []
    served: list[str] = json.loads(row["served"]) if "served" in row else released
    return served
