"""The cloud stops in the middle of everything, and no process is left."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.sagemaker.conftest import Bench

FAMILY = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
folder = os.environ["SAGEMAKER_BASE_DIR"] + "/checkpoints"
open(f"{folder}/pids", "w").write(f"{os.getpid()} {child.pid}")
time.sleep(600)
"""


def _is_alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    # A zombie has ended: nobody has asked for its exit status yet.
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_no_process_is_left_after_stop(bench: Bench) -> None:
    bench.train(
        "family",
        bench.image("family", FAMILY),
        CheckpointConfig={"S3Uri": "s3://lake/family"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
    )
    work = bench.cloud.account.work_dir / "training-jobs"
    files = bench.wait_for(
        lambda: len(found := [p for p in work.rglob("pids") if p.read_text()]) == 2 and found
    )
    pids = [int(pid) for file in files for pid in file.read_text().split()]
    assert len(pids) == 4 and all(map(_is_alive, pids))
    started = time.monotonic()
    bench.cloud.stop()
    assert time.monotonic() - started < 10
    assert [pid for pid in pids if _is_alive(pid)] == []
