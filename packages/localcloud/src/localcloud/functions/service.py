"""Lambda, as a service of the cloud."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

from localcloud.functions.api.functions import FunctionOperations
from localcloud.functions.api.invocations import InvocationOperations
from localcloud.functions.api.layers import LayerOperations
from localcloud.functions.api.mappings import MappingOperations
from localcloud.functions.api.permissions import PermissionOperations
from localcloud.functions.api.settings import SettingOperations
from localcloud.functions.api.urls import UrlOperations
from localcloud.functions.api.versions import VersionOperations
from localcloud.functions.asynchronous import EventQueue
from localcloud.functions.catalog import Catalog
from localcloud.functions.function import Version
from localcloud.functions.instance import Instance
from localcloud.functions.invoker import Invoker
from localcloud.functions.logs import LogWriter
from localcloud.functions.mappings import Mappings
from localcloud.functions.metrics import FunctionMetrics
from localcloud.functions.pool import Pools
from localcloud.functions.url_front import UrlFront
from localcloud.wire.routing import is_function_url

if TYPE_CHECKING:
    from moto.core.request import Request as HttpRequest
    from werkzeug.wrappers import Response as HttpResponse

    from localcloud.account import Account


def _allow_files() -> None:
    """Let this process have as many files open as it may: every instance needs five."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class LambdaService(
    FunctionOperations,
    VersionOperations,
    PermissionOperations,
    SettingOperations,
    UrlOperations,
    LayerOperations,
    MappingOperations,
    InvocationOperations,
):
    """Functions and all that invokes them."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.catalog = Catalog(account.region, account.id, account.work_dir / "functions")
        self.log_writer = LogWriter(account)
        self.pools = Pools(self._instance)
        self.invoker = Invoker(self.catalog, self.pools, FunctionMetrics(account))
        self.events = EventQueue(account, self.catalog, self.invoker)
        self.urls = UrlFront(account, self.invoker)
        self.mappings = Mappings(account, self.catalog, self.invoker)
        account.functions.connect(self)

    def start(self) -> None:
        _allow_files()
        self.log_writer.start()
        self.pools.start()
        self.events.start()

    def stop(self) -> None:
        self.mappings.stop()
        self.events.stop()
        self.pools.stop()
        self.log_writer.stop()

    def front(self, request: HttpRequest) -> HttpResponse | None:
        """Answer a request to a function URL."""
        return self.urls.respond(request) if is_function_url(request) else None

    def _instance(self, version: Version) -> Instance:
        return Instance(self.account, version, self.log_writer)
