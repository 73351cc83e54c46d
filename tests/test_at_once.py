"""Pieces of work done at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import torch

from vsdeblur.at_once import at_once, streamed_at_once
from vsdeblur.device import torch_threads

pytestmark = pytest.mark.quick

LONG = 20.0  # seconds after which something has gone wrong


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
    running, most, lock = 0, 0, threading.Lock()

    def counted(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    found = {}
    for workers in (1, 2, 3, 50):
        most = 0
        list(at_once(counted, range(12), workers))
        found[workers] = most
    assert found == {1: 1, 2: 2, 3: 3, 50: 4}


def test_threads_of_torch_are_divided_among_the_pieces() -> None:
    def threads(_: int) -> int:
        return torch.get_num_threads()

    for workers, each in ((1, 4), (2, 2), (3, 1), (4, 1)):
        assert list(at_once(threads, range(5), workers)) == [each] * 5
    assert list(at_once(threads, range(1), 4)) == [4]  # a single piece has them all
    assert torch.get_num_threads() == 4
    later: list[int] = []
    other = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    other.start()
    other.join(LONG)
    assert later == [4]


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


def test_results_of_streams_come_in_order_from_pieces_that_run_at_once() -> None:
    both_there = threading.Barrier(2)

    def several(n: int) -> Iterator[tuple[int, int]]:
        both_there.wait(LONG)  # breaks where only one piece is worked on
        for k in range(3):
            time.sleep(0.01 * (n % 2 == 0))
            yield n, k

    assert list(streamed_at_once(several, range(6), 2)) == [(n, k) for n in range(6) for k in range(3)]


def test_no_more_streams_run_at_once_than_there_are_workers_or_threads() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def counted(_: int) -> Iterator[None]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1
        yield None

    found = {}
    for workers in (1, 2, 3, 50):
        most = 0
        assert len(list(streamed_at_once(counted, range(12), workers))) == 12
        found[workers] = most
    assert found == {1: 1, 2: 2, 3: 3, 50: 4}


def test_pieces_of_a_stream_share_its_threads_and_a_single_stream_has_them_all() -> None:
    def threads(n: int) -> Iterator[tuple[int, list[int]]]:
        yield torch.get_num_threads(), list(at_once(lambda _: torch.get_num_threads(), range(4), 2))

    assert list(streamed_at_once(threads, range(4), 2)) == [(2, [1] * 4)] * 4
    assert list(streamed_at_once(threads, range(1), 2)) == [(4, [2] * 4)]
    assert torch.get_num_threads() == 4
    later: list[int] = []
    other = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    other.start()
    other.join(LONG)
    assert later == [4]


def test_streams_within_a_stream_run_one_after_the_other() -> None:
    def inner(n: int) -> Iterator[str]:
        yield threading.current_thread().name

    def outer(_: int) -> Iterator[set[str]]:
        yield {threading.current_thread().name, *streamed_at_once(inner, range(3), 2)}

    assert all(len(names) == 1 for names in streamed_at_once(outer, range(4), 2))


def test_what_a_stream_raises_comes_after_the_results_before_it() -> None:
    def fails_in_2(n: int) -> Iterator[tuple[int, int]]:
        yield n, 0
        if n == 2:
            raise ZeroDivisionError(n)
        time.sleep(0.02)  # the third may be through before the first
        yield n, 1

    results, taken = streamed_at_once(fails_in_2, range(100), 3), []
    with pytest.raises(ZeroDivisionError, match="2"):
        taken.extend(results)
    assert taken == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]


@pytest.mark.parametrize("good", [0, 1, 2, 5])
def test_what_taking_a_piece_raises_comes_after_the_results_before_it(good: int) -> None:
    def pieces() -> Iterator[int]:
        yield from range(good)
        raise ZeroDivisionError(good)

    def twice(n: int) -> Iterator[int]:
        time.sleep(0.01)
        yield from (n, n)

    taken: list[int] = []
    with pytest.raises(ZeroDivisionError, match=str(good)):
        taken.extend(streamed_at_once(twice, pieces(), 2))
    assert taken == [n for n in range(good) for _ in range(2)]


def test_a_caller_who_takes_no_more_ends_the_streams() -> None:
    begun: list[int] = []

    def endless(n: int) -> Iterator[int]:
        begun.append(n)
        while True:
            time.sleep(0.001)
            yield n

    results = streamed_at_once(endless, range(100), 2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    _none_are_left()
    assert len(begun) == 2


def test_a_stream_ends_between_its_pieces_too() -> None:
    goes_on, worked_on = threading.Event(), []

    def in_pieces(n: int) -> Iterator[int]:
        if n:
            goes_on.wait(LONG)
            worked_on.extend(at_once(lambda k: k, range(1000), 2))
        yield n

    results = streamed_at_once(in_pieces, range(2), 2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    goes_on.set()
    _none_are_left()
    assert not worked_on


def test_a_caller_who_waits_between_results_keeps_no_more_than_one_piece_waiting() -> None:
    taken: list[int] = []

    def pieces() -> Iterator[int]:
        for n in range(100):
            taken.append(n)
            yield n

    results = streamed_at_once(lambda n: iter((n, n)), pieces(), 2)
    assert next(results) == 0
    _none_are_left()
    assert len(taken) <= 3
    results.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("inference", [False, True])
def test_streams_run_in_the_callers_inference_mode(inference: bool) -> None:
    with torch.inference_mode(inference):
        modes = list(streamed_at_once(lambda _: iter([torch.is_inference_mode_enabled()]), range(3), 2))
    assert modes == [inference] * 3


_ABANDONED = """
import sys, time
import torch
from vsdeblur.at_once import at_once, streamed_at_once

torch.set_num_threads(4)

def slow(n):
    yield n
    list(at_once(lambda _: time.sleep(0.01), range(10 ** 6), 2))

results = streamed_at_once(slow, range(8), 2)
print(next(results), flush=True)
{then}
"""


@pytest.mark.parametrize(
    ("then", "code"),
    [
        ("", 0),
        ("raise SystemExit(3)", 3),
        ("keep = [results]; keep.append(keep)", 0),
        ("raise KeyboardInterrupt", None),
    ],
)
def test_a_process_ends_that_has_abandoned_its_streams(then: str, code: int | None) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ABANDONED.format(then=then)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "0\n"
    assert code is None or (done.returncode, done.stderr) == (code, "")


def _none_are_left() -> None:
    """Waits until no stream runs any more."""
    end = time.monotonic() + LONG
    while any(thread.name.startswith("vsdeblur-chunk") for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.005)
