"""boto3 clients of the cloud's own address."""

from __future__ import annotations

import threading
from typing import Any

import boto3
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


class Clients:
    """Makes clients, one for each service and credentials, and keeps them."""

    def __init__(self, endpoint_url: str, region: str) -> None:
        self._endpoint_url, self._region = endpoint_url, region
        # Making a client isn't thread-safe in boto3, and loads the service's model each time.
        self._session = boto3.Session(region_name=region)
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def get(self, service_name: str, credentials: Credentials) -> Any:
        """The client of a service that signs with `credentials`; safe to share between threads."""
        key = (service_name, credentials.access_key_id)
        client = self._clients.get(key)
        if client is None:
            with self._lock:
                client = self._clients.get(key) or self._make(service_name, credentials)
                self._clients[key] = client
        return client

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
