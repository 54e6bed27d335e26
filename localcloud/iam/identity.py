"""The policies of the role or user that a caller acts as."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from moto.iam.models import Group, User

from localcloud.iam.inventory import MotoInventory
from localcloud.iam.policy import Policy, Principal, parse_policy
from localcloud.service import Caller


@dataclass(frozen=True)
class Identity:
    """Who a caller is to policies, and what its own policies are."""

    principal: Principal
    name: str
    policies: tuple[Policy, ...] = ()
    boundary: Policy | None = None
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
            return self._role(caller.role_arn, caller.session_name)
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

    def _role(self, arn: str, session_name: str) -> Identity:
        name = arn.rpartition("/")[2]
        session = f"arn:aws:sts::{self._account}:assumed-role/{name}/{session_name}"
        principal = Principal(self._account, (arn, session))
        role = self._inventory.role(name)
        if role is None or role.arn != arn:
            return Identity(principal, session)
        return Identity(
            principal,
            session,
            self._policies(role.policies.values(), role.managed_policies),
            self._boundary(role.permissions_boundary_arn),
            tuple((tag["Key"], tag["Value"]) for tag in role.tags or ()),
            f"{role.id}:{session_name}",
        )

    def _policies(self, written: Iterable[Any], attached: Iterable[str]) -> tuple[Policy, ...]:
        documents = [*written, *(self._inventory.managed_policy(arn) for arn in attached)]
        return tuple(_compiled(document) for document in documents if document)

    def _boundary(self, arn: str | None) -> Policy | None:
        document = self._inventory.managed_policy(arn) if arn else None
        # A boundary that is gone leaves nothing within it.
        return _compiled(document) if document else Policy(()) if arn else None


def _compiled(document: str) -> Policy:
    return parse_policy(unquote(document) if document.startswith("%7B") else document)
