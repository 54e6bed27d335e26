"""The environment file: what a client sets, typed and checked before anything is made of it."""

from __future__ import annotations

from stacks.environment.file import InvalidEnvironment
from stacks.environment.model import ALARM_SECONDS, Endpoint, Gate, Model, Release
from stacks.environment.read import read_environment
from stacks.environment.settings import Environment

__all__ = [
    "ALARM_SECONDS",
    "Endpoint",
    "Environment",
    "Gate",
    "InvalidEnvironment",
    "Model",
    "Release",
    "read_environment",
]
