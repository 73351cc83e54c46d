"""Pieces that give several results, worked on at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import torch

from tests.support.threads import LONG, Counter, threads_of_another
from vsdeblur.at_once import at_once
from vsdeblur.device import torch_threads
from vsdeblur.streams import streamed_at_once

pytestmark = pytest.mark.quick


@pytest.fixture(autouse=True)
def four_threads() -> Iterator[None]:
    with torch_threads(4):
        yield


def test_results_of_streams_come_in_order_from_pieces_that_run_at_once() -> None:
    both_there = threading.Barrier(2)

    def several(n: int) -> Iterator[tuple[int, int]]:
        both_there.wait(LONG)  # breaks where only one piece is worked on
        for k in range(3):
            time.sleep(0.01 * (n % 2 == 0))
            yield n, k

    assert list(streamed_at_once(several, range(6), 2)) == [(n, k) for n in range(6) for k in range(3)]


def test_no_more_streams_run_at_once_than_there_are_workers_or_threads() -> None:
    found = {}
    for workers in (1, 2, 3, 50):
        counter = Counter()
        assert len(list(streamed_at_once(counter.stream, range(12), workers))) == 12
        found[workers] = counter.most
    assert found == {1: 1, 2: 2, 3: 3, 50: 4}


def test_pieces_of_a_stream_share_its_threads_and_a_single_stream_has_them_all() -> None:
    def threads(n: int) -> Iterator[tuple[int, list[int]]]:
        yield torch.get_num_threads(), list(at_once(lambda _: torch.get_num_threads(), range(4), 2))

    assert list(streamed_at_once(threads, range(4), 2)) == [(2, [1] * 4)] * 4
    assert list(streamed_at_once(threads, range(1), 2)) == [(4, [2] * 4)]
    assert torch.get_num_threads() == 4
    assert threads_of_another() == 4


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
from vsdeblur.at_once import at_once
from vsdeblur.streams import streamed_at_once

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
        ("raise KeyboardInterrupt", -signal.SIGINT),
    ],
)
def test_a_process_ends_that_has_abandoned_its_streams(then: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ABANDONED.format(then=then)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.returncode) == ("0\n", code)
    assert code < 0 or done.stderr == ""


def _none_are_left() -> None:
    """Waits until no stream runs any more."""
    end = time.monotonic() + LONG
    while any(thread.name.startswith("vsdeblur-chunk") for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.005)
