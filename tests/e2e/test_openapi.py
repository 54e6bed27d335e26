"""The API is as it describes itself."""

from __future__ import annotations

from tests.campaigns.described_api import described_api
from tests.e2e.loop_cloud import LoopCloud

# Of the campaign at length (`python -m benchmarks.openapi`), as much as says that it works.
NUM_EXAMPLES = 24


def test_what_is_answered_is_as_described(cloud: LoopCloud) -> None:
    api = described_api(cloud)
    assert api.base == cloud.outputs["ApiBase"]
    assert api.run(NUM_EXAMPLES) == []
    answered = {label for label, status in api.statuses if status == 200}
    # No model here makes vectors.
    paths = api.document["paths"].keys() - {"/embeddings"}
    assert len(answered) == len(paths), api.statuses
