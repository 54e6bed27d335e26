"""The cloud: every service composed, on one address. No service knows this module."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from localcloud.account import Account
from localcloud.assets import NoAssets
from localcloud.calls import Caller
from localcloud.clock import Clock
from localcloud.control import Controls
from localcloud.credentials import CredentialStore, administrator_credentials
from localcloud.gateway import Gateway
from localcloud.iam.access import Access
from localcloud.iam.authorizer import Authorizer
from localcloud.iam.demand import Place
from localcloud.iam.identity import Identities
from localcloud.iam.inventory import MotoInventory
from localcloud.iam.user_keys import UserKeys
from localcloud.service import MakeService, Service
from localcloud.storage.bucket_policies import BucketPolicyService
from localcloud.storage.buckets import StorageService
from localcloud.storage.iam import IamService, StsService
from localcloud.storage.log_events import LogsService
from localcloud.storage.moto_backend import MotoBackend
from localcloud.storage.parameters import ParameterStoreService
from localcloud.storage.queues import SqsService
from localcloud.storage.secrets import SecretsManagerService
from localcloud.storage.tables import DynamoDbService, DynamoDbStreamsService
from localcloud.template.assembly import Assembly
from localcloud.template.bootstrap import bootstrap_versions
from localcloud.wire.server import HttpServer

ServiceType = TypeVar("ServiceType", bound=Service)
DEFAULT_ACCOUNT = "123456789012"
DEFAULT_REGION = "us-east-1"


class Cloud:
    """One AWS account in one region, answering on one address of this machine.

    Only one cloud may run in a process at a time: moto's state is the process's.
    """

    def __init__(
        self,
        assembly: Assembly | None = None,
        *,
        port: int = 0,
        work_dir: Path | None = None,
        account: str | None = None,
        region: str | None = None,
        services: Sequence[MakeService] | None = None,
    ) -> None:
        """Bind the port (0: a free one) without answering on it yet.

        `services` chooses the classes that run besides IAM, STS, S3, SQS, DynamoDB and Logs
        (default: all). Raises OSError where the port is taken.
        """
        self.assembly = assembly
        account_id = account or getattr(assembly, "account", None) or DEFAULT_ACCOUNT
        self.region = region or getattr(assembly, "region", None) or _environment_region()
        self._server = HttpServer(lambda *request: self._gateway(*request), port)
        self.endpoint_url = f"http://127.0.0.1:{self._server.port}"
        self._owns_work_dir = work_dir is None
        work_dir = work_dir or Path(tempfile.mkdtemp(prefix="localcloud-"))
        work_dir.mkdir(parents=True, exist_ok=True)
        self.clock = Clock()
        self._moto = MotoBackend(account_id, self.region, self.endpoint_url)
        self._inventory = MotoInventory(account_id, self.region)
        self._identities = Identities(account_id, self._inventory)
        self._user_keys = UserKeys(self._inventory)
        self.account = Account(
            account_id,
            self.region,
            self.endpoint_url,
            work_dir,
            clock=self.clock,
            access=self._access(Place(account_id, self.region, self._inventory)),
            assets=assembly or NoAssets(),
        )
        makers = _every_service() if services is None else services
        made = [*(make(self.account) for make in makers), *self._ground()]
        self._running = tuple(face for service in made for face in service.faces())
        controls = Controls(self.account, self._running)
        self._gateway = Gateway(
            self.account.access, self._moto, self._inventory, self._running, controls
        )

    def _access(self, place: Place) -> Access:
        keys = CredentialStore(self._user_keys)
        authorizer = Authorizer(
            place, self.clock, self._identities, self._inventory, self._resource_policy
        )
        return Access(place, self.clock, keys, self._identities, authorizer)

    def _ground(self) -> Iterable[Service]:
        """What every cloud has, whichever services are chosen."""
        account, moto, inventory = self.account, self._moto, self._inventory
        parameters = bootstrap_versions(self.assembly) if self.assembly else {}
        return (
            ParameterStoreService(account, parameters),
            StsService(account, inventory),
            IamService(account, moto, inventory, self._identities, self._user_keys),
            BucketPolicyService(account, inventory),
            StorageService(account, moto, inventory),
            LogsService(account, moto),
            SqsService(account, moto),
            SecretsManagerService(account),
            DynamoDbService(account, moto),
            DynamoDbStreamsService(account),
        )

    def start(self) -> None:
        """Answer on the address, start every service, and deploy the assembly where there is one.

        Raises ValueError where the assembly can't be deployed.
        """
        self._moto.start()
        self._server.start()
        for service in self._running:
            service.start()
        if self.assembly is not None:
            from localcloud.template.cloudformation import CloudFormationService
            from localcloud.template.deploy import deploy

            deploy(self.account, self.assembly, self.service(CloudFormationService))

    def stop(self) -> None:
        """End every service, process and connection; only the first call does anything."""
        if self.account.stopping.is_set():
            return
        self.account.stopping.set()
        for service in reversed(self._running):
            service.stop()
        self.account.processes.close()
        self._server.stop()
        if self._owns_work_dir:
            shutil.rmtree(self.account.work_dir, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def admin_credentials(self) -> dict[str, str]:
        """access_key_id, secret_access_key and region with which a person acts here."""
        administrator = administrator_credentials()
        return {
            "access_key_id": administrator.access_key_id,
            "secret_access_key": administrator.secret_access_key,
            "region": self.region,
        }

    def client(self, service_name: str, caller: Caller | None = None) -> Any:
        """A boto3 client of this cloud that signs as `caller` (default: the administrator)."""
        return self.account.client(service_name, caller)

    def service(self, kind: type[ServiceType]) -> ServiceType:
        """The running service of a class. ValueError where this cloud runs none."""
        for service in self._running:
            if isinstance(service, kind):
                return service
        raise ValueError(f"this cloud doesn't run {kind.__name__}")

    def _resource_policy(self, service_name: str, arn: str) -> str | None:
        """The policy document (JSON) attached to a resource; None where it has none."""
        for service in self._running:
            if service.service_name == service_name:
                document = service.resource_policy(arn)
                if document is not None:
                    return json.dumps(document)
        return self._inventory.resource_policy(service_name, arn)


def _every_service() -> Sequence[MakeService]:
    # Whoever chooses services needs none of the others' code.
    from localcloud.services import ALL_SERVICES

    return ALL_SERVICES


def _environment_region() -> str:
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region and not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region):
        raise ValueError(f"AWS_REGION isn't a region: {region!r}")
    return region or DEFAULT_REGION
