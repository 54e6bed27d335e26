"""What holds for all tests: in which order they run, and which of them share what is made once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes is the machine's matter, and no fault of the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# Long ones that wait much begin first; the many short ones fill what is left of the processors.
FIRST = ("e2e", "campaigns", "stacks")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: position(folder_of(item)))
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(group_of(item)))


def folder_of(item: pytest.Item) -> str:
    """The folder in tests/ that a test lies in."""
    return item.path.relative_to(Path(__file__).parent).parts[0]


def position(folder: str) -> int:
    return FIRST.index(folder) if folder in FIRST else len(FIRST)


def group_of(item: pytest.Item) -> str:
    """A file's tests run in one process, and all of the stacks: they share what is long to make."""
    return "stacks" if folder_of(item) == "stacks" else str(item.path)


@pytest.fixture(scope="session")
def trial_assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assembly of two tiny models: made once for all processes that run tests."""
    # In this fixture only: a test that needs no cloud imports none.
    from tests.e2e.loop_cloud import synthesize_trial

    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if base.name.startswith("popen-") else base) / "trial"
    with one_at_a_time(folder):
        assembly = folder / "cdk.out"
        if not assembly.exists():
            synthesize_trial(folder)
    return assembly


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as file:
        flock(file, LOCK_EX)
        yield
