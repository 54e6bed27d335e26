"""The cloud: every service, on one address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from localcloud.clock import Clock
from localcloud.processes import Processes
from localcloud.service import Caller, Service

if TYPE_CHECKING:
    from localcloud.template.assembly import Assembly

ServiceType = TypeVar("ServiceType", bound=Service)


class Cloud:
    """One AWS account in one region, answering on one address of this machine."""

    account: str
    region: str
    endpoint_url: str
    work_dir: Path
    assembly: Assembly | None
    clock: Clock
    processes: Processes
    services: dict[str, Service]

    def client(self, service_name: str, caller: Caller | None = None) -> Any:
        """A boto3 client of this cloud that signs as `caller` (default: the administrator)."""
        raise NotImplementedError

    def credentials(self, caller: Caller) -> dict[str, str]:
        """AWS_* environment variables with which a process acts as `caller` in this cloud."""
        raise NotImplementedError

    def service(self, kind: type[ServiceType]) -> ServiceType:
        """The running service of a class."""
        raise NotImplementedError
