"""The account that services work in: all that any of them knows of the cloud around it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from localcloud.assets import Assets
from localcloud.calls import Caller
from localcloud.channels import Events, Functions, Metrics
from localcloud.clients import Clients, Lent
from localcloud.clock import Clock
from localcloud.credentials import Credentials
from localcloud.iam.access import Access
from localcloud.processes import Processes


class Account:
    """One AWS account in one region, at one address of this machine.

    `events`, `metrics` and `functions` are how services tell each other something; `access` is IAM
    for services with addresses of their own; `assets` are those of the assembly that is deployed.
    """

    def __init__(
        self,
        account_id: str,
        region: str,
        endpoint_url: str,
        work_dir: Path,
        *,
        clock: Clock,
        access: Access,
        assets: Assets,
    ) -> None:
        self.id, self.region = account_id, region
        self.endpoint_url, self.work_dir = endpoint_url, work_dir
        self.clock, self.access, self.assets = clock, access, assets
        self.processes = Processes()
        self.stopping = threading.Event()
        self.events, self.metrics, self.functions = Events(), Metrics(), Functions()
        self._clients = Clients(endpoint_url, region)
        self._minted: dict[Caller, Credentials] = {}
        self._minting = threading.Lock()

    def client(self, service_name: str, caller: Caller | None = None) -> Any:
        """A boto3 client of this cloud that signs as `caller` (default: the administrator)."""
        return self._clients.get(service_name, self._mint(caller or Caller.administrator()))

    def lent_client(self, service_name: str, caller: Caller) -> Lent:
        """As `client`, for a caller of few calls: a client of its own takes longer than they."""
        return self._clients.lend(service_name, self._mint(caller))

    def credentials(self, caller: Caller) -> dict[str, str]:
        """AWS_* environment variables with which a process acts as `caller` in this cloud."""
        minted = self._mint(caller)
        variables = {
            "AWS_ACCESS_KEY_ID": minted.access_key_id,
            "AWS_SECRET_ACCESS_KEY": minted.secret_access_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            # `sync-127.0.0.1`, which StartSyncExecution would be sent to, is no address.
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        }
        if minted.session_token:
            variables["AWS_SESSION_TOKEN"] = minted.session_token
        return variables

    def _mint(self, caller: Caller) -> Credentials:
        with self._minting:
            if caller not in self._minted:
                self._minted[caller] = self.access.keys.mint(caller)
            return self._minted[caller]
