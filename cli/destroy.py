"""`meguru destroy`: what runs have made, unmade by the code that the stacks' deletion runs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

from cli.account import Account
from cli.leftovers import API_KEY, Leftover
from lambdas.unmake_model.unmaking import Clients, Unmaking
from meguru.names import CURATION, NUM_RANDOM_DIGITS, resource_name
from stacks.environment import Environment

SECONDS_BETWEEN_STEPS = 5
NAMED_AFTER_MODELS = ("endpoint", "model package group")
MADE_BY_RUNS = ("endpoint config", "model", "training job", "processing job")


class Destruction:
    """Unmakes what runs have made for the models of an environment, and for its data job.

    Stacks stay: `cdk destroy` deletes them. Versions and logs go where the environment's file
    says `destroyable`.
    """

    def __init__(
        self, account: Account, environment: Environment, found: Sequence[Leftover]
    ) -> None:
        self._account, self._environment, self._found = account, environment, found
        self._stacks = account.stacks().values()
        self._data = resource_name(environment.name, CURATION)

    @property
    def names(self) -> list[str]:
        """What models' endpoints are called, and what the data job's names begin with.

        Of the file's models, and of those that were taken out of it and have left something.
        """
        own = [self._environment.resource_name(key) for key in self._environment.models]
        left = [one.name for one in self._found if one.kind in NAMED_AFTER_MODELS]
        digits = re.compile(rf"-[0-9a-f]{{{NUM_RANDOM_DIGITS}}}")
        left += [digits.sub("", one.name) for one in self._found if one.kind in MADE_BY_RUNS]
        return list(dict.fromkeys([*own, self._data, *left]))

    @property
    def comes_back(self) -> bool:
        """Whether versions are kept, and there is still a workflow that releases them."""
        return not self._environment.destroyable and any(
            "DeployModelVersionArn" in outputs for outputs in self._stacks
        )

    def run(self, say: Callable[[str], None]) -> None:
        """Until all is gone. `say` is told what it waits for, whenever that has changed."""
        unmakings = [self._unmaking(name) for name in self.names]
        said: list[str] = []
        while left := [line for unmaking in unmakings for line in unmaking.step()]:
            if left != said:
                say(f"waiting for {', '.join(left)}")
                said = left
            time.sleep(SECONDS_BETWEEN_STEPS)
        self._delete_api_keys()
        if self._environment.destroyable:
            self._delete_log_groups()

    def _unmaking(self, name: str) -> Unmaking:
        client = self._account.client
        return Unmaking(
            Clients(
                sagemaker=client("sagemaker"),
                scaling=client("application-autoscaling"),
                alarms=client("cloudwatch"),
                logs=client("logs"),
                states=client("stepfunctions"),
                tables=client("dynamodb"),
            ),
            name,
            workflows=self._workflows(name),
            release_table=self._release_table,
            keeps_versions=not self._environment.destroyable,
        )

    def _workflows(self, name: str) -> list[str]:
        """The state machines of the stack that makes things under a name, if it is still there."""
        return [
            value
            for outputs in self._stacks
            for value in outputs.values()
            if ":stateMachine:" in value and outputs.get("EndpointName", self._data) == name
        ]

    @property
    def _release_table(self) -> str:
        """Of a table that is gone, a name that none has."""
        found = [outputs["ReleaseTable"] for outputs in self._stacks if "ReleaseTable" in outputs]
        return found[0] if found else "no-release-table"

    def _delete_api_keys(self) -> None:
        """Once the API is gone: they open nothing any more."""
        if not any("ApiBase" in outputs for outputs in self._stacks):
            for one in self._found:
                if one.kind == API_KEY:
                    self._account.client("apigateway").delete_api_key(apiKey=one.name)

    def _delete_log_groups(self) -> None:
        """Once the stacks are gone: those that Lambda made for CDK's own functions too."""
        if not self._stacks:
            for one in self._found:
                if one.kind == "log group":
                    self._account.client("logs").delete_log_group(logGroupName=one.name)
