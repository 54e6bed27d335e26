"""The instances of one production variant: kept alive, scaled, chosen in turn, drained."""

from __future__ import annotations

import itertools
import logging
import shutil
import threading
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.account import Account
from localcloud.sagemaker.instance import Instance
from localcloud.sagemaker.logs import LogStream
from localcloud.sagemaker.model_data import ADDITIONAL, MODEL, ModelData
from localcloud.sagemaker.models import Servable
from localcloud.sagemaker.transfer import Transfer, explain

_log = logging.getLogger(__name__)
_DEFAULT_STARTUP_SECONDS = 480
_SUPERVISION_SECONDS = 0.1
_MAX_STARTS_UNTIL_HEALTHY = 2
# Read by all instances of the fleet: they are there once.
_DATA_FOLDERS = (MODEL, ADDITIONAL)


class FleetClosedError(Exception):
    """The fleet takes no more requests: choose again."""


class NoInstanceError(Exception):
    """No instance of the fleet is healthy at this moment."""


class FleetFailedError(Exception):
    """The instances can't serve, with a FailureReason that says why."""


class Fleet:
    """All instances of a variant, of one endpoint configuration.

    `weight` is the variant's share of the traffic beside its sisters. Its containers' log is the
    endpoint's, unless `log_group` names another.
    """

    _numbers = itertools.count(1)

    def __init__(
        self,
        account: Account,
        endpoint_name: str,
        variant: dict[str, Any],
        servable: Servable,
        log_group: str = "",
    ) -> None:
        self._account, self._servable = account, servable
        self._log_group = log_group or f"/aws/sagemaker/Endpoints/{endpoint_name}"
        self.variant = variant
        self.name: str = variant["VariantName"]
        self.weight: float = variant.get("InitialVariantWeight", 1.0)
        self.desired_count: int = variant.get("InitialInstanceCount", 1)
        self.image_uri = servable.image_uri
        self._folder = (
            account.work_dir / "endpoints" / endpoint_name / f"fleet-{next(self._numbers)}"
        )
        self._instances: list[Instance] = []
        self._turn = itertools.count()
        self._changed = threading.Condition()
        self._is_closed = False
        self._stop = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)

    @property
    def current_count(self) -> int:
        return sum(instance.is_healthy for instance in list(self._instances))

    @property
    def num_in_flight(self) -> int:
        """The requests under way on all instances."""
        return sum(instance.in_flight for instance in list(self._instances))

    def start(self) -> None:
        """Load the model and start every instance. FleetFailedError when one can't serve."""
        self._load_model()
        try:
            self._grow(self.desired_count)
        except FleetFailedError:
            self.close()
            raise
        self._supervisor.start()

    def scale(self, count: int) -> None:
        """Go to `count` instances; those that go finish their requests first.

        FleetFailedError, with the count as it was, where a new one can't serve.
        """
        before, self.desired_count = self.desired_count, count
        try:
            self._grow(count - len(self._instances))
        except FleetFailedError:
            self.desired_count = before
            raise
        with self._changed:
            leaving, self._instances = self._instances[count:], self._instances[:count]
        for instance in leaving:
            self._drain([instance], 60)
            instance.end()

    def acquire(self) -> Instance:
        """The next healthy instance in turn; give it back with `release`."""
        with self._changed:
            if self._is_closed:
                raise FleetClosedError
            healthy = [instance for instance in self._instances if instance.is_healthy]
            if not healthy:
                raise NoInstanceError
            instance = healthy[next(self._turn) % len(healthy)]
            instance.in_flight += 1
            return instance

    def release(self, instance: Instance) -> None:
        with self._changed:
            instance.in_flight -= 1
            self._changed.notify_all()

    def close(self, drain_seconds: float = 0.0) -> None:
        """Take no more requests, let those under way finish, end every instance."""
        with self._changed:
            self._is_closed = True
            instances = list(self._instances)
        self._drain(instances, drain_seconds)
        self._stop.set()
        if self._supervisor.is_alive():
            self._supervisor.join()
        for instance in instances:
            instance.end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _drain(self, instances: list[Instance], timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            while any(instance.in_flight for instance in instances):
                if time.monotonic() > deadline or self._account.stopping.is_set():
                    return
                self._changed.wait(0.2)

    def _grow(self, count: int) -> None:
        fresh = [self._new_instance() for _ in range(count)]
        try:
            for instance in fresh:
                instance.start()
            self._wait_until_healthy(fresh)
        except (OSError, RuntimeError, ValueError, FleetFailedError) as error:
            for instance in fresh:
                instance.end()
            raise FleetFailedError(str(error)) from error
        with self._changed:
            self._instances.extend(fresh)

    def _new_instance(self) -> Instance:
        folder = self._folder / f"instance-{len(list(self._folder.iterdir()))}"
        opt_ml = folder / "opt/ml"
        opt_ml.mkdir(parents=True)
        for name in _DATA_FOLDERS:
            (opt_ml / name).symlink_to(self._folder / name)
        return Instance(self._account, self._servable, opt_ml, lambda: self._open_log(folder.name))

    def _open_log(self, instance_name: str) -> LogStream:
        return LogStream(
            self._account,
            self._log_group,
            f"{self.name}/{self._folder.name}-{instance_name}",
            self._servable.role_arn,
            "SageMaker",
        )

    def _wait_until_healthy(self, instances: list[Instance]) -> None:
        limit = self.variant.get(
            "ContainerStartupHealthCheckTimeoutInSeconds", _DEFAULT_STARTUP_SECONDS
        )
        deadline = time.monotonic() + limit
        while waiting := [instance for instance in instances if not instance.is_healthy]:
            for instance in waiting:
                if instance.has_died and instance.num_starts >= _MAX_STARTS_UNTIL_HEALTHY:
                    raise FleetFailedError(self._failed_ping(instance))
                if instance.has_died:
                    instance.restart()
                instance.check_health()
            if time.monotonic() > deadline:
                raise FleetFailedError(self._failed_ping(waiting[0]))
            if self._account.stopping.is_set():
                raise FleetFailedError("the cloud is stopping")
            time.sleep(0.02)

    def _failed_ping(self, instance: Instance) -> str:
        return (
            f"The primary container for production variant {self.name} did not pass the ping "
            "health check. Please check CloudWatch logs for this endpoint. The end of its log: "
            f"{instance.log_tail()}"
        )[:1024]

    def _supervise(self) -> None:
        """Start again what has died, and ask for its health until it serves."""
        while not self._stop.wait(_SUPERVISION_SECONDS):
            for instance in list(self._instances):
                if self._stop.is_set() or self._account.stopping.is_set():
                    return
                if instance.has_died:
                    self._restart(instance)
                    # One that dies at once must not keep this machine busy.
                    self._stop.wait(min(0.1 * instance.num_starts, 5))
                if not instance.is_healthy:
                    instance.check_health()

    def _restart(self, instance: Instance) -> None:
        try:
            instance.restart()
        except (OSError, RuntimeError) as error:
            # No process can be started now (the machine is full, the cloud stops): try again.
            _log.warning("an instance of %s did not start: %s", self.name, error)

    def _load_model(self) -> None:
        for name in _DATA_FOLDERS:
            (self._folder / name).mkdir(parents=True)
        transfer = Transfer(self._account, self._servable.role_arn)
        for one in self._servable.data:
            self._load(one, transfer)

    def _load(self, data: ModelData, transfer: Transfer) -> None:
        try:
            data.load(transfer, self._folder)
        except ClientError as error:
            raise FleetFailedError(
                f"Failed to download model data for production variant {self.name} from "
                f"{data.uri}: {explain(error)}"
            ) from error
        except (ValueError, OSError, BotoCoreError) as error:
            raise FleetFailedError(f"Failed to load model data from {data.uri}: {error}") from error
