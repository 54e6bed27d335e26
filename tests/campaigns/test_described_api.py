"""The campaign that holds the API to its description finds what is planted."""

from __future__ import annotations

from pathlib import Path

from tests.campaigns.described_api import PLANTED, caught, described_environment

NUM_EXAMPLES = 60
# Where the faults are planted.
LABELS = ("GET /models", "GET /models/{model}", "GET /usage")


def test_planted_faults_are_caught(trial_assembly: Path, tmp_path: Path) -> None:
    plants = [plant for plant, _ in PLANTED.values()]
    with described_environment(trial_assembly, tmp_path, plants) as api:
        found = api.run(NUM_EXAMPLES, LABELS)
    assert caught(found) == set(PLANTED), found
