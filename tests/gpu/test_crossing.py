"""Copies to and from the simulated device: few, complete when they are seen, beside the work after them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from tests.support.cuda import simulated
from vsdeblur.crossing import received, sent, together

DEVICE = torch.device("cuda", 0)
BYTES = 4 * 6  # of a picture


def made(count: int, made_so_far: list[int]) -> Iterator[Tensor]:
    for k in range(count):
        made_so_far.append(k)
        yield sent(torch.full((2, 3), float(k)), DEVICE) + 0


@pytest.mark.parametrize(("spare", "copies"), [(0, 6), (4 * BYTES, 6), (5 * BYTES, 3), (8 * BYTES, 2), (99 * BYTES, 1)])
def test_pictures_come_in_order_by_as_few_copies_as_there_is_room_for(spare: int, copies: int) -> None:
    with simulated() as device:
        pictures = list(received(made(6, []), spare))
    assert [float(x.mean()) for x in pictures] == [0, 1, 2, 3, 4, 5]
    assert device.copies.total() == 6 + copies
    assert device.syncs.total() == copies


@pytest.mark.parametrize(("spare", "ahead"), [(0, 1), (BYTES, 2), (4 * BYTES, 2), (5 * BYTES, 4)])
def test_the_next_ones_are_made_while_the_last_ones_travel(spare: int, ahead: int) -> None:
    begun: list[int] = []
    with simulated():
        next(received(made(8, begun), spare))
    assert len(begun) == ahead


def test_on_the_processor_pictures_pass_as_they_are() -> None:
    given = [torch.rand(2, 3) for _ in range(3)]
    assert all(x is y for x, y in zip(received(iter(given), 10**9), given, strict=True))
    assert sent(given[0], torch.device("cpu")) is given[0]
    assert together(*given)[1] is given[1]


def test_values_of_several_shapes_by_one_copy() -> None:
    given = [torch.rand(4), torch.rand(2, 3), torch.rand(1, 2, 2)]
    with simulated() as device:
        there = [sent(x, DEVICE) for x in given]
        device.copies.clear()
        found = together(*there)
    assert all(torch.equal(x, y) for x, y in zip(found, given, strict=True))
    assert device.copies.total() == 1
