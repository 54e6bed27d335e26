"""One instance of an endpoint's variant: a container process on a loopback port of its own."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from localcloud.account import Account
from localcloud.processes import Process
from localcloud.sagemaker.container import Container
from localcloud.sagemaker.logs import LogStream
from localcloud.sagemaker.models import Servable

HOST = "127.0.0.1"
_PING_TIMEOUT_SECONDS = 2.0
_STOP_GRACE_SECONDS = 2.0


class Instance:
    """Started, asked for its health, started again when it has died, ended.

    `in_flight` counts the requests under way; the fleet that owns the instance guards it.
    """

    def __init__(
        self, account: Account, servable: Servable, opt_ml: Path, open_log: Callable[[], LogStream]
    ) -> None:
        self._account, self._servable, self._opt_ml = account, servable, opt_ml
        self._log = open_log()
        self._process: Process | None = None
        self._lock = threading.Lock()
        self._has_ended = False
        self.port = 0
        self.num_starts = 0
        self.in_flight = 0
        self.is_healthy = False

    def start(self) -> None:
        self.port = _free_port()
        self.num_starts += 1
        self.is_healthy = False
        self._process = self._container().start(self._account)
        assert self._process.stdout is not None
        self._log.follow(self._process.stdout)

    @property
    def has_died(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def restart(self) -> None:
        """Start it again, after ending what its dead process may have left behind.

        One that has been ended on purpose stays ended.
        """
        with self._lock:
            if not self._has_ended:
                self._end_process(0.0)
                self.start()

    def check_health(self) -> None:
        """Ask /ping; only 200 makes it healthy."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=_PING_TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/ping")
            self.is_healthy = connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            self.is_healthy = False
        finally:
            connection.close()

    def log_tail(self) -> str:
        if self.has_died:
            self._end_process(0.0)
            self._log.drain(1.0)
        return self._log.tail()

    def end(self) -> None:
        with self._lock:
            self._has_ended = True
            self.is_healthy = False
            self._end_process(_STOP_GRACE_SECONDS)
        self._log.close()

    def _end_process(self, grace_seconds: float) -> None:
        if self._process is not None:
            self._account.processes.end(self._process, grace_seconds)

    def _container(self) -> Container:
        return Container(
            image=self._servable.image,
            opt_ml=self._opt_ml,
            entrypoint=self._servable.image.recipe.entrypoint,
            # As SageMaker does: `docker run IMAGE serve`.
            arguments=["serve"],
            environment={
                **self._servable.environment,
                "SAGEMAKER_BIND_TO_HOST": HOST,
                "SAGEMAKER_BIND_TO_PORT": str(self.port),
            },
            role_arn=self._servable.role_arn,
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
