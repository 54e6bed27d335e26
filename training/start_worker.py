"""Where torchrun starts each process: sees to it that none outlives the job, then trains.

torchrun puts each process in a session of its own, which no signal to the job's group reaches. So
the kernel is asked to end it with torchrun, and before anything else: importing torch takes
seconds, in which torchrun may end.
"""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

# The launcher's process ID: torchrun's parent.
LAUNCHER = "TRAINING_LAUNCHER_PID"
_PR_SET_PDEATHSIG = 1


def die_with_parent(launcher: int) -> None:
    """Raises SystemExit where torchrun has ended already: its children have another parent then."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent_of(os.getppid()) != launcher:
        raise SystemExit("torchrun ended before its worker had started")


def parent_of(pid: int) -> int | None:
    """The parent of a process; None where it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name stands in parentheses and may hold anything; state and parent follow it.
    return int(stat.rpartition(")")[2].split()[1])


if __name__ == "__main__":
    die_with_parent(int(os.environ[LAUNCHER]))

    from training.worker import main

    main()
