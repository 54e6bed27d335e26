"""What all of Lambda's operations share."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from localcloud.calls import ServiceError
from localcloud.functions.asynchronous import EventQueue
from localcloud.functions.catalog import Catalog
from localcloud.functions.invoker import Invoker
from localcloud.functions.logs import LogWriter
from localcloud.functions.mappings import Mappings
from localcloud.functions.pool import Pools
from localcloud.functions.url_front import UrlFront
from localcloud.service import Service


class LambdaParts(Service):
    """The parts of the service that its operations work on."""

    service_name: ClassVar[str] = "lambda"

    catalog: Catalog
    pools: Pools
    invoker: Invoker
    log_writer: LogWriter
    events: EventQueue
    mappings: Mappings
    urls: UrlFront

    def timestamp(self) -> str:
        """Now, as Lambda writes LastModified."""
        return lambda_time(self.account.clock.now())


def lambda_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValueException", message, Type="User")


def conflict(message: str) -> ServiceError:
    return ServiceError("ResourceConflictException", message, 409, Type="User")


def missing(message: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", message, 404, Type="User")
