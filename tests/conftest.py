"""What holds for all tests: in which order they run, and which of them share what is made once."""

from __future__ import annotations

import gc
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler.loadscope import LoadScopeScheduling

from tests import warm_python

# How long an example takes is the machine's matter, and no fault of the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# Long ones that wait much begin first; the many short ones fill what is left of the processors.
FIRST = ("e2e/", "campaigns/", "stacks/", "unit/training/", "unit/inference_containers/")
# What one process makes once for all of them; the tests of any other file share that file's.
TOGETHER = {
    "stacks": ("tests/stacks/",),
    "serving": tuple(
        f"tests/e2e/test_{name}.py"
        for name in (
            "api",
            "clients",
            "compare",
            "consumers",
            "feedback",
            "openai_client",
            "openapi",
            "two_models",
        )
    ),
}


def pytest_configure() -> None:
    # What is imported stays: to look for garbage in it takes a quarter of the collection's time.
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=position)


def position(item: pytest.Item) -> int:
    path = item.path.relative_to(Path(__file__).parent).as_posix()
    return next((n for n, begin in enumerate(FIRST) if path.startswith(begin)), len(FIRST))


class Groups(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types for it
    """xdist's own groups (`loadgroup`) are not seen by this pytest, which keeps ids elsewhere."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return next((group for group, begin in TOGETHER.items() if path.startswith(begin)), path)


def pytest_xdist_setupnodes(config: pytest.Config, specs: list[Any]) -> None:
    """What all processes import is imported once, unless it is for a few tests alone."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        warm_python.start_server()
        for spec in specs:
            spec.python = shlex.join(warm_python.command())


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    return Groups(config, log)


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
