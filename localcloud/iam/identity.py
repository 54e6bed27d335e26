"""The policies of the role that a caller acts as."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from urllib.parse import unquote

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


class Identities:
    """Compiles the policies of roles once, until IAM changes."""

    def __init__(self, account: str, inventory: MotoInventory) -> None:
        self._account, self._inventory = account, inventory
        self._known: dict[Caller, Identity] = {}
        self._lock = threading.Lock()
        self._generation = 0

    def forget(self) -> None:
        """IAM changed: read the roles once more."""
        with self._lock:
            self._generation += 1
            self._known = {}

    def of(self, caller: Caller) -> Identity:
        """The identity of a caller. A role that IAM doesn't have may do nothing."""
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
        if caller.role_arn is None:
            root = f"arn:aws:iam::{self._account}:root"
            return Identity(Principal(self._account, (root,)), root)
        name = caller.role_arn.rpartition("/")[2]
        session = f"arn:aws:sts::{self._account}:assumed-role/{name}/{caller.session_name}"
        principal = Principal(self._account, (caller.role_arn, session))
        role = self._inventory.role(name)
        if role is None or role.arn != caller.role_arn:
            return Identity(principal, session)
        documents = [
            *role.policies.values(),
            *(self._inventory.managed_policy(arn) for arn in role.managed_policies),
        ]
        return Identity(
            principal,
            session,
            tuple(_compiled(document) for document in documents if document),
            self._boundary(role.permissions_boundary_arn),
            tuple((tag["Key"], tag["Value"]) for tag in role.tags or ()),
        )

    def _boundary(self, arn: str | None) -> Policy | None:
        document = self._inventory.managed_policy(arn) if arn else None
        # A boundary that is gone leaves nothing within it.
        return _compiled(document) if document else Policy(()) if arn else None


def _compiled(document: str) -> Policy:
    return parse_policy(unquote(document) if document.startswith("%7B") else document)
