"""What every service of the cloud is: operations named as AWS names them, over one account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from moto.core.request import Request as HttpRequest
from werkzeug.wrappers import Response as HttpResponse

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response

# What a person may ask of a service that AWS has no operation for: it takes the HTTP request and
# answers with what becomes JSON. A ValueError is the client's fault.
Control = Callable[[HttpRequest], dict[str, Any]]


class Service:
    """One AWS service under botocore's name for it.

    An operation is a method with the operation's snake_case name (botocore's `xform_name`), taking
    the request's parameters (already validated against botocore's service model) and the caller,
    and returning the members of the output shape. What has no method goes to moto where
    `extends_moto` is set, and is refused by name where it is not.
    """

    service_name: ClassVar[str]
    extends_moto: ClassVar[bool] = False
    # The operations that `after` hears of; None: of all.
    follows: ClassVar[frozenset[str] | None] = None

    def __init__(self, account: Account) -> None:
        self.account = account

    def faces(self) -> tuple[Service, ...]:
        """This one and what it answers for under further names, as SageMaker for its runtime."""
        return (self,)

    def start(self) -> None:
        """Start what runs in the background. Called once, when the cloud answers on its address."""

    def stop(self) -> None:
        """End every thread and process this service started. Called once; must not raise."""

    def front(self, request: HttpRequest) -> HttpResponse | None:
        """The answer at an address of this service's own, such as an API's; None elsewhere."""
        return None

    def controls(self) -> Mapping[tuple[str, str], Control]:
        """What stands below `/_localcloud/`: by HTTP method and path (one that ends in a slash
        stands for all below it).
        """
        return {}

    def resource_policy(self, arn: str) -> dict[str, Any] | None:
        """The policy document attached to a resource of this service; None where it has none."""
        return None

    def before(self, operation: str, request: Request, caller: Caller) -> None:
        """Called before moto carries out `operation`; a ServiceError refuses it."""

    def after(self, operation: str, request: Request, response: Response, caller: Caller) -> None:
        """Called after moto has carried out `operation` (PascalCase); not for HTTP GET or HEAD."""


# How a cloud makes a service: with its class, mostly.
MakeService = Callable[[Account], Service]
