"""A command's end by a signal: through every clean-up."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import NoReturn


def end_on_signals(*, normally: signal.Signals | None = None) -> None:
    """Make SIGTERM and SIGHUP end the command as Ctrl-C does: through every clean-up.

    One that is the command's normal end leaves it with 0: make has nothing to complain of.
    """

    def stop(number: int, frame: object) -> NoReturn:
        # What was asked for once is under way; asking again must not cut it short.
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, signal.SIG_IGN)
        sys.exit(0 if number == normally else 128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    woken, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    threading.Thread(target=_rouse, args=(woken,), name="signals", daemon=True).start()


def _rouse(woken: int) -> None:
    """Hand the first signal on to the main thread, whichever thread the kernel gave it to.

    Python runs handlers in the main thread alone, which sleeps on where another is interrupted.
    """
    [number] = os.read(woken, 1)
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    signal.pthread_kill(main_thread, number)
