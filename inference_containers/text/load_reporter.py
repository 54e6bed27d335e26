"""Says the engine's load in the log, from a thread of its own, again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from meguru.load_report import LoadReport

# Three times in the minute that CloudWatch makes a data point of.
INTERVAL_SECONDS = 20.0


class LoadReporter:
    """Calls `say` with a line about `load` every `seconds`, of an idle engine too.

    Where nothing is said, nothing can be scaled in.
    """

    def __init__(
        self,
        load: Callable[[], LoadReport],
        say: Callable[[str], None],
        seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._load, self._say, self._seconds = load, say, seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load reporter", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(self._seconds):
            self._say(self._load().line())
