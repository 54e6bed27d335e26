"""The GPU's benchmark, as far as it goes without one: tiny, or with figures of a made-up GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import measuring
from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu.card import Card, peak_of
from benchmarks.gpu.loops import NUM_WARM_UP, ours
from benchmarks.gpu.subject import WAYS, Subject, Way, flops_per_token
from meguru.base_model import Shape
from meguru.model_plan import NOMINAL_SHAPES

TINY = Shape(32, 64, 2, 2, 1, 16, 500, True)
CARD = Card("NVIDIA H100 80GB HBM3", 79, 989e12)


def test_without_a_gpu_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measuring, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["gpu"])
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    gpu.main()
    assert capsys.readouterr().out.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA A100-SXM4-40GB", 312e12),
        ("NVIDIA A10G", 70e12),
        ("NVIDIA A10", 125e12),
        ("Tesla T4", 65e12),
        ("NVIDIA L4", 121e12),
        ("Radeon VII", None),
    ],
)
def test_peaks(name: str, peak: float | None) -> None:
    assert peak_of(name) == peak


def test_work_of_a_token() -> None:
    # By hand: 32 x (2x32 + 2x16 + 3x64) and attention 2 x 32 x 100/2 in each of two layers, a head
    # of 32 x 500; six operations each.
    assert flops_per_token(TINY, 100) == 6 * (2 * 32 * 288 + 32 * 500 + 2 * 2 * 32 * 50)
    # About six times the parameters, of which attention adds some.
    assert 6 * 0.49e9 < flops_per_token(NOMINAL_SHAPES["0.5B"], 2048) < 6 * 0.6e9


@pytest.mark.parametrize("way", [Way(256), Way(256, activation_checkpointing=1)])
def test_our_loop_is_counted(way: Way) -> None:
    count = ours(Subject(TINY, way, NUM_WARM_UP + 2, text_tokens=120))
    assert count.num_done == len(count.tokens) == NUM_WARM_UP + 2
    assert all(0.7 * 4 * 256 < tokens <= 4 * 256 + 120 for tokens in count.tokens)
    assert count.tokens_per_second > 0


def test_rows_of_a_gpu() -> None:
    """Where 8,192 tokens don't fit 4,096 are taken; a loop that fails costs no other's figure."""

    def measure(name: str, loop: str, way: Way) -> float:
        if way.part_tokens > 4096:
            raise MemoryError
        if way.compile:
            raise gpu.Failed("no compiler")
        return {"ours": 200_000.0, "peer": 100_000.0}[loop]

    speed, mfu, peer = gpu.rows_of("0.5B", CARD, measure)
    assert (speed["ours"], speed["peer"], speed["ratio"]) == (200_000, 100_000, 2)
    assert mfu["ours"] == pytest.approx(2 * peer["ours"], rel=1e-3)
    assert mfu["goal"] == ">= 50" and mfu["met"] is True and peer["goal"] is None
    assert speed["ways"]["ours"]["part_tokens"] == 4096
    assert speed["failed"] == {"ours, compiled": "no compiler"}
    assert speed["gpu"] == "NVIDIA H100 80GB HBM3, 79 GiB"


def test_what_never_fits_is_said() -> None:
    tried = []

    def measure(name: str, loop: str, way: Way) -> float:
        tried.append(way)
        raise MemoryError

    with pytest.raises(gpu.Failed, match="does not fit"):
        gpu.largest("1.5B", "ours", 0, measure)
    assert tried == list(WAYS)


def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(gpu.Failed, match="KeyError: 'no such size'"):
        gpu.measure_apart("no such size", "ours", Way(256))
