"""What is said of the load, and by whom it is read."""

from __future__ import annotations

import json
import queue

from inference_containers.text.load_reporter import LoadReporter
from meguru.load_report import LoadReport


def test_the_load_is_said_again_and_again_until_it_is_stopped() -> None:
    said: queue.Queue[str] = queue.Queue()
    loads = iter([LoadReport(0, 0), LoadReport(2, 345), LoadReport(1, 20)])
    reporter = LoadReporter(lambda: next(loads), said.put, seconds=0.01)
    reporter.start()
    lines = [json.loads(said.get(timeout=10)) for _ in range(3)]
    reporter.stop()
    assert lines[0] == {"event": "load", "requests_in_flight": 0, "tokens_in_flight": 0}
    assert [one["tokens_in_flight"] for one in lines] == [0, 345, 20]
