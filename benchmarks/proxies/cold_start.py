"""How long our function takes to start, and how large it is."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from benchmarks.measuring import Row
from benchmarks.proxies.our_gateway import aws_variables, build_package, serving, variables

NUM_STARTS = 9
# What Lambda's own start and its runtime bring, whatever the function is.
BARE = "import botocore.exceptions, http.server, json, logging"
# A package can't be written to in Lambda: no start finds what another has compiled.
WITHOUT_CACHE = {"PYTHONDONTWRITEBYTECODE": "1"}


def cold_start_rows(folder: Path) -> Iterator[Row]:
    package = build_package(folder)
    # Where it stands, nobody listens: a start calls nobody.
    told = variables("http://127.0.0.1:1", "", 1) | WITHOUT_CACHE
    ours, bare = [], []
    for _ in range(NUM_STARTS):
        with serving(package, told) as (process, _):
            times = psutil.Process(process.pid).cpu_times()
            ours.append((times.user + times.system) * 1000)
        bare.append(_bare_start())
    own = statistics.median(ours) - statistics.median(bare)
    yield Row("cold start, processor ms of our own code", own, goal="<= 150")
    yield Row("package, MB as it is uploaded", _zipped(package) / 1e6, goal="<= 1")


def _bare_start() -> float:
    """Processor milliseconds of a process that imports what isn't ours."""
    program = f"{BARE}, time; print(time.process_time())"
    environment = aws_variables("http://127.0.0.1:1") | WITHOUT_CACHE
    command = [sys.executable, "-c", program]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(said.stdout) * 1000


def _zipped(package: Path) -> int:
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(package.rglob("*.*")):
                archive.write(path, path.relative_to(package))
        return file.tell()
