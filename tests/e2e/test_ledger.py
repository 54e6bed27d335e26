"""The ledger behind the API: what is answered is charged, and what is left as well."""

from __future__ import annotations

from typing import Any

from meguru.ledger import read_book
from meguru.ledger_book import Book, Used
from meguru.ledger_books import consumer_books
from meguru.names import endpoint_log_name, resource_name
from meguru.usage_report import UsageReport
from tests.e2e.loop_cloud import MODEL, NAME, LoopCloud

ASK: Any = {"model": MODEL, "messages": [{"role": "user", "content": "締切は?"}]}


def books(cloud: LoopCloud) -> list[Book]:
    """All consumers' books; a test that runs at a month's end has two of its consumer."""
    client, table = cloud.client("dynamodb"), cloud.outputs["LedgerTable"]
    months = {item["month"]["S"] for item in cloud.items("Ledger")}
    keys = (key for month in months for key in consumer_books(client, table, month))
    return [read_book(client, table, key) for key in keys]


def used(cloud: LoopCloud) -> Used:
    return sum((one for book in books(cloud) for _, _, one in book.used()), Used())


def reports(cloud: LoopCloud) -> dict[str, UsageReport]:
    """What the model's servers have said so far, by the reservation's id."""
    pages = (
        cloud.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=endpoint_log_name(resource_name(NAME, MODEL)))
    )
    lines = [event["message"] for page in pages for event in page["events"]]
    found = [report for line in lines if (report := UsageReport.read(line))]
    return {one.reservation_id: one for one in found}


def test_an_answer_is_charged_exactly(cloud: LoopCloud) -> None:
    before = used(cloud)
    usage = cloud.openai_client().chat.completions.create(**ASK, max_tokens=4).usage
    assert usage is not None
    charged = used(cloud)
    assert charged.requests == before.requests + 1
    assert charged.prompt_tokens == before.prompt_tokens + usage.prompt_tokens
    assert charged.completion_tokens == before.completion_tokens + usage.completion_tokens
    assert [book.open for book in books(cloud)] == [()] * len(books(cloud))


def test_an_answer_that_is_left_is_charged_as_its_server_says(cloud: LoopCloud) -> None:
    before = used(cloud)
    with cloud.openai_client().chat.completions.create(**ASK, stream=True) as stream:
        inference_id = next(iter(stream)).id
    report = cloud.wait(lambda: reports(cloud).get(inference_id), "the server's report")

    def settled() -> bool | None:
        return None if any(book.open for book in books(cloud)) else True

    cloud.wait(settled, "the reservation's end")
    charged = used(cloud)
    assert charged.unconfirmed_tokens == before.unconfirmed_tokens
    assert charged.prompt_tokens == before.prompt_tokens + report.prompt_tokens
    assert charged.completion_tokens == before.completion_tokens + report.completion_tokens
