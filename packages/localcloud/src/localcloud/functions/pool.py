"""Instances of functions: kept warm, started when all are busy, ended when idle."""

from __future__ import annotations

import math
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from localcloud.calls import ServiceError
from localcloud.functions.function import Version
from localcloud.functions.instance import Instance
from localcloud.functions.invocation import FunctionError

ACCOUNT_CONCURRENCY = 1000
_IDLE_SECONDS = 300.0


class Pool:
    """The instances of one version of one function.

    Whoever needs an instance waits for the first to be free, whether it was busy or is being
    started: a burst of short invocations is served by few processes.
    """

    def __init__(self, version: Version, make: Callable[[Version], Instance]) -> None:
        self.version = version
        self._make = make
        self._changed = threading.Condition()
        self._ready: deque[Instance | FunctionError] = deque()
        self._waiting = self._starting = 0
        self._retired = self._closed = False

    def take(self, start: Callable[[Callable[[], None]], object]) -> Instance:
        """A ready instance; `start` runs a function in the background, one of few at a time."""
        with self._changed:
            if (found := self._pop()) is None:
                self._waiting += 1
                try:
                    while found is None:
                        if self._closed:
                            raise ServiceError("ServiceException", "the cloud is stopping", 500)
                        if self._starting < self._waiting:
                            self._starting += 1
                            start(self._start_one)
                        self._changed.wait()
                        found = self._pop()
                finally:
                    self._waiting -= 1
        if isinstance(found, FunctionError):
            raise found
        return found

    def give_back(self, instance: Instance, *, usable: bool) -> None:
        with self._changed:
            if usable and not self._retired:
                self._ready.append(instance)
                self._changed.notify()
                return
            self._changed.notify()
        instance.end()

    def retire(self) -> None:
        """End the idle instances now, and the busy ones when they are given back."""
        with self._changed:
            self._retired = True
        self.reap(idle_since=math.inf)

    def close(self) -> None:
        """Refuse whoever waits, and end the idle instances; the busy ones end with the cloud."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.retire()

    def reap(self, idle_since: float) -> None:
        """End the instances that were last used before a time."""
        with self._changed:
            old = [
                instance
                for instance in self._ready
                if isinstance(instance, Instance) and instance.last_used < idle_since
            ]
            for instance in old:
                self._ready.remove(instance)
        for instance in old:
            instance.end()

    def _pop(self) -> Instance | FunctionError | None:
        while self._ready:
            # The one used last first, so that those not needed grow old.
            found = self._ready.pop()
            if isinstance(found, FunctionError) or found.alive:
                return found
            found.end()
        return None

    def _start_one(self) -> None:
        with self._changed:
            if not self._waiting:
                self._starting -= 1
                return
        outcome: Instance | FunctionError = FunctionError("Runtime.Unknown", "no process started")
        try:
            outcome = self._started()
        finally:
            with self._changed:
                self._starting -= 1
                wanted = self._waiting or not self._retired
                if wanted:
                    self._ready.append(outcome)
                    self._changed.notify()
        if not wanted and isinstance(outcome, Instance):
            outcome.end()

    def _started(self) -> Instance | FunctionError:
        try:
            instance = self._make(self.version)
        except (OSError, RuntimeError) as error:
            return FunctionError("Runtime.InvalidEntrypoint", str(error), fatal=True)
        try:
            instance.initialize()
        except FunctionError as failure:
            instance.end()
            return failure
        return instance


class Pools:
    """Every function's instances, within the account's and the functions' concurrency."""

    def __init__(self, make: Callable[[Version], Instance]) -> None:
        self._make = make
        self._pools: dict[str, Pool] = {}
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        # More starts at once would only make each of them slower.
        workers = max(4, 2 * (os.cpu_count() or 1))
        self._starter = ThreadPoolExecutor(workers, thread_name_prefix="lambda-init")
        self._stopping = threading.Event()
        self._reaper = threading.Thread(target=self._reap, name="lambda-reaper", daemon=True)

    def start(self) -> None:
        self._reaper.start()

    def stop(self) -> None:
        self._stopping.set()
        self._starter.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            pools = list(self._pools.values())
        for pool in pools:
            pool.close()

    @contextmanager
    def instance(self, version: Version, reserved: int | None) -> Iterator[Instance]:
        """An instance for one invocation: TooManyRequestsException above the concurrency."""
        with self._concurrency(version.function_name, reserved):
            pool = self._pool(version)
            instance = pool.take(self._starter.submit)
            usable = False
            try:
                yield instance
                usable = True
            except FunctionError as failure:
                usable = not failure.fatal
                raise
            except GeneratorExit:
                usable = instance.alive
                raise
            finally:
                pool.give_back(instance, usable=usable)

    def retire(self, version: Version) -> None:
        """A version that is no more: its instances end after what they are doing."""
        with self._lock:
            pool = self._pools.pop(version.identity, None)
        if pool:
            pool.retire()

    def busy(self, function_name: str) -> int:
        """How many invocations of a function are running."""
        with self._lock:
            return self._busy[function_name]

    @contextmanager
    def _concurrency(self, name: str, reserved: int | None) -> Iterator[None]:
        with self._lock:
            if reserved is not None and self._busy[name] >= reserved:
                raise _throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
            if self._busy.total() >= ACCOUNT_CONCURRENCY:
                raise _throttled("ConcurrentInvocationLimitExceeded")
            self._busy[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy[name] -= 1

    def _pool(self, version: Version) -> Pool:
        with self._lock:
            if version.identity not in self._pools:
                self._pools[version.identity] = Pool(version, self._make)
            return self._pools[version.identity]

    def _reap(self) -> None:
        while not self._stopping.wait(_IDLE_SECONDS / 10):
            with self._lock:
                pools = list(self._pools.values())
            for pool in pools:
                pool.reap(time.monotonic() - _IDLE_SECONDS)


def _throttled(reason: str) -> ServiceError:
    return ServiceError("TooManyRequestsException", "Rate Exceeded.", 429, Reason=reason)
