"""No limit is overspent, what is done twice is done once, and dead workers' reservations end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from meguru.billing import Budget
from meguru.ledger import LIFETIME_SECONDS, Ledger
from meguru.ledger_book import Opened, account_book
from meguru.prices import Price
from meguru.quota import QuotaExceeded, RateLimited

BOOK = "consumer#app#2026-11"
Make = Callable[..., Any]


def silence(book: str, opened: Opened) -> None:
    """What is heard of a reservation of which no model server says anything."""


PRICES = {"chat": Price.read({"prompt": 30, "completion": 90, "cached": 3})}


def test_bound_counts_until_exact_usage_does(make_ledger: Make, make_consumer: Make) -> None:
    ledger = make_ledger()
    reservation = ledger.reserve("a", make_consumer(), 500, "chat")
    book = ledger.read(BOOK)
    assert (book.number("tokens"), book.number("tokens_27")) == (500, 500)
    assert [one.id for one in book.open] == ["a"]
    assert ledger.settle(reservation, 30, 12)
    book = ledger.read(BOOK)
    assert (book.number("tokens"), book.number("tokens_27"), book.open) == (42, 42, ())
    ((day, model, used),) = book.used()
    assert (day, model) == ("2026-11-27", "chat")
    assert (used.requests, used.prompt_tokens, used.completion_tokens) == (1, 30, 12)


def test_settled_twice_counts_once(make_ledger: Make, make_consumer: Make) -> None:
    ledger = make_ledger(prices=PRICES)
    reservation = ledger.reserve("a", make_consumer(requests_per_minute=9), 500, "chat")
    assert [ledger.settle(reservation, 30, n) for n in (12, 400, 12)] == [True, False, False]
    assert ledger.read(BOOK).number("tokens") == 42


@pytest.mark.parametrize(("limit", "day"), [("tokens_per_day", "28"), ("tokens_per_month", "01")])
def test_limit_is_of_its_period(
    make_ledger: Make, make_consumer: Make, clock: Any, limit: str, day: str
) -> None:
    ledger, caller = make_ledger(), make_consumer(**{limit: 1000})
    for name in ("a", "b"):
        ledger.reserve(name, caller, 500, "chat")
    with pytest.raises(QuotaExceeded, match=f"{limit} of 1000: .* 0 are left until") as refused:
        ledger.reserve("c", caller, 1, "chat")
    assert refused.value.headers() == {"x-should-retry": "false"}
    assert refused.value.body()["error"]["type"] == "insufficient_quota"
    clock.set({"28": "2026-11-28T00:00:00", "01": "2026-12-01T00:00:00"}[day])
    ledger.reserve("d", caller, 1000, "chat")


def test_nothing_stands_open_of_what_is_refused(make_ledger: Make, make_consumer: Make) -> None:
    ledger, caller = make_ledger(prices=PRICES, budget=Budget(per_month=60_000)), make_consumer()
    with pytest.raises(QuotaExceeded, match="The budget of this API"):
        ledger.reserve("a", caller, 1000, "chat")
    book = ledger.read(BOOK)
    assert (book.number("tokens"), book.open, book.number("27/chat/requests")) == (0, (), 0)
    ledger.reserve("b", caller, 666, "chat")


def test_too_large_for_an_empty_book(make_ledger: Make, make_consumer: Make) -> None:
    """The condition of a book that isn't there holds for any number."""
    ledger = make_ledger(prices=PRICES, budget=Budget(per_day=9000))
    with pytest.raises(QuotaExceeded, match="may use 1001, 1000 are left"):
        ledger.reserve("a", make_consumer(tokens_per_day=1000), 1001, "chat")
    with pytest.raises(QuotaExceeded, match="per_day"):
        ledger.reserve("b", make_consumer(), 101, "chat")
    with pytest.raises(RateLimited, match="50 tokens a minute") as refused:
        ledger.reserve("c", make_consumer(tokens_per_minute=50), 51, "chat")
    assert refused.value.headers()["x-should-retry"] == "false"


