"""Jobs wait their turn on a small machine."""

from __future__ import annotations

import threading

from localcloud.sagemaker.capacity import Capacity


def test_slots_go_round_in_the_order_of_asking() -> None:
    capacity, order = Capacity(1), []
    assert capacity.acquire(lambda: False)
    queued = []
    for number in range(3):

        def wait(number: int = number) -> None:
            assert capacity.acquire(lambda: False)
            order.append(number)
            capacity.release()

        queued.append(threading.Thread(target=wait))
        queued[-1].start()
        while len(capacity._queue) < number + 1:
            pass
    capacity.release()
    for thread in queued:
        thread.join(5)
    assert order == [0, 1, 2]


def test_who_gives_up_holds_nobody_back() -> None:
    capacity = Capacity(1)
    assert capacity.acquire(lambda: False)
    assert not capacity.acquire(lambda: True)
    capacity.release()
    assert capacity.acquire(lambda: False)
