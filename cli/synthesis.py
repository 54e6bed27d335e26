"""Synthesizes an environment's templates, as `cdk synth` would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from cli.assemblies import KeptAssemblies, inputs_fingerprint

REPOSITORY = Path(__file__).parents[1]
# Beside the virtual environment, and as large a matter: `make clean` removes both.
KEPT = REPOSITORY / ".meguru" / "assemblies"


class SynthesisFailed(Exception):
    """`app.py` refused or failed; the message is what it said."""


def synthesize(environment_file: Path, folder: Path, kept: Path = KEPT) -> Path:
    """Write the assembly of an environment file to `folder`, and return it.

    Made anew, or copied from `kept` where nothing has changed that its synthesis reads. For one
    machine, and without CDK's validation of the templates, which takes as long as all the rest:
    `make synth`, `cdk deploy` and the tests of the stacks have it on.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    assemblies = KeptAssemblies(kept)
    inputs = _inputs(environment_file)
    if inputs and assemblies.copy(inputs, folder):
        return folder
    run_app(environment_file, folder)
    # Edited meanwhile, it may be of either state.
    if inputs and inputs == _inputs(environment_file):
        assemblies.keep(inputs, folder)
    return folder


def _inputs(environment_file: Path) -> str | None:
    try:
        return inputs_fingerprint(REPOSITORY, environment_file)
    except OSError:
        return None  # `app.py` says what is wrong with the file


def run_app(environment_file: Path, folder: Path) -> None:
    said = subprocess.run(
        [sys.executable, "app.py", str(environment_file.resolve())],
        cwd=REPOSITORY,
        env={"CDK_VALIDATION": "false", **os.environ, "CDK_OUTDIR": str(folder.resolve())},
        capture_output=True,
        text=True,
    )
    if said.returncode != 0:
        raise SynthesisFailed(said.stderr.strip() or said.stdout.strip())
