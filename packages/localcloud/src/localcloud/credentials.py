"""Access keys: which caller a key belongs to."""

from __future__ import annotations

import secrets
import string
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from localcloud.calls import Caller, ServiceError

ADMINISTRATOR_ACCESS_KEY_ID = "LKIALOCALCLOUDADMIN0"
_KEY_CHARACTERS = string.ascii_uppercase + string.digits


@dataclass(frozen=True)
class Credentials:
    """What a client signs with. `session_token` and `expiration` are None for the administrator."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None
    caller: Caller
    expiration: datetime | None = None


def administrator_credentials() -> Credentials:
    """The account's administrator. Any unknown key acts as the administrator too."""
    secret = "localcloud"  # It protects nothing: the cloud listens on loopback alone.
    return Credentials(ADMINISTRATOR_ACCESS_KEY_ID, secret, None, Caller.administrator())


class UserKeys(Protocol):
    """What IAM says of the access keys of its users."""

    def caller_of(self, access_key_id: str) -> Caller | None:
        """The user whose key it is; None for a key that IAM never made.

        Raises ServiceError where the key is inactive or deleted.
        """


class CredentialStore:
    """Mints session credentials for callers and knows each by its access key."""

    def __init__(self, user_keys: UserKeys) -> None:
        self._user_keys = user_keys
        self._by_key: dict[str, Credentials] = {}
        self._lock = threading.Lock()

    def mint(self, caller: Caller, lifetime: timedelta | None = None) -> Credentials:
        """New credentials that act as `caller`, for `lifetime` of real time or without end."""
        if caller.is_administrator:
            return administrator_credentials()
        key = "LSIA" + "".join(secrets.choice(_KEY_CHARACTERS) for _ in range(16))
        expiration = datetime.now(UTC) + lifetime if lifetime else None
        minted = Credentials(
            key, secrets.token_hex(20), secrets.token_urlsafe(48), caller, expiration
        )
        with self._lock:
            self._by_key[key] = minted
        return minted

    def caller(self, access_key_id: str, session_token: str | None) -> Caller:
        """Whose key it is; one that neither this store nor IAM made is the administrator's.

        Raises ServiceError: ExpiredToken, or InvalidClientTokenId for a minted key without its
        session token and for a user's key that is inactive or gone.
        """
        minted = self._by_key.get(access_key_id)
        if minted is None:
            return self._user_keys.caller_of(access_key_id) or Caller.administrator()
        if session_token != minted.session_token:
            message = "The security token included in the request is invalid."
            raise ServiceError("InvalidClientTokenId", message, 403)
        if minted.expiration and datetime.now(UTC) >= minted.expiration:
            message = "The security token included in the request is expired"
            raise ServiceError("ExpiredToken", message, 403)
        return minted.caller
