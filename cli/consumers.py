"""Consumers of the API: who there is, and a key's way from the first to the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cli.account import Account
from cli.consumer_keys import ConsumerKeys
from cli.consumer_table import ConsumerTable, Item
from meguru.consumer import (
    LIMITS,
    MAX_CONSUMER_NAME,
    MAX_KEYS,
    Consumer,
    is_consumer_name,
    limit_problems,
)
from stacks.environment import Environment

# Of who tries the API where the environment file declares nobody.
TRIAL = "trial"
REVOKED, WITHDRAWN = "revoked", "withdrawn"


@dataclass(frozen=True)
class Listed:
    """A consumer as it stands in the table; `state` says why it may not call, if it may not."""

    consumer: Consumer
    num_keys: int
    created_at: str
    state: str


class Consumers:
    """The consumers of an environment. What can't be done is a ValueError that says what to do."""

    def __init__(self, account: Account, usage_plan: str | None = None) -> None:
        """`usage_plan` is the id of another than the environment's own, for keys made here."""
        self._account, self._table = account, ConsumerTable(account)
        self._keys = ConsumerKeys(account, usage_plan or account.outputs["UsagePlan"])

    def add(self, name: str, settings: Consumer | None = None) -> str:
        """The first key of a declared consumer, or of a new one with these settings."""
        _check_name(name)
        settings = settings or Consumer(name=name)
        item = self._table.find(name)
        if item is None:
            self._check(settings)
            with self._keys.new(name) as (key, key_id):
                self._table.put_new({"consumer": name, **settings.settings()}, key_id)
            return key
        _check_calls(item)
        if _key_ids(item):
            raise ValueError(
                f"{name} has a key already, which nobody can show again: "
                f"`meguru consumer rotate {name}` gives it another"
            )
        if settings != Consumer(name=name):
            raise ValueError(
                f"{name} is declared in the environment file, where its settings stand: "
                "leave them out here"
            )
        return self._change_keys(item, [])

    def rotate(self, name: str, *, at_once: bool = False) -> str:
        """A second key, beside the one that goes on working; `at_once`: in its place."""
        item = self._existing(name)
        if not _key_ids(item):
            raise ValueError(f"{name} has no key yet: `meguru consumer add {name}` gives it one")
        kept = [] if at_once else _key_ids(item)
        if len(kept) >= MAX_KEYS:
            raise ValueError(
                f"{name} has {len(kept)} keys: end the earlier one with `meguru consumer rotate "
                f"{name} --finish` when nobody uses it, or all of them with --at-once"
            )
        return self._change_keys(item, kept)

    def finish_rotation(self, name: str) -> None:
        """End the earlier of two keys."""
        item = self._existing(name)
        *ended, kept = _key_ids(item) or [""]
        if not ended:
            raise ValueError(f"{name} has no earlier key that could be ended")
        self._table.change_keys(item, [kept])
        self._keys.delete(ended)

    def revoke(self, name: str) -> None:
        """End all of a consumer's keys for good; done again, it does what is left to do."""
        item = self._existing(name, may_be_refused=True)
        self._table.revoke(name)
        self._keys.delete(_key_ids(item))

    def all(self) -> list[Listed]:
        """Every consumer, by name."""
        return sorted(map(_listed, self._table.all()), key=lambda one: one.consumer.name)

    def _change_keys(self, item: Item, kept: Sequence[str]) -> str:
        """A new key beside those that are kept; the others end."""
        with self._keys.new(item["consumer"]) as (key, key_id):
            self._table.change_keys(item, kept, [key_id])
        self._keys.delete([one for one in _key_ids(item) if one not in kept])
        return key

    def _existing(self, name: str, *, may_be_refused: bool = False) -> Item:
        _check_name(name)
        item = self._table.find(name)
        if item is None:
            raise ValueError(f"there is no consumer '{name}': `meguru consumer list` has them all")
        if not may_be_refused:
            _check_calls(item)
        return item

    def _check(self, settings: Consumer) -> None:
        limits = {name: getattr(settings, name) for name in LIMITS}
        for name, said in limit_problems(limits).items():
            raise ValueError(f"--{name.replace('_', '-')}: {said}")
        outputs = self._account.stacks().values()
        served = sorted(one["ModelName"] for one in outputs if "ModelName" in one)
        served += [name for one in outputs if "Aliases" in one for name in one["Aliases"].split()]
        for model in sorted(settings.models or ()):
            if model not in served:
                raise ValueError(f"--model {model}: the models here are {', '.join(served)}")


def first_key(account: Account, environment: Environment) -> str:
    """A key of the first consumer that the file declares, or else of one that tries the API."""
    return Consumers(account).add(next(iter(environment.consumers), TRIAL))


def _check_name(name: str) -> None:
    if not is_consumer_name(name):
        raise ValueError(
            f"{name[:MAX_CONSUMER_NAME]!a} is no consumer's name, which has 1 to "
            f"{MAX_CONSUMER_NAME} lower-case letters and digits, in words with single hyphens "
            "between them"
        )


def _check_calls(item: Item) -> None:
    """A name is never given to another: what its first holder asked is kept under it."""
    name, state = item["consumer"], _state(item)
    if state == REVOKED:
        raise ValueError(f"{name} was revoked, for good: add a consumer of another name")
    if state == WITHDRAWN:
        raise ValueError(f"{name} was taken out of the environment file: put it back, and deploy")


def _state(item: Item) -> str:
    if "revoked_at" in item:
        return REVOKED
    return WITHDRAWN if "withdrawn_at" in item else ""


def _key_ids(item: Item) -> list[str]:
    """The earliest first."""
    return list(item.get("key_ids", ()))


def _listed(item: Item) -> Listed:
    state = _state(item)
    num_keys = 0 if state == REVOKED else len(_key_ids(item))
    return Listed(Consumer.from_item(item), num_keys, item.get("created_at", ""), state)
