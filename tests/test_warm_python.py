"""A warm Python is to who starts it as any other: streams, folder, environment, end."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import warm_python

SAYS_ALL = """
import os, sys
print(os.environ["SAID"], os.getcwd(), sys.argv[1:], sys.stdin.read(), "torch" in sys.modules)
print("oh", file=sys.stderr)
sys.exit(3)
"""
WAITS = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"


def start(code: str, *arguments: str, **settings: Any) -> subprocess.Popen[str]:
    command = [*warm_python.command(), "-c", code, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **settings)


def test_it_has_all_that_it_is_given(tmp_path: Path) -> None:
    environment = {**os.environ, "SAID": "環境"}
    process = start(
        SAYS_ALL, "a b", cwd=tmp_path, env=environment, stdin=subprocess.PIPE, encoding="utf-8"
    )
    said, complaint = process.communicate("入力", timeout=60)
    is_warm = warm_python.VARIABLE in os.environ
    assert said.split() == ["環境", str(tmp_path), "['a", "b']", "入力", str(is_warm)]
    assert (complaint.strip(), process.returncode) == ("oh", 3)


def test_what_it_raises_is_told() -> None:
    process = start("raise ValueError('so')")
    assert "ValueError: so" in process.communicate(timeout=60)[1]
    assert process.returncode == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it(number: int) -> None:
    process = start(WAITS)
    assert process.stdout is not None
    program = psutil.Process(int(process.stdout.readline()))
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == -number
    assert psutil.wait_procs([program], timeout=10)[1] == []
