"""Decides whether a caller may make a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.core.request import Request as WireRequest

from localcloud.protocol import Call
from localcloud.service import Caller

if TYPE_CHECKING:
    from localcloud.cloud import Cloud


class Authorizer:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def check(self, caller: Caller, call: Call, request: WireRequest) -> None:
        """Allowed."""
