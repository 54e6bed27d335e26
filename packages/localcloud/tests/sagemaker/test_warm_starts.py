"""Warm starts: forked containers are what started ones are, and fail as they do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from localcloud.processes import Process, Processes
from localcloud.sagemaker.warm_starts import WarmStarts

if TYPE_CHECKING:
    from tests.sagemaker.conftest import Bench

# A package that takes its time, tells who imported it and counts how often that was.
SLOW = """
import os
importer = os.getpid()
with open(os.environ["COUNT"], "a") as count: count.write("1")
"""
TELLS = """
import json, os, slow, sys
print(json.dumps({
    "environment": dict(os.environ), "argv": sys.argv, "orig": sys.orig_argv, "path": sys.path[0],
    "folder": os.getcwd(), "session": os.getsid(0), "group": os.getpgid(0), "pid": os.getpid(),
    "main": __name__, "is_main": sys.modules["__main__"].__spec__.name, "input": sys.stdin.read(),
    "importer": slow.importer, "descriptors": sorted(os.listdir("/proc/self/fd")),
    "term": str(__import__("signal").getsignal(15)),
}), flush=True)
print("to stderr", file=sys.stderr)
"""


class Bed:
    """Warm starts of programs in `folder`, with a package `slow` to import ahead."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.processes = folder, Processes()
        self.count = folder / "count"
        self.packages = folder / "packages"
        self.packages.mkdir()
        (self.packages / "slow.py").write_text(SLOW)
        self.warm_starts = WarmStarts(self.processes, folder / "warm-starts")
        self.own = {
            "LANG": "C.UTF-8",
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(self.packages),
            "COUNT": str(self.count),
        }

    def start(
        self, program: str, *words: str, packages: str = "slow", **given: str
    ) -> Process | None:
        (self.folder / "program.py").write_text(program)
        return self.warm_starts.start(
            packages.split(),
            self.own,
            [sys.executable, "-m", "program", *words],
            env={**self.own, **given},
            cwd=self.folder,
        )

    def started(self, program: str, *words: str, **given: str) -> Process:
        process = self.start(program, *words, **given)
        assert process is not None
        return process

    @property
    def num_imports(self) -> int:
        return len(self.count.read_text()) if self.count.exists() else 0

    def server(self) -> int:
        """The process id of the only process that runs."""
        (pid,) = self.processes._running
        return pid


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path)
    yield made
    made.processes.close()


def output(process: Process) -> str:
    assert process.stdout is not None
    with process.stdout:
        return process.stdout.read().decode()


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False


def test_a_fork_is_what_a_started_process_is(bed: Bed) -> None:
    process = bed.started(TELLS, "--fast", "1", ONE="1")
    said, _, error = output(process).partition("\n")
    warm = json.loads(said)
    assert (process.wait(10), error) == (0, "to stderr\n")
    started = subprocess.run(
        [sys.executable, "-m", "program", "--fast", "1"],
        env={**bed.own, "ONE": "1"},
        cwd=bed.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        start_new_session=True,
        check=True,
    )
    cold = json.loads(started.stdout)
    for own in ("session", "group", "pid", "importer"):
        del cold[own]
    assert {name: warm[name] for name in cold} == cold
    assert warm["session"] == warm["group"] == warm["pid"] == process.pid
    assert warm["importer"] != process.pid


def test_forks_share_an_import_and_see_nothing_of_each_other(bed: Bed) -> None:
    leaves = "import builtins, os, slow; builtins.left = slow.left = os.environ['LEFT'] = '1'"
    looks = "import builtins, os, slow; print(hasattr(slow, 'left'), hasattr(builtins, 'left'), "
    looks += "'LEFT' in os.environ, 'SECRET' in os.environ)"
    assert bed.started(leaves, SECRET="s").wait(10) == 0
    assert output(bed.started(looks)) == "False False False False\n"
    assert bed.num_imports == 1


