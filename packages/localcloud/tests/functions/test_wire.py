"""HTTP messages are the same however they are cut into pieces."""

from __future__ import annotations

import pytest

from localcloud.functions.wire import End, Event, Head, MessageReader

SIZED = b"POST /a HTTP/1.1\r\nContent-Length: 5\r\nX-Name: v\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Trailer: late\r\n\r\n"
)


def read(reader: MessageReader, data: bytes, size: int) -> list[Event]:
    events: list[Event] = []
    for start in range(0, len(data), size):
        events += reader.feed(data[start : start + size])
    return events


def body(events: list[Event]) -> bytes:
    return b"".join(event for event in events if isinstance(event, bytes))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_sized_request_and_the_next(size: int) -> None:
    events = read(MessageReader(), SIZED + SIZED, size)
    heads = [event for event in events if isinstance(event, Head)]
    assert [head.path for head in heads] == ["/a", "/a"]
    assert heads[0].get("x-name") == "v"
    assert body(events) == b"hellohello"
    assert events[-1] == End()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_chunked_response_with_trailers(size: int) -> None:
    events = read(MessageReader(responses=True), CHUNKED, size)
    assert isinstance(events[0], Head)
    assert events[0].status == 200
    assert body(events) == b"hello world"
    assert events[-1] == End({"x-trailer": "late"})


def test_a_response_without_length_ends_when_the_peer_closes() -> None:
    reader = MessageReader(responses=True)
    events = read(reader, b"HTTP/1.1 200 OK\r\n\r\nhello", 4)
    assert body(events) == b"hello"
    assert reader.close() == End()


def test_interim_and_bodyless_responses() -> None:
    data = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
    statuses = [
        e.status for e in read(MessageReader(responses=True), data, 5) if isinstance(e, Head)
    ]
    assert statuses == [100, 204]
    head = read(
        MessageReader(responses=True, bodyless=True),
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
        9,
    )
    assert head[-1] == End()


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"x" * (1 << 21),
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        list(MessageReader().feed(data))


def test_a_connection_closed_too_early_is_no_end() -> None:
    reader = MessageReader(responses=True)
    list(reader.feed(CHUNKED[:60]))
    with pytest.raises(ValueError, match="closed"):
        reader.close()
