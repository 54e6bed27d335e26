"""One answer for all who ask for it at once, in however many processes: one leads, others wait."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
import uuid
from dataclasses import asdict, dataclass
from typing import Any

from lambdas.answer_request.cache_store import CacheStore, StoreUnavailable
from meguru.model_version import Answering

# Who leads says so again and again; of one that is gone nothing is heard for so long.
LEAD_SECONDS, RENEW_SECONDS = 4.0, 1.0
# SageMaker ends an answer in one piece after 60 s: who has waited for longer asks by itself.
MAX_WAIT_SECONDS = 60
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 0.5
# An item of DynamoDB holds 400 KB.
MAX_ANSWER_BYTES = 350_000
# A store that doesn't answer is left alone for so long: no request waits for it meanwhile.
LEFT_ALONE_SECONDS = 5

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CachedAnswer:
    """A completion as it was given when it was not streamed, and what gave it."""

    completion: dict[str, Any]
    answering: Answering

    def text(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> CachedAnswer:
        """ValueError where it isn't one."""
        try:
            values = json.loads(text)
            return cls(values["completion"], Answering(**values["answering"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"no answer: {text[:40]!r}") from error


@dataclass(frozen=True)
class Lead:
    """The right to make an answer alone, renewed until it is ended or this process is."""

    key: str
    leader: str


class Leads:
    """This process's leads: one thread renews them all, for as long as there are any."""

    def __init__(self, store: CacheStore) -> None:
        self._store = store
        self._open: set[Lead] = set()
        self._lock, self._is_renewing = threading.Lock(), False

    def begin(self, lead: Lead) -> None:
        with self._lock:
            self._open.add(lead)
            if self._is_renewing:
                return
            self._is_renewing = True
        threading.Thread(target=self._run, daemon=True).start()

    def end(self, lead: Lead) -> None:
        with self._lock:
            self._open.discard(lead)

    def _run(self) -> None:
        while True:
            time.sleep(RENEW_SECONDS)
            with self._lock:
                leads = list(self._open)
                self._is_renewing = bool(leads)
            if not leads:
                return
            self._renew(leads)

    def _renew(self, leads: list[Lead]) -> None:
        try:
            for lead in leads:
                if not self._store.renew(lead.key, lead.leader, LEAD_SECONDS):
                    self.end(lead)
        except StoreUnavailable as error:
            logger.warning("leads could not be renewed: %s", error)


class SingleFlight:
    """The answers of a store. It never raises: one that can't be asked holds nothing."""

    def __init__(self, store: CacheStore, seconds: int) -> None:
        self._store, self._seconds = store, seconds
        self.leads = Leads(store)
        self._left_alone_until = 0.0

    def find(self, key: str) -> tuple[CachedAnswer | None, Lead | None]:
        """The answer, or the right to make it; neither: make it all the same."""
        if time.monotonic() < self._left_alone_until:
            return None, None
        try:
            return self._find(key)
        except StoreUnavailable as error:
            self._leave_alone(error)
        except ValueError as error:
            logger.warning("what is kept under %s can't be read: %s", key, error)
        return None, None

    def put(self, key: str, answer: CachedAnswer, lead: Lead | None) -> None:
        """Keep an answer for who asks next, and for who waits."""
        if lead:
            self.leads.end(lead)
        text = answer.text()
        try:
            if len(text.encode()) <= MAX_ANSWER_BYTES:
                self._store.put(key, text, self._seconds)
            elif lead:
                self._store.give_up(lead.key, lead.leader)
        except StoreUnavailable as error:
            self._leave_alone(error)

    def give_up(self, lead: Lead) -> None:
        """Let another one lead: there will be no answer."""
        self.leads.end(lead)
        try:
            self._store.give_up(lead.key, lead.leader)
        except StoreUnavailable as error:
            self._leave_alone(error)

    def _find(self, key: str) -> tuple[CachedAnswer | None, Lead | None]:
        leader, pause = uuid.uuid4().hex, FIRST_PAUSE_SECONDS
        waits_until = time.monotonic() + MAX_WAIT_SECONDS
        entry = self._store.read(key)
        while entry.answer is None:
            if entry.leader is None:
                entry = self._store.lead(key, leader, LEAD_SECONDS)
                if entry.leader == leader:
                    lead = Lead(key, leader)
                    self.leads.begin(lead)
                    return None, lead
            elif time.monotonic() > waits_until:
                return None, None
            else:
                # Not all at the same moment.
                time.sleep(pause * random.uniform(0.5, 1))
                pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
                entry = self._store.read(key)
        return CachedAnswer.read(entry.answer), None

    def _leave_alone(self, error: StoreUnavailable) -> None:
        logger.warning("the cache can't be asked, and is left alone for a while: %s", error)
        self._left_alone_until = time.monotonic() + LEFT_ALONE_SECONDS
