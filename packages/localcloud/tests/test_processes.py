"""Processes in groups and sessions of their own end with what started them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from localcloud.processes import Processes

# A child in a session of its own, which no signal to the parent's group reaches.
LEAVES_ITS_GROUP = "setsid sleep 300 & echo $!; wait"
# Its parent has gone before anybody looks.
IS_ORPHANED = "(setsid sleep 300 & echo $!)"
CLOSES = """
import os, sys
from pathlib import Path
from localcloud.processes import Processes
processes = Processes()
processes.adopt_orphans()
process = processes.start(["sh", "-c", sys.argv[1]], env=dict(os.environ), cwd=Path("/"))
print(process.stdout.readline().decode().strip(), flush=True)
process.wait()
processes.close()
"""


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False


def test_a_child_that_left_the_group_is_ended_too(tmp_path: Path) -> None:
    processes = Processes()
    process = processes.start(["sh", "-c", LEAVES_ITS_GROUP], env=dict(os.environ), cwd=tmp_path)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    processes.end(process)
    assert is_gone(child)
    processes.close()


@pytest.mark.parametrize("script", [LEAVES_ITS_GROUP.replace("; wait", ""), IS_ORPHANED])
def test_closing_ends_what_ended_processes_left_behind(script: str) -> None:
    said = subprocess.run(
        [sys.executable, "-c", CLOSES, script], capture_output=True, text=True, check=True
    )
    assert is_gone(int(said.stdout))


def test_nothing_starts_after_closing(tmp_path: Path) -> None:
    processes = Processes()
    processes.close()
    with pytest.raises(RuntimeError, match="is stopping"):
        processes.start(["true"], env={}, cwd=tmp_path)
