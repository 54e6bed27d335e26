"""API Gateway: the control plane's operations and the front that serves the APIs they make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.calls import Caller, Request, Response
from localcloud.http_api.front import Front
from localcloud.http_api.metering import Metering
from localcloud.http_api.operations.api_keys import ApiKeys
from localcloud.http_api.operations.definitions import Definitions
from localcloud.http_api.operations.deployments import Deployments
from localcloud.http_api.operations.integrations import Integrations
from localcloud.http_api.operations.methods import Methods
from localcloud.http_api.operations.resources import Resources
from localcloud.http_api.operations.rest_apis import RestApis
from localcloud.http_api.operations.usage_plans import UsagePlans
from localcloud.http_api.state import State
from localcloud.wire.routing import is_execute_api

if TYPE_CHECKING:
    from moto.core.request import Request as HttpRequest
    from werkzeug.wrappers import Response as HttpResponse

    from localcloud.account import Account


class ApiGatewayService(
    RestApis,
    Resources,
    Methods,
    Integrations,
    Definitions,
    Deployments,
    ApiKeys,
    UsagePlans,
):
    """REST APIs of API Gateway. What it has no operation for is refused by name."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.state = State()
        self.metering = Metering(account.clock)
        self._front = Front(account, self.state, self.metering)

    def start(self) -> None:
        self._front.start()

    def stop(self) -> None:
        self._front.stop()

    def front(self, request: HttpRequest) -> HttpResponse | None:
        """Answer a request to a stage of an API."""
        return self._front.respond(request) if is_execute_api(request) else None

    def flush_stage_authorizers_cache(self, request: Request, caller: Caller) -> Response:
        self._front.authorizers.flush(request["restApiId"], request["stageName"])
        return {}

    def flush_stage_cache(self, request: Request, caller: Caller) -> Response:
        """Responses are not cached here: there is nothing to flush."""
        self.api(request)
        return {}
