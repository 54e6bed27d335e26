"""The smoke test of a version: the endpoint it runs on, and what has to be done about it next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.plan_release import hosting
from lambdas.plan_release.plan import CHANGING, Endpoint, Wanted
from lambdas.plan_release.release_record import Row
from meguru.names import smoke_endpoint_name


@dataclass(frozen=True)
class Trial:
    """`endpoint` is that of smoke tests, whichever version is on it; `config_name` is the config
    that has the wanted one there. `is_begun`: this execution has made the endpoint.

    `failure` is None until the test is over; empty: it has passed. `asked_at` is when what serves
    was asked too.
    """

    endpoint: Endpoint | None = None
    config_name: str = ""
    has_config: bool = False
    is_begun: bool = False
    failure: str | None = ""
    asked_at: str = ""

    @property
    def next_step(self) -> str:
        """The one step towards a passed test; empty where there is none left."""
        if self.failure:
            return "fail_smoke_test"
        if self.failure == "":
            return self.clearing_step
        if self.endpoint is None:
            return "create_smoke_endpoint" if self.has_config else "create_smoke_config"
        if self.endpoint.status in CHANGING:
            return "wait"
        if self.endpoint.config_name != self.config_name:
            return "delete_smoke_endpoint"
        if self.endpoint.status == "InService":
            return "smoke_test"
        # What somebody's earlier try has left says nothing.
        return "fail_smoke_test" if self.is_begun else "delete_smoke_endpoint"

    @property
    def clearing_step(self) -> str:
        """What is left to do about its endpoint once nothing is tried; empty: nothing."""
        if self.endpoint is None or self.endpoint.status == "Deleting":
            return ""
        return "wait" if self.endpoint.status in CHANGING else "delete_smoke_endpoint"

    @property
    def why_failed(self) -> str:
        """What to tell of a version that didn't get through."""
        if self.failure:
            return self.failure
        said = self.endpoint.failure_reason if self.endpoint else ""
        return said or "its endpoint did not come into service"


def look(
    sagemaker: Any,
    endpoint_name: str,
    wanted: Wanted | None,
    *,
    config_name: str,
    begun: Mapping[str, str] | None,
    row: Row,
    is_tried: bool,
) -> Trial:
    """How far the smoke test of the wanted version is; `is_tried`: it needs none (any more)."""
    endpoint = hosting.find_endpoint(sagemaker, smoke_endpoint_name(endpoint_name))
    if wanted is None or is_tried:
        return Trial(endpoint)
    tested = row.get("smoke_test")
    is_over = tested is not None and all(tested[key] == one for key, one in vars(wanted).items())
    return Trial(
        endpoint=endpoint,
        config_name=config_name,
        has_config=hosting.has_config(sagemaker, config_name),
        is_begun=begun == vars(wanted),
        failure=tested["failure"] if tested and is_over else None,
        asked_at=tested["asked_at"] if tested and is_over else "",
    )
