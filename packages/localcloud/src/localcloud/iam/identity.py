"""The policies of the role or user that a caller acts as."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from moto.iam.models import Group, Role, User

from localcloud.calls import Caller
from localcloud.iam.inventory import MotoInventory
from localcloud.iam.policy import Policy, Principal, parse_policy


@dataclass(frozen=True)
class Identity:
    """Who a caller is to policies, what its own policies are, and which kinds limit them."""

    principal: Principal
    name: str
    policies: tuple[Policy, ...] = ()
    limits: tuple[tuple[str, tuple[Policy, ...]], ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    id: str = ""


class Identities:
    """Compiles the policies of roles and users once, until IAM changes."""

    def __init__(self, account: str, inventory: MotoInventory) -> None:
        self._account, self._inventory = account, inventory
        self._known: dict[Caller, Identity] = {}
        self._lock = threading.Lock()
        self._generation = 0

    def forget(self) -> None:
        """IAM changed: read roles and users once more."""
        with self._lock:
            self._generation += 1
            self._known = {}

    def of(self, caller: Caller) -> Identity:
        """The identity of a caller. A role or user that IAM doesn't have may do nothing."""
        known = self._known.get(caller)
        if known is not None:
            return known
        generation = self._generation
        identity = self._read(caller)
        with self._lock:
            if generation == self._generation:
                self._known[caller] = identity
        return identity

    def _read(self, caller: Caller) -> Identity:
        if caller.service is not None:
            return Identity(Principal(self._account, service=caller.service), caller.service)
        if caller.is_anonymous:
            return Identity(Principal(""), "anonymous")
        if caller.user_arn is not None:
            return self._user(caller.user_arn)
        if caller.role_arn is not None:
            return self._role(caller.role_arn, caller)
        root = f"arn:aws:iam::{self._account}:root"
        return Identity(Principal(self._account, (root,)), root, id=self._account)

    def _user(self, arn: str) -> Identity:
        principal = Principal(self._account, (arn,))
        user = self._inventory.user(arn)
        if user is None:
            return Identity(principal, arn)
        holders: list[User | Group] = [user, *self._inventory.groups_of(user)]
        written = [document for holder in holders for document in holder.policies.values()]
        attached = [policy for holder in holders for policy in holder.managed_policies]
        tags = self._inventory.user_tags(arn)
        return Identity(principal, arn, self._policies(written, attached), tags=tags, id=user.id)

    def _role(self, arn: str, caller: Caller) -> Identity:
        name = arn.rpartition("/")[2]
        session = f"arn:aws:sts::{self._account}:assumed-role/{name}/{caller.session_name}"
        principal = Principal(self._account, (arn, session))
        role = self._inventory.role(name)
        if role is None or role.arn != arn:
            return Identity(principal, session)
        return Identity(
            principal,
            session,
            self._policies(role.policies.values(), role.managed_policies),
            (*self._boundary(role.permissions_boundary_arn), *_session_limit(caller)),
            _tags(role, caller),
            f"{role.id}:{caller.session_name}",
        )

    def _policies(self, written: Iterable[Any], attached: Iterable[str]) -> tuple[Policy, ...]:
        documents = [*written, *(self._inventory.managed_policy(arn) for arn in attached)]
        return tuple(_compiled(document) for document in documents if document)

    def _boundary(self, arn: str | None) -> Iterator[tuple[str, tuple[Policy, ...]]]:
        if arn:
            # A boundary that is gone leaves nothing within it.
            document = self._inventory.managed_policy(arn)
            yield "permissions boundary", (_compiled(document),) if document else ()


def _session_limit(caller: Caller) -> Iterator[tuple[str, tuple[Policy, ...]]]:
    if caller.session_policies:
        yield "session policy", tuple(_compiled(one) for one in caller.session_policies)


def _tags(role: Role, caller: Caller) -> tuple[tuple[str, str], ...]:
    """A session's own tags go before its role's, whichever way their keys are written."""
    tags = [(tag["Key"], tag["Value"]) for tag in role.tags or ()]
    own = {key.lower() for key, _ in caller.session_tags}
    return (*(tag for tag in tags if tag[0].lower() not in own), *caller.session_tags)


def _compiled(document: str) -> Policy:
    return parse_policy(unquote(document) if document.startswith("%7B") else document)
