"""Campaign: killed at any moment, the final weights are those of an uninterrupted run."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.training.conftest import TrainingJob
from training.sampler import WeightedSampler
from training.trainer import Outcome, Trainer

MakeJob = Callable[..., Any]


def test_two_runs_are_bit_identical(make_job: MakeJob) -> None:
    one, other = make_job("one"), make_job("other")

    assert one.train(world_size=2) == other.train(world_size=2) == [0, 0]

    assert one.weights() == other.weights()


def test_killed_at_random_moments(make_job: MakeJob) -> None:
    steps = {"max_steps": "110"}
    whole, killed = make_job("whole", **steps), make_job("killed", **steps)
    assert whole.train(world_size=2) == [0, 0]
    chance = random.Random(7)

    for step in (5, 30, 50, 70):
        processes = killed.fork(world_size=2)
        killed.wait_for_checkpoint(step)
        # SIGKILL by the clock, not at a friendly point: inside steps and inside checkpoints.
        time.sleep(chance.random() * 0.2)
        for process in processes:
            process.kill()
            process.join()
    assert killed.train(world_size=2) == [0, 0]

    assert len(killed.facts()["resumed_from_steps"]) >= 3
    assert killed.weights() == whole.weights()


def test_sigterm_to_one_rank_stops_all_after_a_checkpoint(make_job: MakeJob) -> None:
    whole = make_job("whole", max_steps="100")
    stopped = make_job("stopped", max_steps="100", checkpoint_steps="10")
    assert whole.train(world_size=2) == [0, 0]

    processes = stopped.fork(world_size=2)
    stopped.wait_for_checkpoint(10)
    assert processes[1].pid is not None
    processes[1].terminate()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert not (stopped.root / "model").exists()

    # checkpoint_steps makes no difference to a run's weights.
    assert stopped.train(world_size=2) == [0, 0]
    assert stopped.weights() == whole.weights()
    assert len(stopped.facts()["resumed_from_steps"]) == 1


def forget_optimizer() -> None:
    def forget(*args: object) -> None:
        pass

    pytest.MonkeyPatch().setattr("training.state.restore_optimizer", forget)


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


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> TrainingJob:
    """A run of one process that nothing interrupted."""
    job = TrainingJob(tmp_path_factory.mktemp("undisturbed") / "job")
    assert job.train() == [0]
    return job


@pytest.mark.parametrize("fault", [forget_optimizer, forget_sampler, forget_random_state])
def test_planted_fault_is_caught(
    make_job: MakeJob, whole: TrainingJob, fault: Callable[[], None]
) -> None:
    faulty = make_job("faulty")
    (process,) = faulty.fork()
    faulty.wait_for_checkpoint(10)
    process.kill()
    process.join()
    assert faulty.train(prepare=fault) == [0]

    assert faulty.facts()["resumed_from_steps"]
    assert faulty.weights() != whole.weights()


def test_sharded_run_killed_at_random_moments(make_job: MakeJob) -> None:
    steps = {"max_steps": "60", "sharding": "fsdp"}
    whole, killed = make_job("whole", **steps), make_job("killed", **steps)
    assert whole.train(world_size=2) == [0, 0]

    for step in (5, 25):
        processes = killed.fork(world_size=2)
        killed.wait_for_checkpoint(step)
        for process in processes:
            process.kill()
            process.join()
    assert killed.train(world_size=2) == [0, 0]

    assert len(killed.facts()["resumed_from_steps"]) == 2
    assert killed.weights() == whole.weights()


def test_other_numbers_of_processes_take_the_same_samples(
    make_job: MakeJob, tmp_path: Path
) -> None:
    """Copies, shards, copies again, on 1, 2 and 4 processes, each stopped after ten steps."""
    job = make_job(checkpoint_steps="0")
    for number, (world_size, sharding) in enumerate(
        [(1, "none"), (2, "fsdp"), (4, "none"), (2, "none")], start=1
    ):
        job.hyperparameters["sharding"] = sharding
        job.write()

        def prepare(stop: int = 10 * number, size: int = world_size) -> None:
            record_samples(tmp_path / "samples", size)
            stop_at(stop)

        assert job.train(world_size, prepare) == [0] * world_size

    assert job.facts()["resumed_from_steps"] == [10, 20, 30]
    whole = WeightedSampler([1] * 16, seed=0)
    expected = [sorted(whole.next_batch(8, 0, 1)) for _ in range(40)]
    assert samples(tmp_path / "samples") == expected
    # The loss goes on falling over the changes: what was learnt was handed on.
    losses = [one["loss"] for one in job.curve() if "loss" in one]
    assert max(losses[10:]) < losses[0] and losses[-1] < losses[19]


def record_samples(folder: Path, world_size: int) -> None:
    """Each rank notes what it takes for each step, beside the ranks of other attempts."""

    class Recording(WeightedSampler):
        def next_batch(self, batch_size: int, rank: int, world_size: int) -> list[int]:
            step = self.position // batch_size
            indices = super().next_batch(batch_size, rank, world_size)
            folder.mkdir(exist_ok=True)
            (folder / f"{step:05d}-{world_size}-{rank}").write_text(json.dumps(indices))
            return indices

    pytest.MonkeyPatch().setattr("training.trainer.WeightedSampler", Recording)


def samples(folder: Path) -> list[list[int]]:
    """What all ranks took together, by step."""
    steps: dict[str, list[int]] = {}
    for path in sorted(folder.iterdir()):
        steps.setdefault(path.name[:5], []).extend(json.loads(path.read_text()))
    return [sorted(indices) for indices in steps.values()]


def stop_at(step: int) -> None:
    """As if SIGTERM came in the middle of the step."""

    def is_there(self: Any) -> bool:
        return bool(trainers and trainers[0].step >= step)

    trainers: list[Trainer] = []
    train = Trainer.train

    def noting(trainer: Trainer) -> Outcome:
        trainers.append(trainer)
        return train(trainer)

    patch = pytest.MonkeyPatch()
    patch.setattr(Trainer, "train", noting)
    patch.setattr("training.worker.StopSignal.__call__", is_there)


def test_checkpoint_by_time(make_job: MakeJob) -> None:
    """In a hundredth of a minute far more than ten steps are made."""
    job = make_job(max_steps="300", checkpoint_steps="0", checkpoint_minutes="0.01")
    assert job.train(world_size=2) == [0, 0]
    steps = sorted(path.name for path in (job.root / "checkpoints").iterdir())
    assert len(steps) == 2
    assert steps[0] > "step-00000010"


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
