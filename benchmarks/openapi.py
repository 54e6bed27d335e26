"""Campaign at length: requests made of the API's description, and answers held to it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.measuring import campaign_row, keep_rows
from tests.campaigns.clients.environment import TEXT, VECTORS, clients_environment
from tests.campaigns.described_api import PLANTED, caught, described_api, described_environment
from tests.e2e.loop_cloud import UNTRAINED, synthesize_trial

NUM_EXAMPLES, NUM_EXAMPLES_UNTIL_CAUGHT = 500, 50


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "whole").mkdir()
        with clients_environment(folder / "whole") as cloud:
            api = described_api(cloud, TEXT, VECTORS)
            failures = api.run(NUM_EXAMPLES) + api.run_linked(NUM_EXAMPLES)
        assembly = synthesize_trial(folder, UNTRAINED)
        print("; ".join(failures[:20]) or "held", flush=True)
        print(dict(api.statuses), flush=True)
        plants = [plant for plant, _ in PLANTED.values()]
        with described_environment(assembly, folder / "planted", plants) as planted:
            found = caught(planted.run(NUM_EXAMPLES_UNTIL_CAUGHT))
        for fault in PLANTED:
            print(f"{fault}: {'caught' if fault in found else 'NOT caught'}", flush=True)
    row = campaign_row(
        "requests made of the API's description: no server error, answers as described, no bypass",
        api.statuses.total(),
        len(failures),
        found == set(PLANTED),
        planted_faults=len(PLANTED),
        answered=sum(number for (_, status), number in api.statuses.items() if status == 200),
        operations=len({label for label, _ in api.statuses}),
    )
    keep_rows("openapi", [row])


if __name__ == "__main__":
    main()