@pytest.mark.parametrize(
    ("program", "status", "said"),
    [
        ("import sys; sys.exit(7)", 7, ""),
        ("raise ValueError('wrong')", 1, "ValueError: wrong"),
        ("import os; os.kill(os.getpid(), 9)", -9, ""),
        ("import atexit, threading, time\natexit.register(print, 'last')\n"
         "threading.Thread(target=lambda: (time.sleep(.1), print('thread'))).start()",
         0, "thread\nlast"),
    ],
)  # fmt: skip
def test_it_ends_as_it_would(bed: Bed, program: str, status: int, said: str) -> None:
    process = bed.started(program)
    assert said in output(process)
    assert process.wait(10) == process.poll() == status


def test_it_is_waited_for_and_ended_with_its_group(bed: Bed) -> None:
    process = bed.started(
        "import subprocess, time\n"
        "print(subprocess.Popen(['sleep', '300']).pid, flush=True); time.sleep(300)"
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    assert bed.processes.end(process, grace_seconds=5) == -signal.SIGTERM
    assert is_gone(child)


def test_what_is_read_at_the_start_is_started_anew(bed: Bed) -> None:
    assert bed.start("pass", OMP_NUM_THREADS="3") is None
    assert bed.start("pass", packages="") is None
    assert bed.num_imports == 0


def test_packages_that_fail_are_said_and_tried_once(
    bed: Bed, caplog: pytest.LogCaptureFixture
) -> None:
    (bed.packages / "broken.py").write_text(
        "import os; open(os.environ['COUNT'], 'a').write('1'); 1 / 0"
    )
    assert bed.start("pass", packages="broken") is None
    assert bed.start("pass", packages="broken") is None
    (record,) = caplog.records
    assert "broken can't be imported ahead: ZeroDivisionError: division by zero" in record.message
    assert bed.num_imports == 1
    assert bed.processes._running == {}


def test_a_killed_server_takes_its_forks_along_and_the_next_start_works(bed: Bed) -> None:
    assert bed.started("pass").wait(10) == 0
    bed.processes._running = {
        pid: one for pid, one in bed.processes._running.items() if one.poll() is None
    }
    server = bed.server()
    process = bed.started("import time; print('up', flush=True); time.sleep(300)")
    assert process.stdout is not None
    process.stdout.readline()
    os.kill(server, signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    assert bed.started("pass").wait(10) == 0
    assert bed.num_imports == 2


CLOUD = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.sagemaker.test_warm_starts import Bed
bed = Bed(Path(sys.argv[1]))
process = bed.started("import os, time; print(os.getppid(), flush=True); time.sleep(300)")
print(process.pid, process.stdout.readline().decode(), flush=True)
time.sleep(300)
"""


def test_nothing_outlives_a_cloud_that_is_killed(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    cloud = subprocess.Popen(
        [sys.executable, "-c", CLOUD, str(tmp_path), str(root)], stdout=subprocess.PIPE
    )
    assert cloud.stdout is not None
    with cloud, cloud.stdout:
        pids = [int(word) for word in cloud.stdout.readline().split()]
        cloud.kill()
    assert len(pids) == 2
    assert all(is_gone(pid) for pid in pids)


DOCKERFILE = """FROM python:3.11
WORKDIR /app
ENV PYTHONPATH=/app/packages
COPY main.py main.py
COPY main.py packages/ahead.py
LABEL localcloud.preload=ahead
ENTRYPOINT ["python", "-m", "main"]
"""
# The same file is the program and the package that is imported ahead.
PROGRAM = """
import os, sys
if __name__ == "__main__":
    import ahead
    print(f"ahead={ahead.importer != os.getpid()} words={sys.argv[1:]}", flush=True)
else:
    importer = os.getpid()
"""


def test_an_image_s_label_makes_its_jobs_start_warm(bench: Bench) -> None:
    image = bench.image("warm", PROGRAM, DOCKERFILE)
    algorithm: dict[str, Any] = {
        "TrainingImage": image,
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "ahead", "Regex": "ahead=Tru(e)"}],
    }
    bench.train("warm-job", image, AlgorithmSpecification=algorithm)
    assert bench.finished("warm-job")["TrainingJobStatus"] == "Completed"
    logs = bench.cloud.client("logs")
    group = "/aws/sagemaker/TrainingJobs"
    (stream,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="warm-job")[
        "logStreams"
    ]
    events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])
    assert [event["message"] for event in events["events"]] == ["ahead=True words=['train']"]
