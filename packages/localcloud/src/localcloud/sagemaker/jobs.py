"""What runs training and processing jobs: images, capacity, and a thread for each job."""

from __future__ import annotations

import threading
from collections.abc import Callable

from localcloud.account import Account
from localcloud.sagemaker.capacity import Capacity
from localcloud.sagemaker.hosts import Addresses
from localcloud.sagemaker.images import Images
from localcloud.sagemaker.job import SPOT_NOTICE_SECONDS
from localcloud.sagemaker.machine import Machine
from localcloud.sagemaker.tags import Tags


class Jobs(Tags):
    """The images, capacity and threads that this cloud's jobs share.

    `spot_notice_seconds` is the time from SIGTERM to SIGKILL (120 in AWS).
    """

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.images = Images(account)
        self.spot_notice_seconds = SPOT_NOTICE_SECONDS
        self.stopping = threading.Event()
        self._job_threads: list[threading.Thread] = []
        self._machine = Machine(
            account, Capacity(), Addresses(), self.stopping.is_set, lambda: self.spot_notice_seconds
        )

    def stop(self) -> None:
        self.stopping.set()
        for thread in self._job_threads:
            thread.join(10)
        super().stop()

    def run_job(self, name: str, target: Callable[[], None]) -> None:
        self._job_threads = [thread for thread in self._job_threads if thread.is_alive()]
        thread = threading.Thread(target=target, name=name, daemon=True)
        self._job_threads.append(thread)
        thread.start()
