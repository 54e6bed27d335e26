"""What all jobs of a cloud share: capacity, addresses, and when to leave off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from localcloud.account import Account
from localcloud.sagemaker.capacity import Capacity
from localcloud.sagemaker.hosts import Addresses


@dataclass(frozen=True)
class Machine:
    """This machine, as the jobs that run on it see it."""

    account: Account
    capacity: Capacity
    addresses: Addresses
    is_stopping: Callable[[], bool]
    notice_seconds: Callable[[], float]
