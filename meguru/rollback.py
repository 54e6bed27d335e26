"""What is written into the registry of a version that a person brings back, and how it is known."""

from __future__ import annotations

from collections.abc import Sequence

_BEGINS = "Rollback by "
# The registry's limit of an approval's description.
MAX_CHARACTERS = 1024
# The metric by which a person stops a release that is under way, and its dimension.
STOP_METRIC, STOP_DIMENSION = "ReleaseStopped", "endpoint"
# Of what has served, so many versions can be brought back by their place in time.
MAX_SERVED = 20


def rollback_description(by: str, because: str) -> str:
    """The approval's description; ValueError where it says no name, or nothing of why."""
    for what, said in (("name", by), ("reason", because)):
        if not said.strip():
            raise ValueError(f"a rollback needs a {what}: it is kept with the decision")
    return f"{_BEGINS}{by.strip()}: {because.strip()}"[:MAX_CHARACTERS]


def is_rollback(description: str) -> bool:
    return description.startswith(_BEGINS)


def served_then(served: Sequence[str], package: str, *, back: bool) -> list[str]:
    """What has served, oldest first, once `package` does. Who goes back undoes what came since."""
    if back and package in served:
        return list(served[: len(served) - list(reversed(served)).index(package)])
    kept = list(served)
    return (kept if kept[-1:] == [package] else [*kept, package])[-MAX_SERVED:]


def before_last(served: Sequence[str]) -> str:
    """The version that served before the one that does; empty where none did."""
    return served[-2] if len(served) > 1 else ""
