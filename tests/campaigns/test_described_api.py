"""The campaign that holds the API to its description finds what is planted."""

from __future__ import annotations

from pathlib import Path

from tests.campaigns.described_api import PLANTED, caught, described_environment

# As many as in tests/e2e/test_openapi.py, where nothing is planted.
NUM_EXAMPLES = 24


def test_planted_faults_are_caught(trial_assembly: Path, tmp_path: Path) -> None:
    plants = [plant for plant, _ in PLANTED.values()]
    with described_environment(trial_assembly, tmp_path, plants) as api:
        found = api.run(NUM_EXAMPLES)
    assert caught(found) == set(PLANTED), found
