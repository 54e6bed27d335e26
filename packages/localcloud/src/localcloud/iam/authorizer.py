"""Decides whether a caller may make a call: the one place where IAM is enforced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from moto.core.request import Request as WireRequest

from localcloud.calls import Caller, ServiceError
from localcloud.clock import Clock
from localcloud.iam.absence import absence_demands
from localcloud.iam.actions import api_gateway_demand, demands
from localcloud.iam.context import Keys, request_context, s3_context, tag_context, wire_context
from localcloud.iam.demand import EVERYTHING, Demand, Place
from localcloud.iam.encryption import encryption_demands
from localcloud.iam.identity import Identities, Identity
from localcloud.iam.inventory import MotoInventory
from localcloud.iam.policy import AccessRequest, Decision, decide, parse_policy
from localcloud.iam.resource_tags import ResourceTags
from localcloud.wire.protocol import Call

# Whose ARN -> the policy document attached to it, as JSON.
ResourcePolicies = Callable[[str, str], str | None]
_SERVICES_BY_PREFIX = {"states": "stepfunctions", "monitoring": "cloudwatch"}
# What a role's trust policy has a say in.
_TRUSTED = ("sts:AssumeRole", "sts:TagSession")
# A bucket's owner can always mend a policy that shuts everyone out.
_OWNERS_OWN = {"s3:PutBucketPolicy", "s3:GetBucketPolicy", "s3:DeleteBucketPolicy"}


class Authorizer:
    """Checks calls against the policies of identities and resources, in one account."""

    def __init__(
        self,
        place: Place,
        clock: Clock,
        identities: Identities,
        inventory: MotoInventory,
        resource_policies: ResourcePolicies,
    ) -> None:
        self._place, self._clock = place, clock
        self._identities, self._inventory = identities, inventory
        self._resource_policies = resource_policies
        self._tags = ResourceTags(place.account, place.region)

    def check(self, caller: Caller, call: Call, request: WireRequest) -> None:
        """Raises ServiceError, worded as AWS does, where something the call needs is missing."""
        service = str(call.model.service_model.service_name)
        call = _about_oneself(caller, call)
        needed = self._needed(service, call, request)
        if not needed:
            return
        identity = self._identities.of(caller)
        context = request_context(caller, identity, service, call.parameters, self._place)
        context |= wire_context(request, self._clock)
        if service == "s3":
            context |= s3_context(request, call.parameters)
        for demand in needed:
            tags = tag_context(self._tags, demand, call.parameters.get("VersionId"))
            if reason := self.refusal(caller, identity, demand, context | tags):
                raise _denied(service, call.protocol, identity.name, demand, reason)

    def _needed(self, service: str, call: Call, request: WireRequest) -> list[Demand]:
        if service == "apigateway":
            own = api_gateway_demand(request.method, request.path, self._place)
            rest = demands(service, call.operation, call.parameters, self._place)
            return [own, *(demand for demand in rest if demand.action == "iam:PassRole")]
        needed = demands(service, call.operation, call.parameters, self._place)
        if service == "s3":
            needed += encryption_demands(
                call.operation, call.parameters, self._place, self._inventory
            )
            needed += absence_demands(call.operation, call.parameters, self._inventory)
        return needed

    def refusal(
        self, caller: Caller, identity: Identity, demand: Demand, context: Keys
    ) -> str | None:
        """Why a demand isn't granted, in AWS's words; None where it is."""
        request = AccessRequest(
            demand.action, demand.resource, identity.principal, {**context, **demand.context}
        )
        attached = self._attached(demand, request)
        if attached is Decision.DENY and not _is_owner(caller, demand):
            return "with an explicit deny in a resource-based policy"
        if caller.is_administrator:
            # A role's trust policy binds administrators too.
            is_stranger = demand.action in _TRUSTED and attached is Decision.NOTHING
            return _nothing("resource", demand) if is_stranger else None
        if caller.service is not None or caller.is_anonymous:
            return None if attached is Decision.ALLOW else _nothing("resource", demand)
        own = decide(identity.policies, request)
        if own is Decision.DENY:
            return "with an explicit deny in an identity-based policy"
        for kind, policies in identity.limits:
            limit = decide(policies, request)
            if limit is Decision.DENY:
                return f"with an explicit deny in a {kind}"
            if limit is Decision.NOTHING:
                return f"because no {kind} allows the {demand.action} action"
        return _verdict(demand, own, attached)

    def _attached(self, demand: Demand, request: AccessRequest) -> Decision:
        """What the resource's own policy says."""
        if demand.resource == EVERYTHING:
            return Decision.NOTHING
        document = self._document(demand)
        if not document:
            return Decision.NOTHING
        try:
            return parse_policy(document).decide(request)
        except ValueError as error:
            message = f"the policy of {demand.resource} can't be evaluated: {error}"
            raise ServiceError("MalformedPolicyDocument", message) from error

    def _document(self, demand: Demand) -> str | None:
        if demand.action in _TRUSTED:
            role = self._inventory.role(demand.resource.rpartition("/")[2])
            return str(role.assume_role_policy_document) if role else None
        prefix = demand.resource.split(":")[2]
        service = _SERVICES_BY_PREFIX.get(prefix, prefix)
        return self._resource_policies(service, demand.resource)


def _about_oneself(caller: Caller, call: Call) -> Call:
    """IAM takes a user that asks without naming a user for one that asks about itself."""
    shape = call.model.input_shape
    may_name = shape is not None and "UserName" in shape.members
    if caller.user_arn is None or not may_name or "UserName" in call.parameters:
        return call
    if "UserName" in shape.required_members or str(call.model.service_model.service_name) != "iam":
        return call
    name = caller.user_arn.rpartition("/")[2]
    return replace(call, parameters={**call.parameters, "UserName": name})


def _verdict(demand: Demand, own: Decision, attached: Decision) -> str | None:
    if attached is Decision.ALLOW:
        return None
    # The policies of keys and roles must let the account's own policies decide.
    is_guarded = demand.action in _TRUSTED or demand.resource.startswith("arn:aws:kms:")
    if is_guarded and ":alias/" not in demand.resource and attached is Decision.NOTHING:
        return _nothing("resource", demand)
    return None if own is Decision.ALLOW else _nothing("identity", demand)


def _nothing(kind: str, demand: Demand) -> str:
    return f"because no {kind}-based policy allows the {demand.action} action"


def _is_owner(caller: Caller, demand: Demand) -> bool:
    return caller.is_administrator and demand.action in _OWNERS_OWN


def _denied(service: str, protocol: str, name: str, demand: Demand, reason: str) -> ServiceError:
    is_query = protocol in ("query", "rest-xml")
    code = "AccessDenied" if is_query else "AccessDeniedException"
    message = (
        f"User: {name} is not authorized to perform: {demand.action} "
        f"on resource: {demand.resource} {reason}"
    )
    status = 400 if protocol == "json" else 403
    return ServiceError("AuthorizationError" if service == "sns" else code, message, status)
