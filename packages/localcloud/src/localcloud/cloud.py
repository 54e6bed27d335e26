"""The cloud: every service, on one address."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from moto.core.request import Request as WireRequest
from werkzeug.wrappers import Response

from localcloud.clients import Clients
from localcloud.clock import Clock
from localcloud.control import Control
from localcloud.credentials import Credentials, CredentialStore, administrator_credentials
from localcloud.iam.authorizer import Authorizer
from localcloud.iam.bucket_policies import BucketPolicyService
from localcloud.iam.demand import Place
from localcloud.iam.identity import Identities
from localcloud.iam.inventory import MotoInventory
from localcloud.iam.service import IamService, StsService
from localcloud.iam.user_keys import UserKeys
from localcloud.processes import Processes
from localcloud.service import Caller, Service
from localcloud.storage.buckets import StorageService
from localcloud.storage.log_events import LogsService
from localcloud.storage.moto_backend import MotoBackend
from localcloud.storage.queues import SqsService
from localcloud.storage.secrets import SecretsManagerService
from localcloud.storage.tables import DynamoDbService, DynamoDbStreamsService
from localcloud.wire.gateway import Gateway
from localcloud.wire.server import HttpServer

if TYPE_CHECKING:
    from localcloud.template.assembly import Assembly

ServiceType = TypeVar("ServiceType", bound=Service)
DEFAULT_ACCOUNT = "123456789012"
DEFAULT_REGION = "us-east-1"

# What every cloud has, whichever services are chosen.
_ALWAYS: tuple[type[Service], ...] = (
    StsService,
    IamService,
    BucketPolicyService,
    StorageService,
    LogsService,
    SqsService,
    SecretsManagerService,
    DynamoDbService,
    DynamoDbStreamsService,
)


class Cloud:
    """One AWS account in one region, answering on one address of this machine.

    Only one cloud may run in a process at a time: moto's state is the process's.
    """

    account: str
    region: str
    endpoint_url: str
    work_dir: Path
    assembly: Assembly | None
    clock: Clock
    processes: Processes
    services: dict[str, Service]

    def __init__(
        self,
        assembly: Assembly | None = None,
        *,
        port: int = 0,
        work_dir: Path | None = None,
        account: str | None = None,
        region: str | None = None,
        services: Sequence[type[Service]] | None = None,
    ) -> None:
        """Bind the port (0: a free one) without answering on it yet.

        `services` chooses the classes that run besides IAM, STS, S3, SQS, DynamoDB and Logs
        (default: all). Raises OSError where the port is taken.
        """
        self.assembly = assembly
        self.account = account or getattr(assembly, "account", None) or DEFAULT_ACCOUNT
        self.region = region or getattr(assembly, "region", None) or _environment_region()
        self._server = HttpServer(Gateway(self), port)
        self.endpoint_url = f"http://127.0.0.1:{self._server.port}"
        self._owns_work_dir = work_dir is None
        self.work_dir = work_dir or Path(tempfile.mkdtemp(prefix="localcloud-"))
        self.work_dir.mkdir(parents=True, exist_ok=True)
        self.clock = Clock()
        self.processes = Processes()
        self.stopping = threading.Event()
        self.control = Control(self)
        self.moto = MotoBackend(self.account, self.region, self.endpoint_url)
        self.inventory = MotoInventory(self.account, self.region)
        self.identities = Identities(self.account, self.inventory)
        self.user_keys = UserKeys(self.inventory)
        self.credential_store = CredentialStore(self.user_keys)
        place = Place(self.account, self.region, self.inventory)
        self.authorizer = Authorizer(
            place, self.clock, self.identities, self.inventory, self.resource_policy
        )
        self._clients = Clients(self.endpoint_url, self.region)
        self._minted: dict[Caller, Credentials] = {}
        self._minting = threading.Lock()
        kinds = [*(_every_service() if services is None else services), *_ALWAYS]
        self._running = tuple(kind(self) for kind in kinds)
        self.services = {}
        self._overlays: dict[str, tuple[Service, ...]] = {}
        for service in self._running:
            self.services.setdefault(service.service_name, service)
            same = self._overlays.get(service.service_name, ())
            self._overlays[service.service_name] = (*same, service)

    def start(self) -> None:
        """Answer on the address, start every service, and deploy the assembly where there is one.

        Raises ValueError where the assembly can't be deployed.
        """
        self.moto.start()
        self._server.start()
        for service in self._running:
            service.start()
        if self.assembly is not None:
            from localcloud.template.deploy import deploy

            deploy(self)

    def stop(self) -> None:
        """End every service, process and connection; only the first call does anything."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        for service in reversed(self._running):
            service.stop()
        self.processes.close()
        self._server.stop()
        if self._owns_work_dir:
            shutil.rmtree(self.work_dir, ignore_errors=True)

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
        return self._clients.get(service_name, self._mint(caller or Caller.administrator()))

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

    def service(self, kind: type[ServiceType]) -> ServiceType:
        """The running service of a class. ValueError where this cloud runs none."""
        for service in self._running:
            if isinstance(service, kind):
                return service
        raise ValueError(f"this cloud doesn't run {kind.__name__}")

    def overlays(self, service_name: str) -> tuple[Service, ...]:
        """The services of ours that answer for an AWS service, first come first."""
        return self._overlays.get(service_name, ())

    def sample_metrics(self, at: float) -> None:
        """Let every service measure, as of `at`, what alarms will be evaluated by."""
        for service in self._running:
            service.sample_metrics(at)

    def resource_policy(self, service_name: str, arn: str) -> str | None:
        """The policy document (JSON) attached to a resource; None where it has none."""
        for service in self.overlays(service_name):
            document = service.resource_policy(arn)
            if document is not None:
                return json.dumps(document)
        return self.inventory.resource_policy(service_name, arn)

    def api_front(self, request: WireRequest) -> Response:
        """What an API of API Gateway answers."""
        service = self.services.get("apigateway")
        if service is None:
            return Response("this cloud runs no API Gateway", 404)
        return service.front(request)  # type: ignore[attr-defined, no-any-return]

    def function_url(self, request: WireRequest) -> Response:
        """What a function answers at an address of its own."""
        service = self.services.get("lambda")
        if service is None:
            return Response("this cloud runs no Lambda", 404)
        return service.function_url(request)  # type: ignore[attr-defined, no-any-return]

    def _mint(self, caller: Caller) -> Credentials:
        with self._minting:
            if caller not in self._minted:
                self._minted[caller] = self.credential_store.mint(caller)
            return self._minted[caller]


def _every_service() -> Sequence[type[Service]]:
    # Whoever chooses services needs none of the others' code.
    from localcloud.services import ALL_SERVICES

    return ALL_SERVICES


def _environment_region() -> str:
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region and not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region):
        raise ValueError(f"AWS_REGION isn't a region: {region!r}")
    return region or DEFAULT_REGION
