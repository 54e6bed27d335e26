"""Answers in Valkey (or Redis): a key for the answer, and one for who is about to make it."""

from __future__ import annotations

from lambdas.answer_request.cache_store import Entry
from lambdas.answer_request.valkey_connection import ValkeyConnections

# Each runs as a whole (Valkey documentation, "Scripting with Lua").
_LEAD = """
local answer = redis.call('GET', KEYS[1])
if answer then return {answer, false} end
redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
return {false, redis.call('GET', KEYS[2])}
"""
_RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_GIVE_UP = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
"""


class ValkeyStore:
    """What expires is gone at once; nothing is written anywhere but in memory."""

    def __init__(self, connections: ValkeyConnections) -> None:
        self._connections = connections

    def read(self, key: str) -> Entry:
        return _entry(self._connections.ask("MGET", _answer(key), _leader(key)))

    def lead(self, key: str, leader: str, seconds: float) -> Entry:
        keys = ("2", _answer(key), _leader(key))
        return _entry(self._connections.ask("EVAL", _LEAD, *keys, leader, _milliseconds(seconds)))

    def renew(self, key: str, leader: str, seconds: float) -> bool:
        milliseconds = _milliseconds(seconds)
        return self._connections.ask("EVAL", _RENEW, "1", _leader(key), leader, milliseconds) == 1

    def give_up(self, key: str, leader: str) -> None:
        self._connections.ask("EVAL", _GIVE_UP, "1", _leader(key), leader)

    def put(self, key: str, answer: str, seconds: int) -> None:
        # In this order: who finds nobody leading finds the answer.
        self._connections.ask("SET", _answer(key), answer, "EX", str(seconds))
        self._connections.ask("DEL", _leader(key))


def _answer(key: str) -> str:
    """The braces keep both keys in one slot of a cluster (Valkey documentation, "Hash tags")."""
    return f"meguru:{{{key}}}:answer"


def _leader(key: str) -> str:
    return f"meguru:{{{key}}}:leader"


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))


def _entry(found: object) -> Entry:
    assert isinstance(found, list)
    answer, leader = (None if one is None else one.decode() for one in found)
    return Entry(answer, None if answer else leader)
