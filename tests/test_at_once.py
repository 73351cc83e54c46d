"""Pieces of work done at once."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import pytest
import torch

from tests.support.threads import LONG, Counter, threads_of_another
from vsdeblur.at_once import at_once
from vsdeblur.device import torch_threads

pytestmark = pytest.mark.quick


@pytest.fixture(autouse=True)
def four_threads() -> Iterator[None]:
    with torch_threads(4):
        yield


def test_results_come_in_order_from_pieces_that_run_at_once() -> None:
    both_there = threading.Barrier(2)

    def late_if_even(n: int) -> int:
        both_there.wait(LONG)  # breaks where only one piece is worked on
        time.sleep(0.02 * (n % 2 == 0))
        return 10 * n

    assert list(at_once(late_if_even, range(8), 2)) == [0, 10, 20, 30, 40, 50, 60, 70]


def test_no_more_pieces_run_at_once_than_there_are_workers_or_threads() -> None:
    found = {}
    for workers in (1, 2, 3, 50):
        counter = Counter()
        list(at_once(counter.work, range(12), workers))
        found[workers] = counter.most
    assert found == {1: 1, 2: 2, 3: 3, 50: 4}


def test_threads_of_torch_are_divided_among_the_pieces() -> None:
    def threads(_: int) -> int:
        return torch.get_num_threads()

    for workers, each in ((1, 4), (2, 2), (3, 1), (4, 1)):
        assert list(at_once(threads, range(5), workers)) == [each] * 5
    assert list(at_once(threads, range(1), 4)) == [4]  # a single piece has them all
    assert torch.get_num_threads() == 4
    assert threads_of_another() == 4


def test_single_pieces_have_one_thread_however_many_there_are() -> None:
    def threads(_: int) -> int:
        return torch.get_num_threads()

    for workers in (1, 2, 4):
        for pieces in (1, 5):
            assert list(at_once(threads, range(pieces), workers, single=True)) == [1] * pieces


def test_the_first_error_is_raised_and_what_has_not_begun_is_dropped() -> None:
    begun: list[int] = []

    def fails_from_2_on(n: int) -> int:
        begun.append(n)
        if n >= 2:
            raise ZeroDivisionError(n)
        return n

    results = at_once(fails_from_2_on, range(100), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError, match="2"):
        next(results)
    time.sleep(0.05)
    assert max(begun) <= 2 + 2


def test_a_caller_who_takes_no_more_ends_the_work() -> None:
    begun: list[int] = []
    results = at_once(begun.append, range(100), 2)
    next(results)
    results.close()  # type: ignore[attr-defined]
    time.sleep(0.05)
    assert len(begun) <= 3


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="the system has no signals for threads")
def test_an_interrupt_does_not_wait_for_pieces_that_run() -> None:
    goes_on = threading.Event()

    def interrupts(n: int) -> None:
        if n == 0:
            time.sleep(0.2)  # the caller waits by then
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        goes_on.wait(LONG)

    # A shell has processes in the background ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        begin = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            list(at_once(interrupts, range(4), 2))
        assert time.perf_counter() - begin < LONG / 2
    finally:
        signal.signal(signal.SIGINT, before)
    goes_on.set()


def test_pieces_of_a_piece_run_one_after_the_other() -> None:
    def inner(n: int) -> str:
        return threading.current_thread().name

    def outer(_: int) -> set[str]:
        return {threading.current_thread().name, *at_once(inner, range(4), 4)}

    with torch_threads(8):  # four of which each piece could give to its own
        assert all(len(names) == 1 for names in at_once(outer, range(6), 2))


def test_pieces_run_in_the_callers_inference_mode() -> None:
    def mode(_: int) -> bool:
        return torch.is_inference_mode_enabled()

    with torch.inference_mode():
        assert list(at_once(mode, range(3), 2)) == [True] * 3
    assert list(at_once(mode, range(3), 2)) == [False] * 3


def test_two_callers_at_once() -> None:
    found: dict[int, list[int]] = {}

    def call(k: int) -> None:
        with torch_threads(4):
            found[k] = list(at_once(lambda n: k * n, range(50), 2))

    callers = [threading.Thread(target=call, args=(k,)) for k in range(4)]
    for one in callers:
        one.start()
    for one in callers:
        one.join(LONG)
    assert found == {k: [k * n for n in range(50)] for k in range(4)}
