"""Synthesizes an environment's templates, as `cdk synth` would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


class SynthesisFailed(Exception):
    """`app.py` refused or failed; the message is what it said."""


def synthesize(environment_file: Path, folder: Path) -> Path:
    """Write the assembly of an environment file to `folder`, made anew, and return it.

    For one machine, and without CDK's validation of the templates, which takes as long as all the
    rest: `make synth`, `cdk deploy` and the tests have it on.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    said = subprocess.run(
        [sys.executable, "app.py", str(environment_file.resolve())],
        cwd=REPOSITORY,
        env={"CDK_VALIDATION": "false", **os.environ, "CDK_OUTDIR": str(folder.resolve())},
        capture_output=True,
        text=True,
    )
    if said.returncode != 0:
        raise SynthesisFailed(said.stderr.strip() or said.stdout.strip())
    return folder
