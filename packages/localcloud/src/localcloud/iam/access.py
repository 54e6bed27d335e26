"""IAM as those who answer requests ask it: who signed one, and whether that caller may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.core.request import Request as WireRequest

from localcloud.calls import Caller
from localcloud.clock import Clock
from localcloud.credentials import CredentialStore
from localcloud.iam.authorizer import Authorizer
from localcloud.iam.context import Keys, request_context, wire_context
from localcloud.iam.demand import Demand, Place
from localcloud.iam.identity import Identities, Identity
from localcloud.wire.protocol import Call
from localcloud.wire.signature import Signature


class Access:
    """The callers of one account, held against the policies that bind them."""

    def __init__(
        self,
        place: Place,
        clock: Clock,
        keys: CredentialStore,
        identities: Identities,
        authorizer: Authorizer,
    ) -> None:
        self.keys = keys
        self._place, self._clock = place, clock
        self._identities, self._authorizer = identities, authorizer

    def caller(self, signature: Signature) -> Caller:
        """Who signed. ServiceError for a key that is expired, inactive or gone."""
        return self.keys.caller(signature.access_key_id, signature.session_token)

    def check(self, caller: Caller, call: Call, request: WireRequest) -> None:
        """ServiceError, worded as AWS does, where the caller may not make the call."""
        self._authorizer.check(caller, call, request)

    def identity(self, caller: Caller) -> Identity:
        """The policies of the role or user that a caller acts as."""
        return self._identities.of(caller)

    def refusal(
        self, caller: Caller, identity: Identity, demand: Demand, context: Keys
    ) -> str | None:
        """Why a demand isn't granted, in AWS's words; None where it is."""
        return self._authorizer.refusal(caller, identity, demand, context)

    def context(
        self,
        caller: Caller,
        identity: Identity,
        service: str,
        parameters: Mapping[str, Any],
        request: WireRequest,
    ) -> Keys:
        """The condition keys of a request to an address that no operation stands for."""
        own = request_context(caller, identity, service, parameters, self._place)
        return own | wire_context(request, self._clock)
