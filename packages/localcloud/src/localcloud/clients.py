"""boto3 clients of the cloud's own address."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import boto3
import botocore.credentials
import botocore.session
from botocore.config import Config

from localcloud.credentials import Credentials

# A call to this machine is answered or refused: retries would only hide a fault. Reads wait as
# long as the longest call runs: Lambda's 15 minutes.
_CONFIG = Config(
    retries={"total_max_attempts": 2, "mode": "standard"},
    connect_timeout=5,
    read_timeout=930,
    max_pool_connections=128,
    tcp_keepalive=True,
    parameter_validation=True,
    s3={"addressing_style": "path"},
    inject_host_prefix=False,
)


_signing: ContextVar[Credentials] = ContextVar("signing")


class Clients:
    """Makes clients, one for each service and credentials, and keeps them."""

    def __init__(self, endpoint_url: str, region: str) -> None:
        self._endpoint_url, self._region = endpoint_url, region
        # Making a client isn't thread-safe in boto3, and loads the service's model each time.
        self._session = boto3.Session(region_name=region)
        self._shared_session = _session_of_whoever_calls(region)
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def get(self, service_name: str, credentials: Credentials) -> Any:
        """The client of a service that signs with `credentials`; safe to share between threads."""
        key = (service_name, credentials.access_key_id)
        return self._clients.get(key) or self._keep(key, lambda: self._make(key[0], credentials))

    def lend(self, service_name: str, credentials: Credentials) -> Lent:
        """As `get`, of a client that all share: for credentials that few calls are made with."""
        key = (service_name, "")
        client = self._clients.get(key) or self._keep(key, lambda: self._make_shared(key[0]))
        return Lent(client, credentials)

    def _keep(self, key: tuple[str, str], make: Callable[[], Any]) -> Any:
        with self._lock:
            if key not in self._clients:
                self._clients[key] = make()
            return self._clients[key]

    def _make(self, service_name: str, credentials: Credentials) -> Any:
        return self._session.client(
            service_name,
            endpoint_url=self._endpoint_url,
            region_name=self._region,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
            config=_CONFIG,
        )

    def _make_shared(self, service_name: str) -> Any:
        return self._shared_session.client(
            service_name, endpoint_url=self._endpoint_url, config=_CONFIG
        )


class Lent:
    """The operations of a shared client, which sign with these credentials."""

    def __init__(self, client: Any, credentials: Credentials) -> None:
        self.client, self._credentials = client, credentials

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = getattr(self.client, name)

        def call(**request: Any) -> Any:
            token = _signing.set(self._credentials)
            try:
                return operation(**request)
            finally:
                _signing.reset(token)

        return call


class _OfWhoeverCalls(botocore.credentials.Credentials):  # type: ignore[misc]  # untyped
    def get_frozen_credentials(self) -> Any:
        own = _signing.get()
        return botocore.credentials.ReadOnlyCredentials(
            own.access_key_id, own.secret_access_key, own.session_token
        )


class _Provider:
    def load_credentials(self) -> _OfWhoeverCalls:
        return _OfWhoeverCalls("unknown until a call", "")


def _session_of_whoever_calls(region: str) -> boto3.Session:
    session = botocore.session.Session()
    session.register_component("credential_provider", _Provider())
    return boto3.Session(botocore_session=session, region_name=region)