def test_requests_and_tokens_a_minute(make_ledger: Make, make_consumer: Make, clock: Any) -> None:
    ledger = make_ledger()
    caller = make_consumer(requests_per_minute=2, tokens_per_minute=100)
    first = ledger.reserve("a", caller, 90, "chat")
    assert first.rates.headers() == {
        "x-ratelimit-limit-requests": "2",
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-reset-requests": "50s",
        "x-ratelimit-limit-tokens": "100",
        "x-ratelimit-remaining-tokens": "10",
        "x-ratelimit-reset-tokens": "50s",
    }
    with pytest.raises(RateLimited, match="10 are left") as refused:
        ledger.reserve("b", caller, 20, "chat")
    assert refused.value.headers()["retry-after"] == "50"
    # What was not used of the minute is there again.
    ledger.settle(first, 5, 5)
    ledger.reserve("b", caller, 20, "chat")
    with pytest.raises(RateLimited, match="2 requests a minute"):
        ledger.reserve("c", caller, 1, "chat")
    clock.seconds += 50
    assert ledger.reserve("c", caller, 100, "chat").rates.requests_left == 1


def test_settled_in_a_later_minute_takes_nothing_from_it(
    make_ledger: Make, make_consumer: Make, clock: Any
) -> None:
    ledger, caller = make_ledger(), make_consumer(tokens_per_minute=100)
    first = ledger.reserve("a", caller, 90, "chat")
    clock.seconds += 60
    ledger.reserve("b", caller, 90, "chat")
    assert ledger.settle(first, 1, 1)
    with pytest.raises(RateLimited):
        ledger.reserve("c", caller, 20, "chat")


def test_slow_clock_counts_in_the_minute_that_has_begun(
    make_ledger: Make, make_consumer: Make, clock: Any
) -> None:
    caller = make_consumer(requests_per_minute=2)
    make_ledger().reserve("a", caller, 1, "chat")
    clock.seconds -= 60
    slow = make_ledger()
    slow.reserve("b", caller, 1, "chat")
    with pytest.raises(RateLimited):
        slow.reserve("c", caller, 1, "chat")


@pytest.mark.parametrize("limits", [{}, {"requests_per_minute": 5, "tokens_per_minute": 500}])
def test_lost_answers_count_once(
    make_ledger: Make, make_consumer: Make, database: Any, limits: dict[str, int]
) -> None:
    """A client asks again by itself where an answer was lost: it must not reserve twice."""
    ledger = make_ledger(prices=PRICES)
    database.lost = 2
    reservation = ledger.reserve("a", make_consumer(**limits), 100, "chat")
    assert ledger.read(BOOK).number("tokens") == 100
    assert ledger.read(account_book("2026-11")).number("amount") == 9000
    database.lost = 2
    ledger.settle(reservation, 10, 10)
    assert ledger.read(BOOK).number("tokens") == 20
    assert ledger.read(account_book("2026-11")).number("amount") == 10 * 30 + 10 * 90


def test_month_of_the_reservation_is_charged(
    make_ledger: Make, make_consumer: Make, clock: Any
) -> None:
    ledger, caller = make_ledger(prices=PRICES), make_consumer(tokens_per_month=100)
    clock.set("2026-11-30T23:59:59")
    reservation = ledger.reserve("a", caller, 100, "chat")
    clock.set("2026-12-01T00:00:01")
    ledger.reserve("b", caller, 100, "chat")
    ledger.settle(reservation, 10, 10)
    assert ledger.read(BOOK).number("tokens_30") == 20
    assert ledger.read("consumer#app#2026-12").number("tokens") == 100
    assert ledger.read(account_book("2026-11")).number("amount_30") == 1200


def test_dead_workers_reservation_is_charged_whole(
    make_ledger: Make, make_consumer: Make, clock: Any
) -> None:
    ledger, caller = make_ledger(prices=PRICES), make_consumer(tokens_per_day=100)
    ledger.reserve("dead", caller, 80, "chat")
    clock.seconds += LIFETIME_SECONDS - 1
    assert ledger.settle_expired(ledger.read(BOOK), silence) == 0
    clock.seconds += 1
    assert [ledger.settle_expired(ledger.read(BOOK), silence) for _ in range(2)] == [1, 0]
    ((_, _, used),) = ledger.read(BOOK).used()
    assert (used.unconfirmed_tokens, used.prompt_tokens, used.amount) == (80, 0, 7200)
    assert ledger.read(account_book("2026-11")).number("amount") == 7200


def test_left_to_what_the_model_server_says(make_ledger: Make, make_consumer: Make) -> None:
    ledger, caller = make_ledger(prices=PRICES), make_consumer()
    left, settled = (ledger.reserve(name, caller, 500, "chat") for name in ("left", "settled"))
    ledger.settle(settled, 1, 2)
    reports = {"left": (30, 12), "settled": (1, 2), "of another month": (9, 9)}
    assert [ledger.settle_reported(BOOK, reports) for _ in range(2)] == [1, 0]
    assert ledger.read(BOOK).number("tokens") == 45
    assert ledger.read(account_book("2026-11")).number("tokens") == 45
    # The worker was only slow.
    assert not ledger.settle(left, 30, 12)


