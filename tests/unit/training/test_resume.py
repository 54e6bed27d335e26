"""Campaign: killed at any moment, the final weights are those of an uninterrupted run."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from training.sampler import WeightedSampler

MakeJob = Callable[..., Any]


def test_two_runs_are_bit_identical(make_job: MakeJob) -> None:
    one, other = make_job("one"), make_job("other")

    assert one.train(world_size=2) == other.train(world_size=2) == [0, 0]

    assert one.weights() == other.weights()


def test_killed_at_random_moments(make_job: MakeJob) -> None:
    steps = {"max_steps": "160"}
    whole, killed = make_job("whole", **steps), make_job("killed", **steps)
    assert whole.train(world_size=2) == [0, 0]
    chance = random.Random(7)

    for step in (5, 40, 75, 110):
        processes = killed.fork(world_size=2)
        killed.wait_for_checkpoint(step)
        # SIGKILL by the clock, not at a friendly point: inside steps and inside checkpoints.
        time.sleep(chance.random() * 0.3)
        for process in processes:
            process.kill()
            process.join()
    assert killed.train(world_size=2) == [0, 0]

    assert len(killed.facts()["resumed_from_steps"]) >= 3
    assert killed.weights() == whole.weights()


def test_sigterm_to_one_rank_stops_all_after_a_checkpoint(make_job: MakeJob) -> None:
    whole = make_job("whole", max_steps="150")
    stopped = make_job("stopped", max_steps="150", checkpoint_steps="10")
    assert whole.train(world_size=2) == [0, 0]

    processes = stopped.fork(world_size=2)
    stopped.wait_for_checkpoint(10)
    assert processes[1].pid is not None
    processes[1].terminate()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert not (stopped.root / "model").exists()

    # checkpoint_steps is part of the run's identity, and makes no difference to its weights.
    assert stopped.train(world_size=2) == [0, 0]
    assert stopped.weights() == whole.weights()
    assert len(stopped.facts()["resumed_from_steps"]) == 1


def forget_optimizer() -> None:
    def forget(*args: object) -> None:
        pass

    pytest.MonkeyPatch().setattr("training.trainer.restore_optimizer", forget)


def forget_sampler() -> None:
    class Forgetful(WeightedSampler):
        def __setattr__(self, name: str, value: Any) -> None:
            # `resume` sets a position of its own; the sampler itself only counts on.
            restored = name == "position" and value not in (0, getattr(self, name, 0) + 8)
            if not restored:
                super().__setattr__(name, value)

    pytest.MonkeyPatch().setattr("training.trainer.WeightedSampler", Forgetful)


def forget_random_state() -> None:
    pytest.MonkeyPatch().setattr("torch.set_rng_state", lambda state: None)


@pytest.mark.parametrize("fault", [forget_optimizer, forget_sampler, forget_random_state])
def test_planted_fault_is_caught(make_job: MakeJob, fault: Callable[[], None]) -> None:
    whole, faulty = make_job("whole"), make_job("faulty")
    assert whole.train() == [0]

    (process,) = faulty.fork()
    faulty.wait_for_checkpoint(10)
    process.kill()
    process.join()
    assert faulty.train(prepare=fault) == [0]

    assert faulty.facts()["resumed_from_steps"]
    assert faulty.weights() != whole.weights()


def test_loss_curve_survives_the_interruption(make_job: MakeJob) -> None:
    job = make_job()
    (process,) = job.fork()
    job.wait_for_checkpoint(10)
    process.kill()
    process.join()
    assert job.train() == [0]

    curve = job.curve()
    resumed = [one["step"] for one in curve if one.get("event") == "resumed"]
    steps = [one["step"] for one in curve if "loss" in one]
    assert resumed == job.facts()["resumed_from_steps"] != []
    assert steps == list(range(1, 41))
    assert curve.index({"event": "resumed", "step": resumed[0]}) == resumed[0]
    seconds = [one["seconds"] for one in curve if "loss" in one]
    assert seconds == sorted(seconds)


def test_checkpoints_of_another_run_are_refused(
    make_job: MakeJob, capfd: pytest.CaptureFixture[str]
) -> None:
    first = make_job("job", max_steps="6")
    assert first.train() == [0]

    second = make_job("job", max_steps="6", learning_rate="0.5")
    assert second.train() == [1]

    assert "checkpoints are of another run: hyperparameters" in capfd.readouterr().err


def test_signal_is_not_lost_before_the_first_step(make_job: MakeJob) -> None:
    job = make_job()

    def stop_at_once() -> None:
        pytest.MonkeyPatch().setattr("training.worker.StopSignal.__init__", _already_received)

    assert job.train(prepare=stop_at_once) == [0]
    assert sorted(path.name for path in (job.root / "checkpoints").iterdir()) == ["step-00000001"]


def _already_received(self: Any) -> None:
    signal.signal(signal.SIGTERM, self._receive)
    self.received = True
