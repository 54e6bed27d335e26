"""What a run prints while it goes on, and what is kept of it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import torch

from training.loss_curve import LossCurve
from training.utilisation import Utilisation

WORKFLOW = Path(__file__).parents[3] / "stacks" / "workflows" / "train_and_register.asl.json"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def measured(line: str) -> dict[str, float]:
    """What SageMaker reads of a line by the workflow's MetricDefinitions."""
    definitions = json.loads(WORKFLOW.read_text())["States"]["TrainModel"]["Arguments"][
        "AlgorithmSpecification"
    ]["MetricDefinitions"]
    found = {one["Name"]: re.findall(one["Regex"], line) for one in definitions}
    return {name.removeprefix("train:"): float(one[0]) for name, one in found.items() if one}


def test_a_line_has_every_figure_for_the_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    curve = LossCurve(clock)
    clock.now += 4
    figures = {"loss": 0.5, "learning_rate": 1e-05, "gradient_norm": 1.25}
    busy = {"cpu_percent": 97.0, "memory_percent": 4.5, "gpu_percent": 99, "gpu_memory_percent": 80}
    curve.record(10, 40, 2000, {**figures, **busy})
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    pace = {"step": 10, "tokens_per_second": 500, "seconds_left": 12}
    assert measured(line) == {**figures, **busy, **pace}


def test_time_left_goes_by_this_attempts_pace() -> None:
    clock = Clock()
    curve = LossCurve(clock)
    curve.resume(b"", step=20, seconds=1000)
    clock.now += 5
    curve.record(30, 40, 100, {"loss": 1.0})
    assert (curve.events[-1]["seconds"], curve.events[-1]["seconds_left"]) == (1005, 5)


def test_other_lines_are_no_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    LossCurve().resume(b"", step=20, seconds=0)
    assert measured(capsys.readouterr().out) == {}
    assert measured("event=checkpoint step=20 seconds=0.2\n") == {}


def test_how_busy_a_host_is() -> None:
    found = Utilisation(torch.device("cpu")).measure()
    assert set(found) == {"cpu_percent", "memory_percent"}
    assert 0 <= found["cpu_percent"] <= 100 and 0 < found["memory_percent"] < 100


class Gpu:
    """torch.cuda and pynvml of a GPU that may not say how busy it is."""

    class NVMLError(Exception):
        pass

    def __init__(self, says: bool) -> None:
        self._says = says

    def utilization(self, device: torch.device) -> int:
        if not self._says:
            raise self.NVMLError
        return 93


@pytest.mark.parametrize("says", [True, False])
def test_how_busy_a_gpu_is(monkeypatch: pytest.MonkeyPatch, says: bool) -> None:
    gpu = Gpu(says)
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (25, 100))
    monkeypatch.setattr("torch.cuda.utilization", gpu.utilization)
    monkeypatch.setitem(sys.modules, "pynvml", gpu)
    found = Utilisation(torch.device("cuda")).measure()
    assert found["gpu_memory_percent"] == 75
    assert found.get("gpu_percent") == (93 if says else None)
