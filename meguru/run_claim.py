"""Whose turn it is: of a workflow, one execution at a time, and none that was claimed and lost.

`claimed_by` of an item is the execution that has its turn, written before it is started. Whoever
finds one that was never started starts it: the same name with the same input starts once.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

ALIVE = ("RUNNING", "PENDING_REDRIVE")
# Step Functions forgets an execution 90 days after its end: one that it doesn't know was either
# never started, or is long over.
MEMORY_SECONDS = 30 * 24 * 3600
Item = dict[str, Any]


class RunClaim:
    """The item `name` of the loop's table, which says what runs of one state machine."""

    def __init__(self, table: Any, states: Any, state_machine_arn: str, name: str) -> None:
        self._table, self._states = table, states
        self._state_machine_arn, self._key = state_machine_arn, {"name": name}

    def read(self) -> Item:
        item: Item = self._table.get_item(Key=self._key, ConsistentRead=True).get("Item", {})
        return item

    def request(self, look: str) -> Item:
        """Ask for a run: who has its turn can't give it back without having seen this.

        `look` is why: another may take the turn before who has asked for it does.
        """
        updated = self._table.update_item(
            Key=self._key,
            UpdateExpression="ADD requests :one SET look = :look",
            ExpressionAttributeValues={":one": 1, ":look": look},
            ReturnValues="ALL_NEW",
        )
        item: Item = updated["Attributes"]
        return item

    def is_taken(self, item: Item) -> bool:
        """Whether an execution has its turn; one that was claimed and not started is started."""
        run = item.get("claimed_by")
        if run is None:
            return False
        try:
            status: str = self._states.describe_execution(executionArn=run)["status"]
        except self._states.exceptions.ExecutionDoesNotExist:
            if time.time() - int(item["claimed_at"]) > MEMORY_SECONDS:
                return False
            self._start(run, item["run_input"])
            return True
        return status in ALIVE

    def take(self, item: Item, run_input: dict[str, Any], **changes: Any) -> bool:
        """Claim the turn with further changes of the item, and start an execution.

        False where another has claimed it since the item was read.
        """
        arn = self._state_machine_arn.replace(":stateMachine:", ":execution:")
        run = f"{arn}:{uuid.uuid4().hex}"
        text = json.dumps(run_input, ensure_ascii=False)
        values = {"claimed_by": run, "claimed_at": int(time.time()), "run_input": text, **changes}
        if not self.change(item, values):
            return False
        self._start(run, text)
        return True

    def change(self, item: Item, values: Item) -> bool:
        """Set these attributes; False where the turn is another's than when the item was read."""
        holder = item.get("claimed_by")
        condition = "attribute_not_exists(claimed_by)" if holder is None else "claimed_by = :holder"
        try:
            self._table.update_item(
                Key=self._key,
                UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in values),
                ConditionExpression=condition,
                ExpressionAttributeValues={f":{name}": value for name, value in values.items()}
                | ({} if holder is None else {":holder": holder}),
            )
        except self._table.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _start(self, run: str, text: str) -> None:
        try:
            self._states.start_execution(
                stateMachineArn=self._state_machine_arn, name=run.rpartition(":")[2], input=text
            )
        except self._states.exceptions.ExecutionAlreadyExists:
            # Somebody else has started it, and it is over by now.
            return
