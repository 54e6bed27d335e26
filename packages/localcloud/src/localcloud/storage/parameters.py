"""Systems Manager's parameters: moto's, and those that `cdk bootstrap` leaves in an account."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.account import Account
from localcloud.calls import Caller, Request
from localcloud.service import Service


class ParameterStoreService(Service):
    """Has some parameters from the beginning.

    They are put when somebody first asks: moto's parameters take a second to load, which nobody
    should wait for who doesn't use them.
    """

    service_name = "ssm"
    extends_moto = True

    def __init__(self, account: Account, parameters: Mapping[str, str]) -> None:
        super().__init__(account)
        self._waiting = dict(parameters)

    def before(self, operation: str, request: Request, caller: Caller) -> None:
        if not self._waiting:
            return
        from moto.ssm.models import ssm_backends

        backend = ssm_backends[self.account.id][self.account.region]
        while self._waiting:
            name, value = self._waiting.popitem()
            backend.put_parameter(
                name=name,
                description="",
                value=value,
                parameter_type="String",
                allowed_pattern="",
                keyid="",
                overwrite=True,
                tags=[],
                data_type="text",
                tier=None,
                policies=None,
            )