def test_dead_workers_reservation_is_charged_what_was_heard_of_it(
    make_ledger: Make, make_consumer: Make, clock: Any
) -> None:
    ledger, caller = make_ledger(prices=PRICES), make_consumer()
    for name in ("asked", "not asked"):
        ledger.reserve(name, caller, 80, "chat")
    clock.seconds += LIFETIME_SECONDS
    heard = {"asked": (4, 5), "not asked": (0, 0)}
    assert ledger.settle_expired(ledger.read(BOOK), lambda _, one: heard[one.id]) == 2
    ((_, _, used),) = ledger.read(BOOK).used()
    assert (used.tokens, used.unconfirmed_tokens) == (9, 0)
    assert ledger.read(account_book("2026-11")).number("tokens") == 9


@pytest.mark.parametrize(("heard", "charged"), [((0, 0), 0), (None, 80)])
def test_worker_that_died_between_two_books(
    make_ledger: Make, make_consumer: Make, clock: Any, heard: tuple[int, int] | None, charged: int
) -> None:
    # Without a budget and prices there is no book of the account to write to.
    make_ledger(budget=Budget()).reserve("dead", make_consumer(), 80, "chat")
    ledger = make_ledger(prices=PRICES)
    clock.seconds += LIFETIME_SECONDS
    assert ledger.settle_expired(ledger.read(BOOK), lambda *_: heard) == 1
    assert ledger.read(BOOK).number("tokens") == charged
    assert ledger.read(account_book("2026-11")).number("tokens") == 0


def test_answer_from_the_cache_has_its_own_rule(make_ledger: Make, make_consumer: Make) -> None:
    ledger = make_ledger(prices=PRICES, budget=Budget(per_month=700))
    caller = make_consumer(requests_per_minute=3, tokens_per_day=1)
    assert ledger.charge_cached(caller, 100, "chat").requests_left == 2
    ((_, _, used),) = ledger.read(BOOK).used()
    assert (used.cached_requests, used.cached_tokens, used.tokens, used.amount) == (1, 100, 0, 300)
    ledger.charge_cached(caller, 100, "chat")
    with pytest.raises(QuotaExceeded):
        ledger.charge_cached(caller, 100, "chat")
    ledger.charge_cached(caller, 1, "chat")
    with pytest.raises(RateLimited):
        ledger.charge_cached(caller, 1, "chat")
    assert ledger.read(account_book("2026-11")).number("amount") == 603


def test_consumer_without_any_limit_may_have_answers_from_the_cache(
    make_ledger: Make, make_consumer: Make
) -> None:
    assert make_ledger().charge_cached(make_consumer(), 5, "chat") is None


def test_alarm_does_not_stop(make_ledger: Make, make_consumer: Make) -> None:
    ledger = make_ledger(prices=PRICES, budget=Budget(per_month=1, stops=False))
    ledger.settle(ledger.reserve("a", make_consumer(), 100, "chat"), 50, 50)
    assert ledger.read(account_book("2026-11")).number("amount") == 6000


def test_one_write_to_reserve_and_one_to_settle(
    make_ledger: Make, make_consumer: Make, database: Any
) -> None:
    ledger, caller = make_ledger(), make_consumer(requests_per_minute=10, tokens_per_day=1000)
    for name in "ab":
        database.num_writes = 0
        ledger.settle(ledger.reserve(name, caller, 10, "chat"), 1, 1)
        assert database.num_writes == 2


@pytest.mark.parametrize("of_account", [False, True])
def test_at_once_as_many_as_fit(make_ledger: Make, make_consumer: Make, of_account: bool) -> None:
    """100 at once, each of 10 against 50 of 10: the consumer's limit, or the account's."""
    budget = Budget(tokens_per_month=500) if of_account else Budget()
    ledger: Ledger = make_ledger(budget=budget)
    caller = make_consumer() if of_account else make_consumer(tokens_per_month=500)

    def one(number: int) -> bool:
        try:
            ledger.reserve(f"r{number}", caller, 10, "chat")
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        admitted = list(pool.map(one, range(100)))
    assert sum(admitted) == 50
    assert ledger.read(BOOK).number("tokens") == 500
    assert len(ledger.read(BOOK).open) == 50
