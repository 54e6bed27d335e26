"""The access keys of IAM's users: made in a template or at run time."""

from __future__ import annotations

from localcloud.calls import Caller, ServiceError
from localcloud.iam.inventory import MotoInventory


class UserKeys:
    """Knows whose key it is, and which keys were deleted."""

    def __init__(self, inventory: MotoInventory) -> None:
        self._inventory = inventory
        self._deleted: set[str] = set()

    def caller_of(self, access_key_id: str) -> Caller | None:
        """The user whose key it is; None for a key that IAM never made.

        Raises ServiceError (InvalidClientTokenId) where the key is inactive or deleted.
        """
        found = self._inventory.access_key(access_key_id)
        if access_key_id in self._deleted or (found and found[1].status != "Active"):
            message = "The security token included in the request is invalid."
            raise ServiceError("InvalidClientTokenId", message, 403)
        return Caller.user(str(found[0].arn)) if found else None

    def forget(self, access_key_id: str) -> None:
        """A user's key was deleted: it isn't unknown from now on, but refused."""
        self._deleted.add(access_key_id)
