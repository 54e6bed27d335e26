"""An unmodified client by the program that it has in the campaign: with all in benchmarks/clients.

OpenAI's is here already; what needs no model but the one that serves. They take seconds: a client
waits as it is told to.
"""

from __future__ import annotations

from tests.campaigns.clients.campaign import PLANTED, caught, this_openai
from tests.e2e.loop_cloud import LoopCloud

BEHAVIOURS = (
    "chat",
    "stream_with_usage",
    "stop",
    "tools_refused_by_name",
    "json_schema",
    "invalid_request",
    "model_not_allowed",
    "quota_is_not_retried",
    "throttled_is_retried",
)


def test_openai_s_client_does_all_it_can(cloud: LoopCloud) -> None:
    tried = this_openai().try_out(cloud, "openai", BEHAVIOURS)
    assert tried == dict.fromkeys(BEHAVIOURS, "")


def test_planted_faults_are_caught(cloud: LoopCloud) -> None:
    names = {name for name, (_, behaviour) in PLANTED.items() if behaviour in BEHAVIOURS}
    assert caught(this_openai(), cloud, names) == names
